package attention

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// pcaRows makes a codec's rows in the fixtures' bases.
func pcaRows(t *testing.T, c PCA, dim int, keys bool) Rows {
	t.Helper()
	sh := Shape{Heads: 2, KVHeads: 2, Dim: dim, VDim: dim}
	l := Layer{Key: c, Value: c, Bases: testBases(sh)}
	rows, err := l.values(sh)
	if keys {
		rows, err = l.keys(sh)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestPCABudget: a tile has no more bytes than its bits say, and hardly less; bits fall, and another division of them saves no more variance.
func TestPCABudget(t *testing.T) {
	for _, dim := range []int{32, 64, 80, 128, 256} {
		for _, bits := range []float64{0.75, 1, 1.5, 2, 2.5, 3.25, 4, pcaMost} {
			for _, keys := range []bool{true, false} {
				rows := pcaRows(t, PCA{Bits: bits}, dim, keys)
				most := int(bits * float64(dim) * Tile / 8)
				spare := 3 * Tile * pcaKeyGroup / 8 // an upgrade that does not fit
				var runs []run
				if keys {
					runs = rows.(pcaKeys).runs
				} else {
					runs, spare = rows.(pcaValues).runs, 3*Tile*pcaValueGroup/8
				}
				if n := rows.Size(); n > max(most, 2*Tile) || n < most-spare && runs[0].bits < 4 {
					t.Errorf("%v bits of %d, keys %v: %d bytes of %d, %v", bits, dim, keys, n, most, runs)
				}
				for i, r := range runs[1:] {
					if r.bits >= runs[i].bits || r.from != runs[i].to {
						t.Errorf("%v bits of %d, keys %v: %v", bits, dim, keys, runs)
					}
				}
			}
		}
	}
}

// TestPCAFit compares with all divisions of a few groups.
func TestPCAFit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		v := make([]float32, 5)
		for i := range v {
			v[i] = float32(math.Exp(3 * rng.NormFloat64()))
		}
		slices.SortFunc(v, func(a, b float32) int { return int(math.Copysign(1, float64(b-a))) })
		f := fit{total: 64 * rng.IntN(20), group: 1, head: 16 * rng.IntN(2), none: 8 * rng.IntN(2)}
		loss := func(bits []int) (sum float64, cost int) {
			for i, b := range bits {
				sum += float64(v[i]) * distortion[b]
				if cost += f.none; b > 0 {
					cost += b*Tile + f.head - f.none
				}
			}
			return sum, cost
		}
		got, cost := loss(f.bits([]Basis{{Var: v}}, len(v)))
		if cost > f.total && cost > f.none*len(v) {
			t.Fatalf("%+v of %v costs %d", f, v, cost)
		}
		best := math.Inf(1)
		for n := range 3125 {
			bits := []int{n % 5, n / 5 % 5, n / 25 % 5, n / 125 % 5, n / 625}
			if sum, cost := loss(bits); cost <= f.total {
				best = min(best, sum)
			}
		}
		// The last bits, which do not fit where they are worth most, are all that greed loses.
		if !math.IsInf(best, 1) && got > best+float64(v[0])*distortion[2] && got > 1.6*best {
			t.Errorf("%+v of %v loses %v, the best division %v", f, v, got, best)
		}
	}
}

