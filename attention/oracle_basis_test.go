package attention

import (
	"math"
	"math/bits"
	"slices"
	"testing"
)

// rows makes a codec's rows, in the fixture's bases, once.
func (f *fixture) rows(t testing.TB, codec Codec, keys bool) Rows {
	name := "values " + codec.String()
	if keys {
		name = "keys " + codec.String()
	}
	if rows := f.stores[name]; rows != nil {
		return rows
	}
	l := Layer{Key: codec, Value: codec, Bases: f.layer.Bases}
	rows, err := l.values(f.shape)
	if keys {
		rows, err = l.keys(f.shape)
	}
	if err != nil {
		t.Fatal(err)
	}
	if f.stores == nil {
		f.stores = map[string]Rows{}
	}
	f.stores[name] = rows
	return rows
}

// oracleBasis changes vectors of a head to those of a codec's tiles and back.
type oracleBasis struct{ turn, back, meet, unmeet func(x []float64) []float64 }

// basis returns the change of basis of a codec's tiles: fitted ones are tables, for the others there is one definition: Walsh–Hadamard
// matrices have the element (−1)^popcount(i&j) / √n, and are their own inverses.
func (f *fixture) basis(t testing.TB, codec Codec, keys bool, head int) (b oracleBasis) {
	same := func(x []float64) []float64 { return x }
	var inner any = f.rows(t, codec, keys)
	_, turnsKeys := inner.(TurnedKeys)
	_, turnsValues := inner.(TurnedValues)
	if !turnsKeys && !turnsValues {
		return oracleBasis{same, same, same, same}
	}
	if _, ok := codec.(Calibrated); !ok {
		return oracleBasis{walsh, walsh, walsh, walsh}
	}
	of := f.layer.Bases.Value
	if keys {
		of = f.layer.Bases.Key
	}
	unit := func(int) float64 { return 1 } // of a coordinate
	if v, ok := inner.(pcaValues); ok {
		unit = func(c int) float64 {
			for _, r := range v.runs {
				if r.from <= c && c < r.to {
					return float64(pcaSteps[r.bits])
				}
			}
			return 1
		}
	}
	times := func(m []float32, across bool, turned func(x *float64, c int, unit float64), after bool) func(x []float64) []float64 {
		return func(x []float64) []float64 {
			n := len(x)
			from, y := slices.Clone(x), make([]float64, n)
			for c := range from {
				if !after {
					turned(&from[c], c, unit(c))
				}
			}
			for i := range n {
				for j, v := range from {
					if across {
						y[i] += v * float64(m[i*n+j])
					} else {
						y[i] += v * float64(m[j*n+i])
					}
				}
			}
			for c := range y {
				if after {
					turned(&y[c], c, unit(c))
				}
			}
			return y
		}
	}
	up := func(x *float64, _ int, u float64) { *x *= u }
	down := func(x *float64, _ int, u float64) { *x /= u }
	return oracleBasis{turn: times(of[head].In, false, down, true), back: times(of[head].Out, true, up, false),
		meet: times(of[head].Out, false, up, true), unmeet: times(of[head].In, true, down, false)}
}

func walsh(x []float64) []float64 {
	n := 1
	for len(x)%(2*n) == 0 {
		n *= 2
	}
	y := make([]float64, len(x))
	for i := range y {
		for j := range n {
			sign := 1 - 2*float64(bits.OnesCount(uint(i%n&j))%2)
			y[i] += sign * x[i/n*n+j] / math.Sqrt(float64(n))
		}
	}
	return y
}

// turned32 turns a vector as rows have it, in float32.
func turned32(rows Rows, x []float64, head int) []float32 {
	from, to := make([]float32, len(x)), make([]float32, len(x))
	for i, v := range x {
		from[i] = float32(v)
	}
	switch r := rows.(type) {
	case TurnedKeys:
		r.Turn(to, from, head)
	case TurnedValues:
		r.Turn(to, from, head)
	default:
		return from
	}
	return to
}
