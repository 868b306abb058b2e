package quant

import (
	"fmt"
	"math"
	"sync"

	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/seq"
)

// actBlock is the number of activations that share a scale in fast mode.
const actBlock = i8.Group

// metaLen is the number of float32 that describe a block of activations: its scale, the sum of its 32 integers, the sums
// of the first and the last 16 (formats with groups of 16 need these), the three sums times the scale, and a zero that
// makes a row of these as many bytes as a row of activations. Integer sums are exact in float32.
const metaLen = 8

// Input holds the activations of one product, n rows of cols: the float32 rows themselves, and in fast mode also int8
// blocks of 32 with a scale. One Input serves any number of products with matrices of cols columns. The zero value is
// ready for Set; it refers to the slices given to Set, which must stay unchanged until the last product.
type Input struct {
	x       []float32 // [n, cols]
	q       []int8    // [n, cols]; nil in exact mode, and when cols is not a multiple of 32
	meta    []float32 // [n, cols/32, metaLen]
	n, cols int
	fours   int // this many rows of q and meta, a multiple of four, are as packFours lays them out; the rest follow row by row
	exact   bool
}

// Rows is the number of rows given to Set.
func (in *Input) Rows() int { return in.n }

// Values returns the rows given to Set and their length. [Rows, cols]
func (in *Input) Values() (x []float32, cols int) { return in.x, in.cols }

// Set takes x[n, cols]. Unless exact, rows that are whole blocks of 32 are quantised at once, in parallel, as i8.Quantize
// does: a block that holds a NaN or an infinity gets the scale NaN, so that it shows in every output it takes part in. Scratch comes from mem and must not be released before the last product. The
// errors are ErrShape, for bad sizes, and those of team.
func (in *Input) Set(x []float32, n, cols int, exact bool, team seq.Team, mem *seq.Arena) error {
	if n < 0 || cols < 1 || n > math.MaxInt/cols || len(x) < n*cols {
		return fmt.Errorf("activations of %d×%d from %d values: %w", n, cols, len(x), ErrShape)
	}
	*in = Input{x: x[:n*cols], n: n, cols: cols, exact: exact}
	if exact || n == 0 || cols%actBlock != 0 {
		return nil
	}
	in.q = seq.Take[int8](mem, n*cols)
	in.meta = seq.Take[float32](mem, n*cols/actBlock*metaLen)
	step := 1
	if active.fours != nil {
		in.fours, step = n&^3, 4
	}
	if n*cols <= 1<<14 { // a few microseconds: not worth waking anybody
		in.quantize(0, n)
		return nil
	}
	t := quantizers.get()
	t.in, t.step = *in, step
	err := team.Run((n+step-1)/step, max(1, 1<<12/(step*cols)), t)
	t.in = Input{}
	quantizers.put(t)
	return err
}

// SizeInput counts what Set takes.
func SizeInput(mem *seq.Sizer, n, cols int, exact bool) {
	if !exact && n > 0 && cols%actBlock == 0 {
		seq.Size[int8](mem, n*cols)
		seq.Size[float32](mem, n*cols/actBlock*metaLen)
	}
}

// quantizer is the parallel task of Set; its items are step rows each.
type quantizer struct {
	in   Input
	step int
}

func (t *quantizer) Do(_, lo, hi int) { t.in.quantize(lo*t.step, min(hi*t.step, t.in.n)) }

// quantize does rows [lo, hi), where lo is a multiple of four if rows are packed.
func (in *Input) quantize(lo, hi int) {
	c, g := in.cols, in.cols/actBlock*metaLen
	for ; lo < min(hi, in.fours); lo += 4 {
		active.fours(in.q[lo*c:(lo+4)*c], in.meta[lo*g:(lo+4)*g], in.x[lo*c:(lo+4)*c], c)
	}
	if lo < hi {
		active.quantize(in.q[lo*c:hi*c], in.meta[lo*g:hi*g], in.x[lo*c:hi*c])
	}
}

// packFours lays out one block of four rows for products of 2×8 by 8×2: integers [4 times 8 columns][2 pairs][2 rows][8], and
// of each row's meta the scale and the three sums times the scale [4][2 pairs][2 rows][twice].
func packFours(q *[4 * actBlock]int8, meta *[4 * metaLen]float32, rows *[4][actBlock]int8, metas *[4][metaLen]float32) {
	for r := range 4 {
		for c := range actBlock / 8 {
			*(*[8]int8)(q[32*c+8*r:]) = *(*[8]int8)(rows[r][8*c:]) // one move
		}
		m := &metas[r]
		for i, v := range [4]float32{m[0], m[4], m[5], m[6]} {
			meta[8*i+2*r], meta[8*i+2*r+1] = v, v
		}
	}
}

// quantizeGo defines the quantisation of whole blocks.
func quantizeGo(q []int8, meta []float32, x []float32) {
	for len(x) > 0 {
		quantizeBlock((*[actBlock]int8)(q), (*[metaLen]float32)(meta), (*[actBlock]float32)(x))
		q, meta, x = q[actBlock:], meta[metaLen:], x[actBlock:]
	}
}

func quantizeBlock(q *[actBlock]int8, meta *[metaLen]float32, x *[actBlock]float32) {
	d := i8.QuantizeGroup(q, x).Scale
	if d != d {
		*meta = [metaLen]float32{d}
		return
	}
	var sum [2]int32
	for i, v := range q {
		sum[i/16] += int32(v)
	}
	lo, hi := float32(sum[0]), float32(sum[1])
	*meta = [metaLen]float32{d, lo + hi, lo, hi, d * (lo + hi), d * lo, d * hi}
}

// freeList keeps objects for reuse: products may not allocate, and unlike a sync.Pool it never loses one.
type freeList[T any] struct {
	mu   sync.Mutex
	free []*T
}

func (l *freeList[T]) get() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		t := l.free[n-1]
		l.free = l.free[:n-1]
		return t
	}
	return new(T)
}

func (l *freeList[T]) put(t *T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, t)
}

var (
	quantizers freeList[quantizer]
	products   freeList[product]
)
