package compress

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// sample is a curve of a matrix with singular values that fall off.
func sample(rng *rand.Rand, step, out, in int) *curve {
	n := min(out, in)
	c := &curve{step: step, unit: int64(step * (out + in)), whole: int64(out * in), tail: make([]float64, n+1)}
	power := rng.Float64() * 3
	for r := n - 1; r >= 0; r-- {
		c.tail[r] = c.tail[r+1] + math.Pow(float64(r+1), -power)
	}
	c.most = int((c.whole-1)/c.unit) * step
	return c
}

// TestAllocate compares the greedy choice with the best of all that fit: budgets hold, and what it loses is what the last step that did
// not fit may gain.
func TestAllocate(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for round := range 300 {
		var curves []*curve
		least, whole := int64(0), int64(0)
		for range 3 {
			c := sample(rng, 1+rng.IntN(3), 8+rng.IntN(16), 8+rng.IntN(16))
			curves = append(curves, c)
			least += c.bytes(c.step)
			whole += c.whole
		}
		budget := least + rng.Int64N(whole-least+10)
		ranks, err := allocate(curves, budget)
		if err != nil {
			t.Fatal(err)
		}
		total := func(ranks []int) (bytes int64, loss float64) {
			for i, c := range curves {
				bytes += c.bytes(ranks[i])
				loss += c.loss(ranks[i])
			}
			return bytes, loss
		}
		bytes, loss := total(ranks)
		for i, c := range curves {
			if r := ranks[i]; r < 0 || r > c.most || r%c.step != 0 {
				t.Errorf("round %d: rank %d of at most %d in steps of %d", round, r, c.most, c.step)
			}
		}
		if bytes > budget {
			t.Errorf("round %d: %d bytes, the budget is %d", round, bytes, budget)
		}
		if budget >= whole && loss != 0 {
			t.Errorf("round %d: a budget of everything loses %g", round, loss)
		}
		best, gap := math.Inf(1), 0.0
		for _, c := range curves {
			for _, s := range c.hull(0) {
				gap = max(gap, s.rate*float64(s.bytes))
			}
		}
		each(curves, nil, func(ranks []int) {
			if b, l := total(ranks); b <= budget {
				best = min(best, l)
			}
		})
		if loss > best+gap+1e-12 || loss < best-1e-12 {
			t.Errorf("round %d: a loss of %g, the best is %g and one step at most %g", round, loss, best, gap)
		}
	}
	c := sample(rng, 4, 30, 40)
	if _, err := allocate([]*curve{c}, c.unit-1); !errors.Is(err, ErrSize) {
		t.Errorf("a budget of nothing: %v", err)
	}
	if ranks, err := allocate([]*curve{c}, c.unit); err != nil || ranks[0] != 4 {
		t.Errorf("the smallest budget gives %v, %v", ranks, err)
	}
	if ranks, err := allocate(nil, 0); err != nil || len(ranks) != 0 {
		t.Error(ranks, err)
	}
}

// each tries all ranks.
func each(curves []*curve, ranks []int, try func(ranks []int)) {
	if len(ranks) == len(curves) {
		try(ranks)
		return
	}
	c := curves[len(ranks)]
	for r := 0; r <= c.most; r += c.step {
		each(curves, append(ranks, r), try)
	}
}

// TestHull: the steps end at the weight as it is, and each saves less for a byte than the one before.
func TestHull(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for range 100 {
		c := sample(rng, 1+rng.IntN(4), 10+rng.IntN(50), 10+rng.IntN(50))
		at, rank, last := c.bytes(c.step), c.step, math.Inf(1)
		for _, s := range c.hull(7) {
			loss := c.loss(rank) - c.loss(s.rank)
			if s.weight != 7 || c.bytes(s.rank) != at+s.bytes || s.rate > last*(1+1e-9) || math.Abs(loss-s.rate*float64(s.bytes)) > 1e-12 {
				t.Errorf("%+v after rank %d of %d bytes and a rate of %g", s, rank, at, last)
			}
			at, rank, last = at+s.bytes, s.rank, s.rate
		}
		if at != c.whole || rank != 0 {
			t.Errorf("the hull ends at rank %d, %d of %d bytes", rank, at, c.whole)
		}
	}
}

func TestEnergy(t *testing.T) {
	c := &curve{step: 2, most: 6, tail: []float64{10, 6, 3, 1, 0.5, 0.25, 0.1, 0.01, 0}}
	for part, want := range map[float64]int{0.01: 2, 0.4: 2, 0.7: 2, 0.71: 4, 0.95: 4, 0.951: 6, 0.99: 6, 0.995: 0, 1: 0} {
		if r := c.energy(part); r != want {
			t.Errorf("%g of the squares need rank %d, want %d", part, r, want)
		}
	}
	for rank, want := range map[int]int{1: 2, 2: 2, 3: 4, 6: 6, 7: 0} {
		if r := c.up(rank); r != want {
			t.Errorf("rank %d becomes %d, want %d", rank, r, want)
		}
	}
}
