package attention

import (
	"fmt"
	"math"
)

func init() { codecs.add("pca", parsePCA, "pca(bits=2.5)", "pca(rank=3)") }

// PCA stores vectors in the coordinates of Layer.Bases, those that are worth most first: transform coding (Goyal, Theoretical
// foundations of transform coding, 2001). With Bits, coordinates get 0 to 4 bits a tile and row, as many as their variance is worth, by
// reverse water-filling: keys are scaled by coordinate and tile, as in Kivi, values by row. With Rank, coordinates from Rank on get
// nothing at all, as in low-rank caches (Palu, arXiv 2407.21118; Loki, arXiv 2406.02542); without Bits the others are stored as halves.
type PCA struct {
	Bits float64 // bytes of a tile, as bits for each number of its vectors, at most; 0: rows in f16 or f32
	Rank int     // 0: all coordinates
	F32  bool    // rows in f32 instead of f16

	bases *LayerBases
}

// pcaMost is what the widest coordinates take: 4 bits, and 16 for each 64 of them.
const pcaMost = 4.25

func parsePCA(a *args, _ Codec) (Codec, error) {
	c := PCA{Rank: a.whole("rank", 0), F32: a.flag("f32")}
	usual := 2.5
	if c.Rank > 0 {
		usual = 0
	}
	c.Bits = a.number("bits", usual)
	switch {
	case c.F32 && c.Bits != 0:
		return nil, fmt.Errorf("f32 rows have no number of bits")
	case c.Bits != 0 && !(c.Bits >= 0.5 && c.Bits <= pcaMost), c.Bits == 0 && c.Rank == 0:
		return nil, fmt.Errorf("%v bits are not from 0.5 to %v", c.Bits, pcaMost)
	}
	return c, nil
}

func (c PCA) String() string {
	return term("pca", optNum("bits", c.Bits), optInt("rank", c.Rank), optFlag("f32", c.F32))
}

func (PCA) coarse() {}

// In implements Calibrated.
func (c PCA) In(b *LayerBases) Codec {
	c.bases = b
	return c
}

// width is how many of dim coordinates are stored.
func (c PCA) width(dim int) (int, error) {
	switch {
	case c.bases == nil:
		return 0, fmt.Errorf("%w: there are none", ErrBases)
	case c.Rank > dim:
		return 0, fmt.Errorf("a rank of %d of %d numbers", c.Rank, dim)
	case c.Rank == 0:
		return dim, nil
	}
	return c.Rank, nil
}

// Keys implements Codec.
func (c PCA) Keys(dim int) (Rows, error) {
	width, err := c.width(dim)
	if err != nil {
		return nil, err
	}
	s, err := newBasisSet(c.bases.Key, dim, nil, true)
	if err != nil {
		return nil, err
	}
	if c.Bits == 0 {
		return c.rows(s, dim, width, true)
	}
	room := fit{total: int(c.Bits*float64(dim*Tile)) / 128 * 128, group: pcaKeyGroup, head: 16, none: 8}
	return newPCAKeys(s, width, room.bits(c.bases.Key, width)), nil
}

// Values implements Codec.
func (c PCA) Values(dim int) (Rows, error) {
	width, err := c.width(dim)
	if err != nil {
		return nil, err
	}
	if c.Bits == 0 {
		s, err := newBasisSet(c.bases.Value, dim, nil, false)
		if err != nil {
			return nil, err
		}
		return c.rows(s, dim, width, false)
	}
	room := fit{total: int(c.Bits*float64(dim*Tile)) - 16*Tile, group: pcaValueGroup}
	bits := room.bits(c.bases.Value, width)
	unit := make([]float32, dim)
	for i := range unit {
		unit[i] = 1 / pcaSteps[bits[i/pcaValueGroup]]
	}
	s, err := newBasisSet(c.bases.Value, dim, unit, false)
	if err != nil {
		return nil, err
	}
	return newPCAValues(s, width, bits, c.bases.Value), nil
}

// rows are floats of the first coordinates.
func (c PCA) rows(s basisSet, dim, width int, keys bool) (Rows, error) {
	codec := Codec(F16{})
	if c.F32 {
		codec = F32{}
	}
	r := narrow{dim: dim, width: width, keys: keys}
	var err error
	if keys {
		r.Rows, err = codec.Keys(width)
	} else {
		r.Rows, err = codec.Values(width)
	}
	if err != nil {
		return nil, err
	}
	r.mul = r.Rows.(Multiplier)
	if keys {
		return narrowKeys{r, s}, nil
	}
	return narrowValues{r, s}, nil
}