// TestPCAKeys: a decoded key differs from the key by half a step of its coordinate, if the coordinate reaches all its rows, and what is
// decoded is what Ints and Channels say.
func TestPCAKeys(t *testing.T) {
	for _, bits := range []float64{1, 2, 3, pcaMost} {
		for _, dim := range []int{24, 64} {
			k := pcaRows(t, PCA{Bits: bits}, dim, true).(pcaKeys)
			rng := rand.New(rand.NewPCG(uint64(bits), uint64(dim)))
			x, y := make([]float32, dim*Tile), make([]float32, dim*Tile)
			for i := range x {
				x[i] = float32(rng.NormFloat64()) + float32(i/Tile%5*2)
			}
			tile := make([]byte, k.Size())
			k.Seal(tile, x)
			k.Get(y, tile, Tile)
			ints, _ := k.Ints(tile, make([]int8, k.Room()))
			scale, low := make([]float32, k.pad()), make([]float32, k.pad())
			k.Channels(tile, scale, low)
			errs, sums := make([]float64, 5), make([]float64, 5)
			for _, r := range k.runs {
				for c := r.from; c < min(r.to, dim); c++ {
					for row := range Tile {
						i := c*Tile + row
						panel := ints[row/16*16*k.pad()+c/4*64+row%16*4+c%4]
						if z := float32(panel)*scale[c] + low[c]; math.Abs(float64(z-y[i])) > 1e-5*float64(1+8*scale[c]) {
							t.Fatalf("%v bits, coordinate %d of %d: decoded %v, as integers %v", bits, c, dim, y[i], z)
						}
						errs[r.bits] += float64((x[i] - y[i]) * (x[i] - y[i]))
						sums[r.bits]++
					}
				}
			}
			for b, n := range sums {
				if e := errs[b] / n; n > 0 && !(e > distortion[b]*0.4 && e < distortion[b]*1.6) {
					t.Errorf("%v bits of %d: the error of %d bits is %v of the variance, the best quantiser's %v", bits, dim, b, e, distortion[b])
				}
			}
		}
	}
}

// TestPCAValues: the same of values.
func TestPCAValues(t *testing.T) {
	for _, bits := range []float64{1.5, 2, 3, pcaMost} {
		const dim = 64
		v := pcaRows(t, PCA{Bits: bits}, dim, false).(pcaValues)
		rng := rand.New(rand.NewPCG(uint64(bits), 3))
		x, y := make([]float32, dim*Tile), make([]float32, dim*Tile)
		unit := func(r run) float64 { return float64(pcaSteps[r.bits]) }
		for _, r := range v.runs {
			for c := r.from; c < r.to; c++ {
				for row := range Tile {
					x[row*dim+c] = float32(rng.NormFloat64() * float64(1+row) / unit(r))
				}
			}
		}
		tile := make([]byte, v.Size())
		v.Seal(tile, x)
		v.Get(y, tile, Tile)
		for _, r := range v.runs {
			var e, n float64
			for c := r.from; c < r.to; c++ {
				for row := range Tile {
					d := float64(x[row*dim+c]-y[row*dim+c]) * unit(r) / float64(1+row)
					e, n = e+d*d, n+1
				}
			}
			if e /= n; !(e > distortion[r.bits]*0.7 && e < distortion[r.bits]*1.4) {
				t.Errorf("%v bits: the error of %d bits is %v of the variance, the best quantiser's %v", bits, r.bits, e, distortion[r.bits])
			}
		}
	}
}

// TestPCANotANumber: what is not finite shows, and stays in its coordinate or row.
func TestPCANotANumber(t *testing.T) {
	const dim = 32
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		for _, keys := range []bool{true, false} {
			for _, bits := range []float64{1, 3} {
				s := pcaRows(t, PCA{Bits: bits}, dim, keys).(Sealer)
				for _, c := range []int{0, 5, dim - 1} {
					at := func(i, r int) int { return r*dim + i }
					if keys {
						at = func(i, r int) int { return i*Tile + r }
					} else if c == dim-1 && bits == 1 {
						continue // it is dropped
					}
					x, y := make([]float32, dim*Tile), make([]float32, dim*Tile)
					for i := range x {
						x[i] = float32(i % 11)
					}
					x[at(c, 7)] = bad
					tile := make([]byte, s.Size())
					s.Seal(tile, x)
					s.Get(y, tile, Tile)
					if v := y[at(c, 7)]; v-v == 0 {
						t.Errorf("keys %v, %v bits: %v of coordinate %d became %v", keys, bits, bad, c, v)
					}
					if v := y[at((c+1)%dim, 8)]; v-v != 0 {
						t.Errorf("keys %v, %v bits: another row and coordinate has %v", keys, bits, v)
					}
				}
			}
		}
	}
}

