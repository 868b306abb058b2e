package attention

import (
	"math"

	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/vec"
)

func init() { codecs.add("q8_0", plain[Codec](Q8_0{}), "q8_0") }

// Q8_0 stores rows as 8-bit integers with scales in IEEE halves: keys in groups of 32 values, as GGUF's block format of
// that name, values with one scale for the row. 8.5 and 8 bits per value and 2 bytes per value row.
//
// Attention multiplies them as integers. Queries are quantised in groups of 32 values, and the weights of values, times
// the values' scales, in groups of 32 rows, which is the rounding of one part in 254 of the group's largest.
type Q8_0 struct{}

// Keys implements Codec.
func (Q8_0) Keys(dim int) (Rows, error) { return q8Keys(dim), nil }

// Values implements Codec.
func (Q8_0) Values(dim int) (Rows, error) { return q8Values(dim), nil }

func (Q8_0) String() string { return "q8_0" }

// q8Keys is the width of a key. A tile is ints [4, dim/4, 16, 4], then scales [4, dim/32, 16], dim rounded up to whole groups.
type q8Keys int

func (d q8Keys) groups() int { return (int(d) + i8.Group - 1) / i8.Group }

func (d q8Keys) Size() int { return d.groups() * (i8.Group + 2) * Tile }

// Room implements Integers.
func (d q8Keys) Room() int { return 0 }

// Ints implements Integers.
func (d q8Keys) Ints(tile []byte, _ []int8) ([]int8, []uint16) {
	n := d.groups() * i8.Group * Tile
	return floats[int8](tile[:n]), floats[uint16](tile[n:])
}

func (d q8Keys) Put(tile []byte, row int, x []float32) {
	ints, scales := d.Ints(tile, nil)
	groups, at := d.groups(), row%i8.Panel
	ints = ints[row/i8.Panel*i8.Panel*groups*i8.Group:]
	scales = scales[row/i8.Panel*i8.Panel*groups:]
	for g := range groups {
		var part [i8.Group]float32
		var q [i8.Group]int8
		copy(part[:], x[g*i8.Group:min(int(d), (g+1)*i8.Group)])
		m := i8.QuantizeGroup(&q, &part)
		scales[g*i8.Panel+at] = storedScale(m.Scale)
		for i, v := range q {
			ints[(g*i8.Group/4+i/4)*4*i8.Panel+4*at+i%4] = v
		}
	}
}

// storedScale is a scale as a half. One that is too large becomes NaN, so that what it spoils shows.
func storedScale(x float32) uint16 {
	h := [1]uint16{}
	vec.F32ToF16(h[:], []float32{x})
	if h[0]&0x7c00 == 0x7c00 {
		return 0x7e00
	}
	return h[0]
}

// storedQuantum returns the scale at which the number of the largest magnitude in x becomes the integer level, as a half, and what
// to multiply x with for its integers. What is no number or too large gives the scale NaN.
func storedQuantum(x []float32, level float32) (scale uint16, inv float32) {
	var top uint32 // magnitudes compare as the integers of their bits, NaN above infinity
	most := float32(0)
	for _, v := range x {
		if b := math.Float32bits(v) & 0x7fffffff; b > top {
			top, most = b, v
		}
	}
	switch {
	case top >= 0x7f800000:
		return storedScale(float32(math.NaN())), 0
	case top < (127-100)<<23: // level/most could overflow
		return 0, 0
	}
	return storedScale(most / level), level / most
}

func (d q8Keys) Get(dst []float32, tile []byte, n int) {
	ints, scales := d.Ints(tile, nil)
	groups := d.groups()
	for row := range n {
		p, at := row/i8.Panel, row%i8.Panel
		for i := range int(d) {
			v := ints[(p*groups*i8.Group/4+i/4)*4*i8.Panel+4*at+i%4]
			dst[i*Tile+row] = vec.H2F(scales[(p*groups+i/i8.Group)*i8.Panel+at]) * float32(v)
		}
	}
}

// Move implements Mover. Four values of a key lie together, as a word.
func (d q8Keys) Move(dst []byte, to int, src []byte, from int) {
	n := d.groups() * i8.Group
	movePanels(dst[:n*Tile], to, src[:n*Tile], from, n/4)
	moveScales(dst[n*Tile:], to, src[n*Tile:], from, d.groups())
}

// moveColumn copies n elements that lie stride apart.
func moveColumn[T any](dst, src []T, n, stride int) {
	for i := range n {
		dst[i*stride] = src[i*stride]
	}
}

// movePanels copies a row of panels [4, words, 16] of 4-byte words.
func movePanels(dst []byte, to int, src []byte, from, words int) {
	moveColumn(floats[uint32](dst)[to/i8.Panel*words*i8.Panel+to%i8.Panel:],
		floats[uint32](src)[from/i8.Panel*words*i8.Panel+from%i8.Panel:], words, i8.Panel)
}

// moveScales copies a row's scales of panels [4, groups, 16].
func moveScales(dst []byte, to int, src []byte, from, groups int) {
	moveColumn(floats[uint16](dst)[to/i8.Panel*groups*i8.Panel+to%i8.Panel:],
		floats[uint16](src)[from/i8.Panel*groups*i8.Panel+from%i8.Panel:], groups, i8.Panel)
}

// moveQuads copies a row's bytes of panels [panels, Tile/4, 16, 4].
func moveQuads(dst []byte, to int, src []byte, from, panels int) {
	for p := range panels {
		moveColumn(dst[p*i8.Panel*Tile+to/4*4*i8.Panel+to%4:], src[p*i8.Panel*Tile+from/4*4*i8.Panel+from%4:], i8.Panel, 4)
	}
}

// q8Values is the width of a value. A tile is ints [dim/16, Tile/4, 16, 4], the last panel filled up, then scales [Tile].
type q8Values int

func (d q8Values) panels() int { return (int(d) + i8.Panel - 1) / i8.Panel }

func (d q8Values) Size() int { return d.panels()*i8.Panel*Tile + 2*Tile }

// Room implements Integers.
func (d q8Values) Room() int { return 0 }

// Ints implements Integers.
func (d q8Values) Ints(tile []byte, _ []int8) ([]int8, []uint16) {
	n := d.panels() * i8.Panel * Tile
	return floats[int8](tile[:n]), floats[uint16](tile[n:])
}

func (d q8Values) Put(tile []byte, row int, x []float32) {
	ints, scales := d.Ints(tile, nil)
	scale, inv := storedQuantum(x[:d], 127)
	scales[row] = scale
	for i, v := range x[:d] {
		q := int8(0)
		if inv != 0 { // else v may be NaN
			q = int8(math.RoundToEven(float64(float32(v * inv))))
		}
		ints[i/i8.Panel*i8.Panel*Tile+row/4*4*i8.Panel+i%i8.Panel*4+row%4] = q
	}
}

func (d q8Values) Get(dst []float32, tile []byte, n int) {
	ints, scales := d.Ints(tile, nil)
	for row := range n {
		scale := vec.H2F(scales[row])
		for i := range int(d) {
			v := ints[i/i8.Panel*i8.Panel*Tile+row/4*4*i8.Panel+i%i8.Panel*4+row%4]
			dst[row*int(d)+i] = scale * float32(v)
		}
	}
}

// Move implements Mover.
func (d q8Values) Move(dst []byte, to int, src []byte, from int) {
	n := d.panels() * i8.Panel * Tile
	moveQuads(dst[:n], to, src[:n], from, d.panels())
	floats[uint16](dst[n:])[to] = floats[uint16](src[n:])[from]
}
