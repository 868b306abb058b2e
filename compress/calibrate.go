package compress

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// input is what some linear maps take in.
type input struct {
	cols    int
	maps    []string // without ".weight"
	moments *moments // nil: they are not wanted now
}

// moments collects second moments of activations.
type moments struct {
	n   int       // activations so far
	sum []float64 // Σ x·xᵀ, the lower triangle row by row. [cols·(cols+1)/2]
}

func momentsBytes(cols int) int64 { return int64(cols) * int64(cols+1) / 2 * 8 }

// network runs the model's network over windows of tokens, for what its maps take in.
type network struct {
	net    *layer.Net
	pool   *par.Pool
	mem    seq.Arena
	inputs []*input
	byName map[string]*input
}

// newNetwork looks which maps there are by a pass over one token. The head is one of them only with head; without, it is cut
// to a single row, because nobody needs logits and they may take as long as all else.
func newNetwork(ctx context.Context, net *layer.Net, pool *par.Pool, head bool) (*network, error) {
	cut := *net
	if !head {
		cut.Head = layer.Linear{W: net.Embed.Slice(0, 1)}
	}
	n := &network{net: &cut, pool: pool, byName: map[string]*input{}}
	err := n.run(ctx, [][]int32{{0}}, func(_ *seq.Step, names []string, _ []float32, cols int) error {
		in := &input{cols: cols}
		for _, name := range names {
			if n.byName[name] == nil { // parts of a tensor have one name
				n.byName[name] = in
				in.maps = append(in.maps, name)
			}
		}
		n.inputs = append(n.inputs, in)
		return nil
	}, func(int) {})
	return n, err
}

// run runs windows, each a text of its own, and shows the tap what goes into maps. done counts tokens.
func (n *network) run(ctx context.Context, windows [][]int32, tap seq.Tap, done func(tokens int)) error {
	return n.pass(ctx, windows, seq.Step{Tap: tap}, done)
}

// runHeads is run for what attention layers see.
func (n *network) runHeads(ctx context.Context, windows [][]int32, tap seq.HeadTap, done func(tokens int)) error {
	return n.pass(ctx, windows, seq.Step{Heads: tap}, done)
}

// pass is run with the taps of a step.
func (n *network) pass(ctx context.Context, windows [][]int32, taps seq.Step, done func(tokens int)) error {
	most := 0
	for _, w := range windows {
		most = max(most, len(w))
	}
	st, err := n.net.NewState(&seq.Env{MaxLen: most, MaxChunk: most})
	if err != nil {
		return err
	}
	pos, want := make([]seq.Pos, most), make([]int, most)
	for i := range most {
		pos[i], want[i] = seq.Pos(i), i
	}
	logits := make([]float32, most*n.net.Vocab())
	tokens := 0
	for i, w := range windows {
		if err := st.Rewind(0); err != nil {
			return err
		}
		team, leave := n.pool.Pass(ctx)
		at := &seq.Step{N: len(w), Pos: pos[:len(w)], Want: want[:len(w)], Team: team, Mem: &n.mem, Tap: taps.Tap, Heads: taps.Heads}
		mark := n.mem.Mark()
		err := team.Err()
		if err == nil {
			err = par.Guard(func() error { return n.net.Run(logits[:len(w)*n.net.Vocab()], w, st, at) })
		}
		leave()
		n.mem.Release(mark)
		if err != nil {
			return fmt.Errorf("window %d of %d: %w", i+1, len(windows), err)
		}
		tokens += len(w)
		done(tokens)
	}
	return nil
}

// collect takes the moments of some inputs from windows.
func (n *network) collect(ctx context.Context, windows [][]int32, inputs []*input, done func(tokens int)) error {
	for _, in := range inputs {
		in.moments = &moments{sum: make([]float64, in.cols*(in.cols+1)/2)}
	}
	return n.run(ctx, windows, func(at *seq.Step, names []string, x []float32, cols int) error {
		in := n.byName[names[0]]
		if in.moments == nil {
			return nil
		}
		return in.moments.add(at, x, cols)
	}, done)
}

// add adds x[N, cols]. The products of a step are the runtime's float32 dots, which are fast; steps add up in float64.
func (m *moments) add(at *seq.Step, x []float32, cols int) error {
	mark := at.Mem.Mark()
	rows := len(x) / cols
	turned := seq.Take[float32](at.Mem, len(x)) // [cols, rows]
	data := seq.Take[uint8](at.Mem, 4*len(x))
	square := seq.Take[float32](at.Mem, cols*cols)
	for lo := 0; lo < rows; lo += 16 { // a cache line of the result at a time
		hi := min(lo+16, rows)
		for c := range cols {
			for r := lo; r < hi; r++ {
				v := x[r*cols+c]
				turned[c*rows+r] = v
				binary.LittleEndian.PutUint32(data[4*(c*rows+r):], math.Float32bits(v))
			}
		}
	}
	xt, err := quant.NewMatrix(quant.F32, cols, rows, data)
	if err != nil {
		return err
	}
	var in quant.Input
	if err := in.Set(turned, cols, rows, true, at.Team, at.Mem); err != nil {
		return err
	}
	if err := quant.Mul(&in, at.Team, at.Mem, quant.Job{M: xt, Y: square, Stride: cols}); err != nil {
		return err
	}
	sum := m.sum
	for r := range cols {
		for c, v := range square[r*cols : r*cols+r+1] {
			sum[c] += float64(v)
		}
		sum = sum[r+1:]
	}
	m.n += rows
	at.Mem.Release(mark)
	return nil
}

// mean is the mean of x·xᵀ.
func (m *moments) mean(cols int) *mat.SymDense {
	c, sum := mat.NewSymDense(cols, nil), m.sum
	for i := range cols {
		for j, v := range sum[:i+1] {
			c.SetSym(i, j, v/float64(m.n))
		}
		sum = sum[i+1:]
	}
	return c
}

// groups cuts inputs into groups whose moments fit into limit bytes, or that are one input.
func groups(inputs []*input, limit int64) (gs [][]*input) {
	size := int64(0)
	for i, in := range inputs {
		b := momentsBytes(in.cols)
		if i == 0 || size+b > limit {
			gs, size = append(gs, nil), 0
		}
		gs[len(gs)-1] = append(gs[len(gs)-1], in)
		size += b
	}
	return slices.Clip(gs)
}
