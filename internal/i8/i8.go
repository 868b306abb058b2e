// Package i8 holds products of int8 rows for attention over integer caches: exact integer sums of 32 elements, scaled in
// a fixed order. Each kernel is defined by its Go twin, and every SIMD version equals it bit for bit.
//
// The stored operand is a tile of panels: 16 rows [columns/4][16 rows][4 columns], so that a vector register holds four
// columns of many rows and no sum crosses lanes. The layout is the same on every machine, as sessions are files.
package i8

import (
	"math"
	"unsafe"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/internal/vec"
)

const (
	// Panel is the number of rows of a panel.
	Panel = 16
	// Group is the number of columns that share a scale.
	Group = 32
)

// Meta describes a group of a quantised row: its scale, and −128 times the sum of its integers, which is what a product with
// stored integers that were shifted by 128 to be unsigned has too little.
type Meta struct {
	Scale float32
	Bias  int32
}

// Metas is memory for as many Meta.
func Metas(words []uint64) []Meta {
	return unsafe.Slice((*Meta)(unsafe.Pointer(unsafe.SliceData(words))), len(words))
}

// Quantize quantises groups of 32: the scale is the group's largest magnitude / 127, and a value is rounded to the nearest
// multiple of it, ties to even. A group that holds a NaN or an infinity gets the scale NaN; one whose values are all below
// 2^-100 counts as zero. len(x) is a multiple of 32, q and meta have as many elements and groups.
func Quantize(q []int8, meta []Meta, x []float32) {
	if len(x) == 0 {
		return
	}
	_, _ = q[len(x)-1], meta[len(x)/Group-1]
	active.quantize(q, meta, x)
}

func quantizeGo(q []int8, meta []Meta, x []float32) {
	for g := range len(x) / Group {
		meta[g] = QuantizeGroup((*[Group]int8)(q[g*Group:]), (*[Group]float32)(x[g*Group:]))
	}
}

// QuantizeGroup is Quantize of one group.
func QuantizeGroup(q *[Group]int8, x *[Group]float32) Meta {
	// Magnitudes compare as the integers of their bits, and so a NaN is larger than infinity and cannot get lost.
	var top uint32
	for _, v := range x {
		top = max(top, math.Float32bits(v)&0x7fffffff)
	}
	switch {
	case top >= 0x7f800000:
		*q = [Group]int8{}
		return Meta{Scale: float32(math.NaN())}
	case top < (127-100)<<23: // 127/amax would overflow
		*q = [Group]int8{}
		return Meta{}
	}
	amax := math.Float32frombits(top)
	inv := 127 / amax
	const magic = 3 << 22 // adding it leaves no fraction bits: the addition rounds to the nearest integer, ties to even
	var sum int32
	for i, v := range x {
		r := int32(math.Float32bits(float32(v*inv)+magic)) - 0x4b400000
		q[i] = int8(r)
		sum += r
	}
	return Meta{amax / 127, -128 * sum}
}

// Weigh quantises rows of len(f) values, each value times its factor in f. len(f) is a multiple of 32.
func Weigh(q []int8, meta []Meta, x, f []float32) {
	if len(x) == 0 {
		return
	}
	_, _ = q[len(x)-1], meta[len(x)/Group-1]
	active.weigh(q, meta, x, f)
}

func weighGo(q []int8, meta []Meta, x, f []float32) {
	for g := range len(x) / Group {
		var y [Group]float32
		for i, v := range x[g*Group:][:Group] {
			y[i] = v * f[(g*Group+i)%len(f)]
		}
		meta[g] = QuantizeGroup((*[Group]int8)(q[g*Group:]), &y)
	}
}

// Dot sets s[r·lds + t] to the product of quantised row r of q[rows, dim] and row t of the panels w[len(w)/(16·dim), dim/4, 16, 4]
// with the scales d[panels, dim/32, 16], IEEE halves: Σ over groups of d·float32(scale·isum), fused and in order.
func Dot(s []float32, lds int, q []int8, meta []Meta, w []int8, d []uint16, rows, dim int) {
	panels := len(w) / (Panel * dim)
	if rows <= 0 || panels == 0 {
		return
	}
	_, _ = s[(rows-1)*lds+panels*Panel-1], q[rows*dim-1]
	_, _ = meta[rows*dim/Group-1], d[panels*dim/Group*Panel-1]
	active.dot(s, lds, q, meta, w[:panels*Panel*dim], d, rows, dim)
}

func dotGo(s []float32, lds int, q []int8, meta []Meta, w []int8, d []uint16, rows, dim int) {
	groups := dim / Group
	for p := range len(w) / (Panel * dim) {
		w, d := w[p*Panel*dim:][:Panel*dim], d[p*groups*Panel:][:groups*Panel]
		for r := range rows {
			for t := range Panel {
				var acc float32
				for g := range groups {
					isum := dotGroup(q[r*dim+g*Group:], w[g*Group*Panel+4*t:])
					acc = vec.FMA(vec.H2F(d[g*Panel+t]), float32(meta[r*groups+g].Scale*float32(isum)), acc)
				}
				s[r*lds+p*Panel+t] = acc
			}
		}
	}
}

