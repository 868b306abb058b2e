package attention

import "github.com/godwit-ai/godwit/internal/vec"

func init() { codecs.add("f32", plain[Codec](F32{}), "f32") }

// F32 stores rows as they are: 4 bytes per value.
type F32 struct{}

// Keys implements Codec.
func (F32) Keys(dim int) (Rows, error) { return f32Keys(dim), nil }

// Values implements Codec.
func (F32) Values(dim int) (Rows, error) { return f32Values(dim), nil }

func (F32) String() string { return "f32" }

// f32Keys is the width of a key; a tile is [dim, Tile].
type f32Keys int

func (d f32Keys) Size() int { return 4 * int(d) * Tile }

func (d f32Keys) Put(tile []byte, row int, x []float32) {
	column := floats[float32](tile)[row:]
	for i, v := range x[:d] {
		column[i*Tile] = v
	}
}

func (d f32Keys) Get(dst []float32, tile []byte, _ int) {
	copy(dst[:int(d)*Tile], floats[float32](tile))
}

// Move implements Mover.
func (d f32Keys) Move(dst []byte, to int, src []byte, from int) {
	moveColumn(floats[float32](dst)[to:], floats[float32](src)[from:], int(d), Tile)
}

// MulAdd implements Multiplier.
func (d f32Keys) MulAdd(c, a []float32, tile []byte, first, m, k, n, lda, ldc int) {
	vec.MulAdd(c, a, floats[float32](tile)[first*Tile:], m, k, n, lda, Tile, ldc)
}

// f32Values is the width of a value; a tile is [Tile, dim].
type f32Values int

func (d f32Values) Size() int { return 4 * int(d) * Tile }

func (d f32Values) Put(tile []byte, row int, x []float32) {
	copy(floats[float32](tile)[row*int(d):], x[:d])
}

func (d f32Values) Get(dst []float32, tile []byte, n int) {
	copy(dst[:n*int(d)], floats[float32](tile))
}

// Move implements Mover.
func (d f32Values) Move(dst []byte, to int, src []byte, from int) {
	copy(floats[float32](dst)[to*int(d):][:d], floats[float32](src)[from*int(d):])
}

// MulAdd implements Multiplier.
func (d f32Values) MulAdd(c, a []float32, tile []byte, first, m, k, n, lda, ldc int) {
	vec.MulAdd(c, a, floats[float32](tile)[first*int(d):], m, k, n, lda, int(d), ldc)
}
