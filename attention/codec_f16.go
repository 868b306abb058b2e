package attention

import "github.com/godwit-ai/godwit/internal/vec"

func init() { codecs.add("f16", plain[Codec](F16{}), "f16") }

// F16 stores rows as IEEE halves, rounded to nearest even: 2 bytes per value.
type F16 struct{}

// Keys implements Codec.
func (F16) Keys(dim int) (Rows, error) { return f16Keys(dim), nil }

// Values implements Codec.
func (F16) Values(dim int) (Rows, error) { return f16Values(dim), nil }

func (F16) String() string { return "f16" }

// f16Keys is the width of a key; a tile is [dim, Tile].
type f16Keys int

func (d f16Keys) Size() int { return 2 * int(d) * Tile }

func (d f16Keys) Put(tile []byte, row int, x []float32) {
	var half [64]uint16
	column := floats[uint16](tile)[row:]
	for x = x[:d]; len(x) > 0; x = x[min(len(x), len(half)):] {
		h := half[:min(len(x), len(half))]
		vec.F32ToF16(h, x)
		for i, v := range h {
			column[i*Tile] = v
		}
		column = column[min(len(column), len(half)*Tile):]
	}
}

func (d f16Keys) Get(dst []float32, tile []byte, _ int) {
	vec.F16ToF32(dst[:int(d)*Tile], floats[uint16](tile))
}

// Move implements Mover.
func (d f16Keys) Move(dst []byte, to int, src []byte, from int) {
	moveColumn(floats[uint16](dst)[to:], floats[uint16](src)[from:], int(d), Tile)
}

// MulAdd implements Multiplier.
func (d f16Keys) MulAdd(c, a []float32, tile []byte, first, m, k, n, lda, ldc int) {
	vec.MulAddF16(c, a, floats[uint16](tile)[first*Tile:], m, k, n, lda, Tile, ldc)
}

// f16Values is the width of a value; a tile is [Tile, dim].
type f16Values int

func (d f16Values) Size() int { return 2 * int(d) * Tile }

func (d f16Values) Put(tile []byte, row int, x []float32) {
	vec.F32ToF16(floats[uint16](tile)[row*int(d):][:d], x[:d])
}

func (d f16Values) Get(dst []float32, tile []byte, n int) {
	vec.F16ToF32(dst[:n*int(d)], floats[uint16](tile))
}

// Move implements Mover.
func (d f16Values) Move(dst []byte, to int, src []byte, from int) {
	copy(floats[uint16](dst)[to*int(d):][:d], floats[uint16](src)[from*int(d):])
}

// MulAdd implements Multiplier.
func (d f16Values) MulAdd(c, a []float32, tile []byte, first, m, k, n, lda, ldc int) {
	vec.MulAddF16(c, a, floats[uint16](tile)[first*int(d):], m, k, n, lda, int(d), ldc)
}
