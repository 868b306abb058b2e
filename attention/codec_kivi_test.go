package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestKiviKeys: a decoded key differs from the key by half a step of its channel, and what the rounding of the channel's scale and
// lowest value to halves adds.
func TestKiviKeys(t *testing.T) {
	for _, bits := range []int{2, 3, 4} {
		for _, dim := range []int{32, 40, 64} {
			rows, err := Kivi{Bits: bits}.Keys(dim)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(uint64(bits), uint64(dim)))
			x, y := make([]float32, dim*Tile), make([]float32, dim*Tile)
			for i := range x {
				c := i / Tile
				x[i] = float32(rng.NormFloat64())*float32(1+c%7) + float32(c%5*10)
			}
			tile := make([]byte, rows.Size())
			rows.(Sealer).Seal(tile, x)
			rows.Get(y, tile, Tile)
			ints, _ := rows.(Integers).Ints(tile, make([]int8, rows.(Integers).Room()))
			for c := range dim {
				low, high := math.Inf(1), math.Inf(-1)
				for _, v := range x[c*Tile:][:Tile] {
					low, high = min(low, float64(v)), max(high, float64(v))
				}
				step := (high - low) / float64(int(1)<<bits-1)
				most := step/2 + (math.Abs(low)+math.Abs(high)+16*step)/1000
				seen := map[int8]bool{}
				for r := range Tile {
					if d := math.Abs(float64(x[c*Tile+r] - y[c*Tile+r])); d > most {
						t.Fatalf("%d bits, channel %d of %d: %v became %v, more than %v away", bits, c, dim, x[c*Tile+r], y[c*Tile+r], most)
					}
					seen[ints[rows.(kiviKeys).at(c, r)]] = true
				}
				if len(seen) < 1<<bits-1-bits || len(seen) > 1<<bits {
					t.Errorf("%d bits, channel %d: %d levels are used", bits, c, len(seen))
				}
			}
		}
	}
}

// TestKiviValues: the error of normally distributed values is near that of the best uniform quantiser: 0.119 of the variance with 2 bits,
// 0.037 with 3 (Max 1960); a rotation of few values is not quite normal.
func TestKiviValues(t *testing.T) {
	for bits, most := range map[int]float64{2: 0.14, 3: 0.05} {
		for _, dim := range []int{64, 256} {
			rows, err := Kivi{Bits: bits}.Values(dim)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(uint64(bits), uint64(dim)))
			x, y := make([]float32, dim*Tile), make([]float32, dim*Tile)
			for i := range x {
				x[i] = float32(rng.NormFloat64()) * float32(1+i/dim)
			}
			tile := make([]byte, rows.Size())
			rows.(Sealer).Seal(tile, x)
			rows.Get(y, tile, Tile)
			var err2, sum float64
			for i, v := range x {
				err2 += math.Pow(float64(v-y[i])/float64(1+i/dim), 2)
				sum += math.Pow(float64(v)/float64(1+i/dim), 2)
			}
			if e := err2 / sum; e > most || e < most/3 {
				t.Errorf("%d bits, heads of %d: an error of %.4f of the variance, want up to %v", bits, dim, e, most)
			}
		}
	}
}

// TestNotANumberSealed: what a NaN spoils shows, and stays in its channel or row.
func TestNotANumberSealed(t *testing.T) {
	const dim = 32
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), 3e38} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			for _, keys := range []bool{true, false} {
				rows, _ := Kivi{Bits: 3}.Values(dim)
				at := func(i, r int) int { return r*dim + i }
				if keys {
					rows, _ = Kivi{Bits: 3}.Keys(dim)
					at = func(i, r int) int { return i*Tile + r }
				}
				x, y := make([]float32, dim*Tile), make([]float32, dim*Tile)
				for i := range x {
					x[i] = float32(i % 11)
				}
				x[at(5, 7)] = bad
				tile := make([]byte, rows.Size())
				rows.(Sealer).Seal(tile, x)
				rows.Get(y, tile, Tile)
				if v := y[at(5, 7)]; v-v == 0 {
					t.Errorf("keys %v: it became %v", keys, v)
				}
				if v := y[at(6, 8)]; v-v != 0 {
					t.Errorf("keys %v: another row and channel has %v", keys, v)
				}
			}
		})
	}
}
