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
	exact   bool
}

// Rows is the number of rows given to Set.
func (in *Input) Rows() int { return in.n }

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
	if n*cols <= 1<<14 { // a few microseconds: not worth waking anybody
		active.quantize(in.q, in.meta, in.x)
		return nil
	}
	t := quantizers.get()
	t.in = *in
	err := team.Run(n, max(1, 1<<12/cols), t)
	t.in = Input{}
	quantizers.put(t)
	return err
}

// quantizer is the parallel task of Set; its items are rows.
type quantizer struct{ in Input }

func (t *quantizer) Do(_, lo, hi int) {
	c, g := t.in.cols, t.in.cols/actBlock*metaLen
	active.quantize(t.in.q[lo*c:hi*c], t.in.meta[lo*g:hi*g], t.in.x[lo*c:hi*c])
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