// distortion is the mean squared error of the best uniform quantiser of so many bits of a normal variable of variance 1 (Max 1960).
var distortion = [...]float64{1, 0.3634, 0.1188, 0.0374, 0.01154}

// pcaSteps are such a quantiser's: half of its step, whose odd multiples are the levels; with 4 bits the step, since the levels are all.
var pcaSteps = [...]float32{1, 0.798, 0.498, 0.293, 0.335}

// fit divides the bits of a tile over groups of coordinates.
type fit struct {
	total int // bits of a tile
	group int // coordinates that get the same
	head  int // bits of a coordinate besides those of its rows
	none  int // bits of a coordinate that has no others
}

// bits returns those of each group: a group more bits go where a bit saves most of the variance, as long as there are enough.
func (f fit) bits(of []Basis, width int) []int {
	dim := len(of[0].Var)
	bits := make([]int, (dim+f.group-1)/f.group)
	worth := make([]float64, len(bits))
	for _, b := range of {
		for i, v := range b.Var[:width] {
			worth[i/f.group] += float64(v)
		}
	}
	groups := (width + f.group - 1) / f.group
	cost := func(b int) int {
		if b == 0 {
			return f.none * f.group
		}
		return (b*Tile + f.head) * f.group
	}
	for left := f.total - groups*cost(0); ; {
		best, at, to := 0.0, -1, 0
		for i := range groups {
			for b := bits[i] + 1; b < len(distortion); b++ {
				more := cost(b) - cost(bits[i])
				if gain := float64(worth[i]*(distortion[bits[i]]-distortion[b])) / float64(more); more <= left && gain > best {
					best, at, to = gain, i, b
				}
			}
		}
		if at < 0 {
			return bits
		}
		left -= cost(to) - cost(bits[at])
		bits[at] = to
	}
}

// run is coordinates [from, to) of the same bits.
type run struct {
	from, to, bits int
	at             int // where its codes begin in a tile
}

// codes are those of a run.
func (r run) codes(tile []byte) []byte { return tile[r.at:][:(r.to-r.from)*Tile*r.bits/8] }

// panel is that of its nibbles.
func (r run) panel() int { return (r.to - r.from) * Tile / 2 }

// bitRuns joins groups of coordinates of the same bits, as far as width coordinates go.
func bitRuns(bits []int, group, width int) (runs []run) {
	for g, b := range bits {
		from := g * group
		if n := len(runs); n > 0 && runs[n-1].bits == b {
			runs[n-1].to += group
		} else if from < width {
			runs = append(runs, run{from: from, to: from + group, bits: b})
		}
	}
	return runs
}

// dealt gives each run its place in a tile, from at on, and returns the end.
func dealt(runs []run, at int) int {
	for i := range runs {
		runs[i].at = at
		at += (runs[i].to - runs[i].from) * Tile * runs[i].bits / 8
	}
	return at
}

// narrow is rows of the first width of dim coordinates.
type narrow struct {
	Rows
	mul        Multiplier
	dim, width int
	keys       bool
}

type narrowKeys struct {
	narrow
	basisSet
}

type narrowValues struct {
	narrow
	basisSet
}

// Width implements Narrow.
func (r narrow) Width() int { return r.width }

// Put implements Rows.
func (r narrow) Put(tile []byte, row int, x []float32) { r.Rows.Put(tile, row, x[:r.width]) }

// Get implements Rows.
func (r narrow) Get(dst []float32, tile []byte, n int) {
	r.Rows.Get(dst, tile, n)
	if r.keys {
		clear(dst[r.width*Tile : r.dim*Tile])
		return
	}
	for i := n - 1; i >= 0 && r.width < r.dim; i-- {
		row := dst[i*r.dim:][:r.dim]
		copy(row, dst[i*r.width:][:r.width])
		clear(row[r.width:])
	}
}

// MulAdd implements Multiplier.
func (r narrow) MulAdd(c, a []float32, tile []byte, first, m, k, n, lda, ldc int) {
	r.mul.MulAdd(c, a, tile, first, m, k, n, lda, ldc)
}

// pcaScales are the powers of 2^(1/6) that keys' scales are rounded to. The last one stands for what is not a number.
var pcaScales = func() (s [64]float32) {
	roots := [...]float64{1, 1.122462048309373, 1.2599210498948732, 1.4142135623730951, 1.5874010519681994, 1.7817974362806785}
	for i := range s {
		s[i] = float32(math.Ldexp(roots[i%6], i/6-5))
	}
	s[len(s)-1] = float32(math.NaN())
	return s
}()
