package layer

import (
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestMoECost: a row multiplies by the router and its experts; rows share the weights of an expert once all are in use.
func TestMoECost(t *testing.T) {
	const width, hidden, experts, used = 32, 16, 4, 2
	rng := rand.New(rand.NewPCG(1, 1))
	m := &MoE{Router: Linear{W: matrix(t, random(rng, experts*width), width)}, Gate: matrix(t, random(rng, experts*hidden*width), width),
		Up: matrix(t, random(rng, experts*hidden*width), width), Down: matrix(t, random(rng, experts*width*hidden), hidden), Used: used}
	for _, c := range []struct{ rows, experts int64 }{{1, 2}, {2, 4}, {5, 4}} {
		want := seq.Cost{Weights: 4 * (experts*width + c.experts*3*width*hidden), FloatOps: 2 * c.rows * (experts*width + used*3*width*hidden)}
		if got := m.cost(9, int(c.rows), false); got != want {
			t.Errorf("%d rows: %+v, want %+v", c.rows, got, want)
		}
	}
}
