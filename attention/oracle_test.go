package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// fixture is the input of one layer over a whole session.
type fixture struct {
	layer   Layer
	shape   Shape
	n       int
	q, k, v []float32 // [n, Heads, Dim], [n, KVHeads, Dim], [n, KVHeads, VDim]
}

func newFixture(l Layer, sh Shape, n int, seed uint64) *fixture {
	if sh.VDim == 0 {
		sh.VDim = sh.Dim
	}
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	fill := func(n int, scale float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64() * scale)
		}
		return x
	}
	return &fixture{l, sh, n, fill(n*sh.Heads*sh.Dim, 1.5), fill(n*sh.KVHeads*sh.Dim, 1), fill(n*sh.KVHeads*sh.VDim, 1)}
}

// stored is what a codec keeps of a row.
func stored(t *testing.T, rows Rows, keys bool, x []float32) []float32 {
	t.Helper()
	tile, all := make([]byte, rows.Size()), make([]float32, len(x)*Tile)
	rows.Put(tile, 5, x)
	rows.Get(all, tile, Tile)
	y := make([]float32, len(x))
	for i := range y {
		if keys {
			y[i] = all[i*Tile+5]
		} else {
			y[i] = all[5*len(x)+i]
		}
	}
	return y
}

// oracle is attention with a dense mask in float64: what every composition must equal. Only Span.Sees, the codec's rounding
// and the Positioner are taken from the package; each has its own test.
func (f *fixture) oracle(t *testing.T) []float64 {
	t.Helper()
	l, sh := f.layer.filled(), f.shape
	pos, err := l.Pos.Fit(sh.Dim)
	if err != nil {
		t.Fatal(err)
	}
	keys, _ := l.Key.Keys(sh.Dim)
	values, _ := l.Value.Values(sh.VDim)
	rotate := func(x []float32, p int) []float32 {
		y := append([]float32{}, x...)
		if pos != nil {
			row := make([]float32, pos.Width())
			pos.Row(row, seq.Pos(p))
			pos.Apply(y, row)
		}
		return y
	}
	scale := float64(l.Score.Scale)
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(sh.Dim))
	}
	out, group := make([]float64, f.n*sh.Heads*sh.VDim), sh.Heads/sh.KVHeads
	for kv := range sh.KVHeads {
		var ks, vs [][]float32
		for i := range f.n {
			ks = append(ks, stored(t, keys, true, rotate(f.k[(i*sh.KVHeads+kv)*sh.Dim:][:sh.Dim], i)))
			vs = append(vs, stored(t, values, false, f.v[(i*sh.KVHeads+kv)*sh.VDim:][:sh.VDim]))
		}
		span := l.Span[kv%len(l.Span)]
		for h := kv * group; h < (kv+1)*group; h++ {
			for i := range f.n {
				q := rotate(f.q[(i*sh.Heads+h)*sh.Dim:][:sh.Dim], i)
				logits, high := make([]float64, i+1), math.Inf(-1)
				if l.Score.Sinks != nil {
					high = float64(l.Score.Sinks[h])
				}
				for j := range logits {
					logits[j] = math.Inf(-1)
					if !span.Sees(seq.Pos(i), seq.Pos(j)) {
						continue
					}
					dot := 0.0
					for d, x := range q {
						dot += float64(x) * float64(ks[j][d])
					}
					dot *= scale
					if c := float64(l.Score.Softcap); c != 0 {
						dot = c * math.Tanh(dot/c)
					}
					if b, ok := pos.(Biaser); ok {
						s := []float32{0}
						b.Bias(s, h, seq.Pos(i), seq.Pos(j))
						dot += float64(s[0])
					}
					logits[j], high = dot, max(high, dot)
				}
				sum, o := 0.0, out[(i*sh.Heads+h)*sh.VDim:][:sh.VDim]
				if l.Score.Sinks != nil {
					sum = math.Exp(float64(l.Score.Sinks[h]) - high)
				}
				for j, x := range logits {
					if x == math.Inf(-1) {
						continue
					}
					p := math.Exp(x - high)
					sum += p
					for d := range o {
						o[d] += p * float64(vs[j][d])
					}
				}
				for d := range o {
					if sum != 0 {
						o[d] /= sum
					}
				}
			}
		}
	}
	return out
}

// steps cuts n rows into steps of the given sizes, the last size repeated.
type steps []int

func (s steps) cut(n int) (out []int) {
	for i := 0; n > 0; i++ {
		c := min(n, s[min(i, len(s)-1)])
		out, n = append(out, c), n-c
	}
	return out
}

// runner feeds a fixture to a core. A rewind is an entry ≤ 0 of cuts: the row to go back to, negated.
type runner struct {
	f      *fixture
	c      *Core
	st     seq.State
	team   seq.Team
	mem    seq.Arena
	out    []float32 // [n, Heads, VDim]
	k      []float32
	maxLen int
}

func (f *fixture) runner(t testing.TB, maxLen, maxChunk int) *runner {
	t.Helper()
	c, err := f.layer.Core(f.shape)
	if err != nil {
		t.Fatal(err)
	}
	st, err := c.NewState(&seq.Env{MaxLen: maxLen, MaxChunk: maxChunk})
	if err != nil {
		t.Fatal(err)
	}
	return &runner{f: f, c: c, st: st, team: par.Serial(), out: make([]float32, f.n*f.shape.Heads*f.shape.VDim),
		k: make([]float32, len(f.k))}
}

func (r *runner) step(n int) error {
	f, sh, lo := r.f, r.f.shape, r.st.Len()
	copy(r.k, f.k[lo*sh.KVHeads*sh.Dim:(lo+n)*sh.KVHeads*sh.Dim])
	at := seq.Step{First: lo, N: n, Team: r.team, Mem: &r.mem}
	return r.c.Run(r.out[lo*sh.Heads*sh.VDim:], f.q[lo*sh.Heads*sh.Dim:], r.k, f.v[lo*sh.KVHeads*sh.VDim:], r.st, &at)
}

func (r *runner) all(cut []int) error {
	for _, n := range cut {
		if err := r.step(n); err != nil {
			return err
		}
	}
	return nil
}

// differ compares with the oracle; the bound is absolute, values being about 1.
func differ(got []float32, want []float64, bound float64) error {
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); !(d <= bound) {
			return fmt.Errorf("element %d: %v, want %v (±%g)", i, got[i], w, bound)
		}
	}
	return nil
}

func sameBits(got, want []float32) error {
	for i, w := range want {
		if math.Float32bits(got[i]) != math.Float32bits(w) {
			return fmt.Errorf("element %d: %v (%x), want %v (%x)", i, got[i], math.Float32bits(got[i]), w, math.Float32bits(w))
		}
	}
	return nil
}
