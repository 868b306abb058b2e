package attention

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	schemes.add("fire", func(_ *args, prev Scheme) (Scheme, error) {
		f, _ := prev.(FIRE) // all of it comes with the model
		return f, nil
	}, "fire")
}

// FIRE adds to each logit a learned function of the distance relative to the query's position (arXiv 2310.04418): with
// ψ(x) = ln(C·x + 1) a small network of x = ψ(distance) / (ψ(max(position, From)) + 1e-6) with one layer of ReLUs between.
type FIRE struct {
	C       float64   // how soon distances are compressed; above 0
	From    float64   // position up to which distances are relative to this one instead
	In      []float32 // [width] weights of x
	InBias  []float32 // [width]
	Out     []float32 // [heads, width]
	OutBias []float32 // [heads]
}

// Fit implements Scheme.
func (FIRE) Fit(int) (Positioner, error) { return nil, nil }

// Bias implements Biased.
func (f FIRE) Bias(heads int) (Biaser, error) {
	width := len(f.In)
	if width == 0 || width > 1<<10 || len(f.InBias) != width || len(f.Out) != heads*width || len(f.OutBias) != heads {
		return nil, fmt.Errorf("fire: weights of %d, %d, %d and %d values for %d heads (they come from the model file)",
			width, len(f.InBias), len(f.Out), len(f.OutBias), heads)
	}
	if !(f.C > 0 && f.C <= maxFactor) || !(f.From >= 0 && f.From <= maxDistance) {
		return nil, fmt.Errorf("fire: c=%v, from=%v are not positive and reasonable", f.C, f.From)
	}
	for _, w := range [][]float32{f.In, f.InBias, f.Out, f.OutBias} {
		for _, x := range w {
			if x-x != 0 {
				return nil, errors.New("fire: a weight is not finite")
			}
		}
	}
	return f.lines(heads), nil
}

func (FIRE) String() string { return "fire" }

// lines is the network: as a function of one number it is a line between any two places where a ReLU changes sides, of which
// there are at most as many as ReLUs.
func (f FIRE) lines(heads int) *lines {
	l := &lines{c: f.C, from: f.From}
	for i, w := range f.In {
		if at := -float64(f.InBias[i]) / float64(w); at > 0 && at < 2 {
			l.knots = append(l.knots, float32(at))
		}
	}
	slices.Sort(l.knots)
	l.knots = slices.Compact(l.knots)
	l.pieces = len(l.knots) + 1
	for h := range heads {
		for p := range l.pieces {
			x := 0.0 // in the piece
			switch {
			case l.pieces == 1:
				x = 0.5
			case p == 0:
				x = float64(l.knots[0]) / 2
			case p == l.pieces-1:
				x = float64(l.knots[p-1]) + 1
			default:
				x = (float64(l.knots[p-1]) + float64(l.knots[p])) / 2
			}
			slope, start := 0.0, float64(f.OutBias[h])
			for i, w := range f.In {
				if in, bias := float64(w), float64(f.InBias[i]); float64(in*x)+bias > 0 {
					out := float64(f.Out[h*len(f.In)+i])
					slope, start = slope+float64(out*in), start+float64(out*bias)
				}
			}
			l.slope, l.start = append(l.slope, float32(slope)), append(l.start, float32(start))
		}
	}
	return l
}

// lines are the biases of all query heads.
type lines struct {
	c, from      float64
	knots        []float32 // [pieces-1] where pieces meet, ascending
	pieces       int
	slope, start []float32                 // [heads, pieces]
	table        atomic.Pointer[[]float64] // ψ of distances from 0 on; grown by doubling, up to maxTable
	growing      sync.Mutex
}

const maxTable = 1 << 20 // 8 MB; ψ of what is farther is computed each time

// psi is ψ.
func (l *lines) psi(x float64) float64 { return ln(float64(l.c*x) + 1) }

// Width implements Biaser: the network's input, then its piece and where the run of keys with that piece ends.
func (*lines) Width() int { return 3 }

// Row implements Biaser.
func (l *lines) Row(dst []float32, q seq.Pos, keys []seq.Pos) {
	n, piece := len(keys), 0
	x, pieces, ends := dst[:n], dst[n:2*n], dst[2*n:3*n]
	psi := l.upTo(int(q))
	whole := l.psi(max(float64(q), l.from)) + 1e-6
	for i, k := range keys {
		d := distance(q, k)
		if d < len(psi) {
			x[i] = float32(psi[d] / whole)
		} else {
			x[i] = float32(l.psi(float64(d)) / whole)
		}
		for piece > 0 && x[i] < l.knots[piece-1] { // neighbours are in the same piece or the next
			piece--
		}
		for piece < len(l.knots) && x[i] >= l.knots[piece] {
			piece++
		}
		pieces[i] = float32(piece)
	}
	for i, end := n-1, n; i >= 0; i-- {
		if i+1 < n && pieces[i] != pieces[i+1] {
			end = i + 1
		}
		ends[i] = float32(end)
	}
}

// upTo returns a table of ψ that goes up to d, or as far as tables go.
func (l *lines) upTo(d int) []float64 {
	if t := l.table.Load(); t != nil && (d < len(*t) || len(*t) == maxTable) {
		return *t
	}
	l.growing.Lock()
	defer l.growing.Unlock()
	var old []float64
	if t := l.table.Load(); t != nil {
		old = *t
	}
	size := max(1024, len(old))
	for size <= d && size < maxTable {
		size *= 2
	}
	if size == len(old) {
		return old // somebody else was here
	}
	t := append(make([]float64, 0, size), old...)
	for i := len(old); i < size; i++ {
		t = append(t, l.psi(float64(i)))
	}
	l.table.Store(&t)
	return t
}

// Add implements Biaser.
func (l *lines) Add(logits []float32, head int, row []float32) {
	n := len(logits)
	x, pieces, ends := row[:n], row[n:2*n], row[2*n:3*n]
	for i := 0; i < n; {
		e, p := int(ends[i]), head*l.pieces+int(pieces[i])
		vec.Axpy(logits[i:e], l.slope[p], x[i:])
		vec.Axpy(logits[i:e], l.start[p], ones[:])
		i = e
	}
}

var ones = func() (x [Tile]float32) {
	for i := range x {
		x[i] = 1
	}
	return x
}()