// dotGroup is the integer product of 32 columns: q in order, w four columns at a time, a panel's step apart.
func dotGroup(q, w []int8) (sum int32) {
	for k := range Group {
		sum += int32(q[k]) * int32(w[k/4*4*Panel+k%4])
	}
	return sum
}

// MulAdd adds to y[r·ldy + c] the product of quantised row r of p[rows, dim] and row c of the panels w[len(w)/(16·dim),
// dim/4, 16, 4], which have no scales: scale·isum for each group, fused and in order.
func MulAdd(y []float32, ldy int, p []int8, meta []Meta, w []int8, rows, dim int) {
	panels := len(w) / (Panel * dim)
	if rows <= 0 || panels == 0 {
		return
	}
	_, _, _ = y[(rows-1)*ldy+panels*Panel-1], p[rows*dim-1], meta[rows*dim/Group-1]
	active.mulAdd(y, ldy, p, meta, w[:panels*Panel*dim], rows, dim)
}

func mulAddGo(y []float32, ldy int, p []int8, meta []Meta, w []int8, rows, dim int) {
	groups := dim / Group
	for c := range len(w) / dim {
		w := w[c/Panel*Panel*dim+c%Panel*4:]
		for r := range rows {
			acc := &y[r*ldy+c]
			for g := range groups {
				isum := dotGroup(p[r*dim+g*Group:], w[g*Group*Panel:])
				*acc = vec.FMA(meta[r*groups+g].Scale, float32(isum), *acc)
			}
		}
	}
}

// Unpack4 unpacks nibbles: lo[i] is the low one of src[i] less 8, hi[i] the high one. len(src) is a multiple of 64.
func Unpack4(lo, hi []int8, src []byte) {
	if len(src) == 0 {
		return
	}
	_, _ = lo[len(src)-1], hi[len(src)-1]
	active.unpack4(lo, hi, src)
}

func unpack4Go(lo, hi []int8, src []byte) {
	for i, b := range src {
		lo[i], hi[i] = int8(b&15)-8, int8(b>>4)-8
	}
}

// kernels is one implementation of the package's functions.
type kernels struct {
	quantize func(q []int8, meta []Meta, x []float32)
	weigh    func(q []int8, meta []Meta, x, f []float32)
	dot      func(s []float32, lds int, q []int8, meta []Meta, w []int8, d []uint16, rows, dim int)
	mulAdd   func(y []float32, ldy int, p []int8, meta []Meta, w []int8, rows, dim int)
	unpack4  func(lo, hi []int8, src []byte)
	planes   func(dst []int8, src []byte, bits int, centred bool)

	// Of nibbles; nil: none. For up to so many rows, multiplying them as they are stored costs less than unpacking them once.
	nibbles int
	dot4    func(s []float32, lds int, q []int8, meta []Meta, w []byte, d []uint16, rows, dim int)
	mulAdd4 func(y []float32, ldy int, p []int8, meta []Meta, w []byte, rows, dim int)
}

// byRows are loops that each take a fixed number of rows, the most rows first, at last one.
type byRows []struct {
	rows   int
	dot    func(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int) // lds in bytes
	mulAdd func(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)            // ldy in bytes
}

func (l byRows) dot(s []float32, lds int, q []int8, meta []Meta, w []int8, d []uint16, rows, dim int) {
	r := 0
	for _, k := range l {
		for ; rows-r >= k.rows; r += k.rows {
			k.dot(&s[r*lds], 4*lds, &q[r*dim], &meta[r*dim/Group], &w[0], &d[0], dim, len(w)/(Panel*dim))
		}
	}
}

func (l byRows) mulAdd(y []float32, ldy int, p []int8, meta []Meta, w []int8, rows, dim int) {
	r := 0
	for _, k := range l {
		for ; rows-r >= k.rows; r += k.rows {
			k.mulAdd(&y[r*ldy], 4*ldy, &p[r*dim], &meta[r*dim/Group], &w[0], dim, len(w)/(Panel*dim))
		}
	}
}

var (
	kernelsGo = kernels{quantize: quantizeGo, weigh: weighGo, dot: dotGo, mulAdd: mulAddGo, unpack4: unpack4Go, planes: planesGo}
	active    = &kernelsGo // the implementation in use
)

// use gives internal/impl the way to install k.
func use(k *kernels) func() { return func() { active = k } }

func init() {
	impl.Register("i8", impl.Impl{Name: "generic", Available: true, Install: use(&kernelsGo)})
}
