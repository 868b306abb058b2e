package layer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// TestInfuse: positions that enter before the projections give what testdata/pia.py makes by computing everything anew for each segment,
// at once, step by step, and after rewinds, with the same bits.
func TestInfuse(t *testing.T) {
	const width, heads, kv, dim, rows = 12, 4, 2, 6, 25
	data, err := os.ReadFile("testdata/pia.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		X, Q, QB, K, KB, V, Out, QNorm, KNorm []float32
		Cases                                 []struct {
			Segment, Cache int
			Norms          bool
			Y              floats
		}
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	for i, c := range f.Cases {
		what := fmt.Sprintf("segment=%d, cache=%d, norms %v", c.Segment, c.Cache, c.Norms)
		a := &Attention{Q: Linear{W: matrix(t, f.Q, width), B: f.QB}, K: Linear{W: matrix(t, f.K, width), B: f.KB}, V: Linear{W: matrix(t, f.V, width)},
			Out: Linear{W: matrix(t, f.Out, heads*dim)}}
		if c.Norms {
			a.QNorm, a.KNorm = Norm{f.QNorm, 1e-6}, Norm{f.KNorm, 1e-6}
		}
		pia := attention.PIA{Segment: c.Segment, Cache: c.Cache}
		p, err := a.Project(pia, pia.Vectors(width), dim)
		if err != nil {
			t.Fatal(err)
		}
		plan := attention.Layer{Pos: pia.With(p), Key: attention.F32{}, Value: attention.F32{}}
		if a.Core, err = plan.Core(attention.Shape{Heads: heads, KVHeads: kv, Dim: dim}); err != nil {
			t.Fatal(err)
		}
		st, err := a.NewState(&seq.Env{MaxLen: rows})
		if err != nil {
			t.Fatal(err)
		}
		y, mem := make([]float32, rows*width), new(seq.Arena)
		step := func(n int) {
			t.Helper()
			lo := st.Len()
			at := &seq.Step{First: lo, N: n, Exact: true, Team: par.Serial(), Mem: mem}
			if err := a.Run(y[lo*width:(lo+n)*width], f.X[lo*width:], st, at); err != nil {
				t.Fatal(err)
			}
		}
		step(rows)
		if d := off(y, c.Y); d > 1e-5 {
			t.Errorf("%s: off by %g", what, d)
		}
		if other := f.Cases[(i+1)%len(f.Cases)]; off(y, other.Y) < far {
			t.Errorf("%s: as good as segment=%d, cache=%d", what, other.Segment, other.Cache)
		}
		want, rng := slices.Clone(y), rand.New(rand.NewPCG(1, uint64(i)))
		for range 20 {
			if err := st.Rewind(rng.IntN(st.Len() + 1)); err != nil {
				t.Fatal(err)
			}
			clear(y[st.Len()*width:])
			for st.Len() < rows {
				step(min(rows-st.Len(), 1+rng.IntN(8)))
			}
			if !slices.Equal(y, want) {
				t.Fatalf("%s: other bits after a rewind", what)
			}
		}
	}
}
