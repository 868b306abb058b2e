package attention

import (
	"math"
	"testing"

	"github.com/godwit-ai/godwit/internal/vec"
)

// sealedRow is what a Sealer makes of a row.
type sealedRow struct {
	x, scale, low []float64
	weight        float64
}

// sealed returns what a Sealer makes of rows, tile by tile; nil for other codecs. Keys stay in the codec's basis.
func (f *fixture) sealed(t testing.TB, codec Codec, keys bool, head int, near [][]float64) (rows []sealedRow) {
	dim := len(near[0])
	s, ok := f.rows(t, codec, keys).(Sealer)
	if !ok {
		return nil
	}
	basis := f.basis(t, codec, keys, head)
	place := func(i, r int) int {
		if keys {
			return i*Tile + r
		}
		return r*dim + i
	}
	for lo := 0; lo < len(near); lo += Tile {
		x, y := make([]float32, dim*Tile), make([]float32, dim*Tile)
		for r := range min(Tile, len(near)-lo) {
			for i, v := range basis.turn(near[lo+r]) {
				x[place(i, r)] = float32(v)
			}
		}
		tile := make([]byte, s.Size())
		s.Seal(tile, x)
		s.Get(y, tile, Tile)
		var scale, low []float64 // of the tile's channels
		if c, ok := s.(Channels); ok {
			a, b := make([]float32, (dim+31)/32*32), make([]float32, (dim+31)/32*32)
			c.Channels(tile, a, b)
			scale, low = wide(a[:dim]), wide(b[:dim])
		}
		for r := range min(Tile, len(near)-lo) {
			row := sealedRow{x: make([]float64, dim)}
			for i := range dim {
				row.x[i] = float64(y[place(i, r)])
			}
			if scale != nil {
				row.scale, row.low = scale, low
			} else {
				n := s.(Integers)
				_, scales := n.Ints(tile, make([]int8, n.Room()))
				row.x, row.weight = basis.back(row.x), float64(vec.H2F(scales[r]))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// wide returns x in float64, after what is done with it.
func wide(x []float32, after ...func([]float64)) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	for _, f := range after {
		f(y)
	}
	return y
}

// scale is what products are multiplied with.
func (f *fixture) scale() float64 {
	if s := f.layer.Score.Scale; s != 0 {
		return float64(s)
	}
	return 1 / math.Sqrt(float64(f.shape.Dim))
}

// near returns whether the query at q reads the key at k from the near store.
func (f *fixture) near() func(q, k int) bool {
	text, ok := readPlan(f.text)["near"]
	if !ok {
		text = f.layer.filled().Near.String()
	}
	if text == "none" {
		return func(q, k int) bool { return false }
	}
	sum := readSum(text)
	return f.mask(text, func(q, k int) bool { return anySees(sum, q, k) })
}

// nearRow returns what the near store keeps of a row, in the codec's basis. It turns rows as the codec does, in float32, since
// a last bit more rounds some numbers to other halves; that a turn is what it should be shows in far rows.
func (f *fixture) nearRow(t testing.TB, codec Codec, keys bool, head int) func(x []float64) {
	back, rows := f.basis(t, codec, keys, head).back, f.rows(t, codec, keys)
	kept := f.stored(t, f.layer.filled().NearKV, keys, head)
	return func(x []float64) {
		for i, v := range turned32(rows, x, head) {
			x[i] = float64(v)
		}
		kept(x)
		copy(x, back(x))
	}
}

// nearInts tells whether near keys and values are multiplied as integers: where those of the codec beside them are, by the same queries.
func (f *fixture) nearInts() (keys, values bool) {
	l := f.layer.filled()
	if l.NearKV.String() != "q8_0" {
		return false, false
	}
	keys, values = f.integers()
	return keys && l.Far == nil, values
}