// TestPCAFar: what is farther away than scales reach is cut off, and no more.
func TestPCAFar(t *testing.T) {
	for _, x := range []float32{0, 1e-30, 60, -3e3, 1e9, 3e38} {
		row := make([]float32, Tile)
		row[3] = x
		for bits := 1; bits <= 4; bits++ {
			e, low := pcaHead(row, bits)
			if low < -512 || low > 511 || e < 0 || e >= len(pcaScales)-1 {
				t.Errorf("%v with %d bits: scale %d, low %d", x, bits, e, low)
			}
		}
	}
}

// TestPCADense: with all coordinates in f32 attention is that of f32 rows, but for the order of additions.
func TestPCADense(t *testing.T) {
	for i, sh := range []Shape{{Heads: 3, KVHeads: 1, Dim: 64}, {Heads: 4, KVHeads: 2, Dim: 32, VDim: 24}} {
		dense := newFixture(t, "pos=rope kv=f32", sh, 300, uint64(i))
		want := dense.runner(t, 300, 300)
		if err := want.all([]int{300}); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("pos=rope key=pca(rank=%d,f32) value=pca(rank=%d,f32) near=none", dense.shape.Dim, dense.shape.VDim)
		f := newFixture(t, text, sh, 300, uint64(i))
		got := f.runner(t, 300, 300)
		if err := got.all([]int{300}); err != nil {
			t.Fatal(err)
		}
		for j, w := range want.out {
			if d := math.Abs(float64(got.out[j] - w)); !(d <= 2e-5) {
				t.Fatalf("%s: element %d is %v, dense %v", text, j, got.out[j], w)
			}
		}
		low := newFixture(t, fmt.Sprintf("pos=rope kv=pca(rank=%d) near=none", dense.shape.VDim/2), sh, 300, uint64(i))
		if c := low.runner(t, 300, 300).c; c.key.Size() != Tile*dense.shape.VDim || c.value.Size() != Tile*dense.shape.VDim {
			t.Errorf("half of the coordinates: %d and %d bytes", c.key.Size(), c.value.Size())
		}
	}
}

// TestPCANeedsBases: without bases, or with others', a layer is refused by the codec's name.
func TestPCANeedsBases(t *testing.T) {
	sh := Shape{Layer: 3, Heads: 4, KVHeads: 2, Dim: 16}
	bases := testBases(Shape{Heads: 4, KVHeads: 2, Dim: 16, VDim: 16})
	bad := func(f func(b *Basis)) *LayerBases {
		l := testBases(Shape{Heads: 4, KVHeads: 2, Dim: 16, VDim: 16})
		f(&l.Key[1])
		return l
	}
	for i, b := range []*LayerBases{nil, {}, {Key: bases.Key, Value: bases.Value[:1]}, testBases(Shape{Heads: 4, KVHeads: 2, Dim: 8, VDim: 16}),
		bad(func(b *Basis) { b.Var[2] = 100 }), bad(func(b *Basis) { b.In[2] = float32(math.NaN()) }), bad(func(b *Basis) { b.Out = b.Out[1:] }),
		bad(func(b *Basis) { b.Var[15] = -1 })} {
		for _, c := range []PCA{{Bits: 2}, {Rank: 4}} {
			_, err := Layer{Key: c, Bases: b}.Core(sh)
			if !errors.Is(err, ErrBases) || !errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), c.String()) {
				t.Errorf("bases %d, %s: %v", i, c, err)
			}
		}
	}
	if _, err := (Layer{Key: PCA{Rank: 17}, Bases: bases}).Core(sh); !errors.Is(err, ErrCompose) || errors.Is(err, ErrBases) {
		t.Errorf("a rank of 17 of 16: %v", err)
	}
	if _, err := (Plan{Layers: make([]Layer, 2)}).WithBases(&Bases{Layers: make([]LayerBases, 3)}); !errors.Is(err, ErrBases) {
		t.Errorf("bases of three layers for two: %v", err)
	}
	if _, err := (Layer{Key: PCA{Bits: 2}, Bases: bases}).Core(sh); err != nil {
		t.Error(err)
	}
}
