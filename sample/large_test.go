package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
)

// radix is selectBest as it is for few candidates, whatever their number.
func (c *candidates) radix(key []float32, q quota) {
	sum, lo := 0.0, 0
	for shift := 64 - digits; c.n-lo > few; shift = max(shift-digits, 0) {
		digit, met := c.boundary(key, q, shift, lo, &sum)
		if !met {
			return
		}
		n, chosen := lo, lo
		for i := lo; i < c.n; i++ {
			d := uint32(c.rank(key, i)>>shift) & (1<<digits - 1)
			if d < digit {
				continue
			}
			c.move(n, i)
			if d > digit {
				c.swap(n, chosen)
				chosen++
			}
			n++
		}
		lo = chosen
		c.cut(n)
		key = key[:n]
	}
	c.sort(key, lo)
	for n := lo; n < c.n; n++ {
		if sum += float64(c.p[n]); q.met(n+1, sum) {
			c.cut(n + 1)
		}
	}
}

// TestLarge compares the passes of large.go with the plain radix selection: the same candidates in the same order, by logits and by
// another key, by number and by probability.
func TestLarge(t *testing.T) {
	shapes := map[string]func(rng *rand.Rand, i int) float32{
		"flat":     func(rng *rand.Rand, _ int) float32 { return float32(rng.NormFloat64()) },
		"steep":    func(rng *rand.Rand, _ int) float32 { return float32(rng.NormFloat64() * 30) },
		"equal":    func(*rand.Rand, int) float32 { return 3 },
		"few":      func(rng *rand.Rand, _ int) float32 { return float32(rng.IntN(3)) - 1 },
		"close":    func(rng *rand.Rand, _ int) float32 { return 1 + float32(rng.IntN(50))*0x1p-23 },
		"zeros":    func(rng *rand.Rand, _ int) float32 { return float32(math.Copysign(0, rng.Float64()-0.5)) },
		"extremes": func(rng *rand.Rand, _ int) float32 { return []float32{negInf, -3e38, 0, 1e-45, 3.4e38}[rng.IntN(5)] },
		"rising":   func(_ *rand.Rand, i int) float32 { return float32(i) * 1e-3 },
		"falling":  func(_ *rand.Rand, i int) float32 { return -float32(i) * 1e-4 },
		"modes": func(rng *rand.Rand, i int) float32 {
			return []float32{0, 4, -1e-30}[i%3] + float32(rng.NormFloat64()*1e-3)
		},
	}
	impl.Each("vec", func(name string) {
		rng := rand.New(rand.NewPCG(31, 32))
		var fast, plain candidates
		for shape, f := range shapes {
			for round := range 10 {
				n := many + rng.IntN(4*many)
				logits := make([]float32, n)
				for i := range logits {
					logits[i] = f(rng, i)
				}
				q := quota{k: 1 + rng.IntN(n)}
				if round%2 == 1 {
					q = quota{p: 1 - math.Pow(rng.Float64(), 4), strict: round%4 == 1}
				}
				order := rng.Perm(n)
				for _, c := range []*candidates{&fast, &plain} {
					c.load(logits)
					_, lse := c.softmax()
					if round%3 == 0 {
						for i, j := range order {
							c.id[i], c.logit[i] = int32(j), logits[j]
						}
						c.weigh(0)
					}
					key := c.logit
					if c.key = c.key[:0]; round >= 6 {
						for _, l := range c.logit {
							c.key = append(c.key, -float32(math.Abs(lse-float64(l)-5)))
						}
						key = c.key
					}
					if c == &fast {
						c.selectBest(key, q)
					} else {
						c.radix(key, q)
					}
				}
				what := fmt.Sprintf("%s, %s, round %d: %d of %d by %+v", name, shape, round, plain.n, n, q)
				if !slices.Equal(fast.id, plain.id) {
					t.Fatalf("%s: %d candidates, or in another order", what, fast.n)
				}
				for i, id := range fast.id {
					if fast.logit[i] != logits[id] || fast.n != len(fast.p) {
						t.Fatalf("%s: token %d has the logit of another", what, id)
					}
				}
			}
		}
	})
}

// TestRotate compares with the loop whose order it gives.
func TestRotate(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	for range 2000 {
		n := 1 + rng.IntN(300)
		var at, loop []int32
		chosen := 0
		share := rng.Float64()
		for i := range n {
			if rng.Float64() < share {
				loop = append(loop, int32(len(at)))
				at = append(at, int32(i))
			} else {
				loop = append(loop, -1)
				loop[i], loop[chosen] = loop[chosen], loop[i]
				chosen++
			}
		}
		var l large
		l.fit(len(at))
		l.queue = l.queue[:min(len(l.queue), 2*len(at)+2)] // so that it runs full
		if got := l.rotate(at, n); !slices.Equal(got, loop[chosen:]) {
			t.Fatalf("%d of %d: %v, want %v", len(at), n, got, loop[chosen:])
		}
	}
}

// TestPeak: a nucleus found near the largest logit is the one that all tokens give, in the same order.
func TestPeak(t *testing.T) {
	rng := rand.New(rand.NewPCG(35, 36))
	peaks := 0
	for round := range 100 {
		n := 20_000 + rng.IntN(40_000)
		logits := make([]float32, n)
		spread := 1 + rng.Float64()*4
		for i := range logits {
			logits[i] = float32(rng.NormFloat64() * spread)
		}
		for range rng.IntN(200) {
			logits[rng.IntN(n)] = float32(8*rng.Float64() + 2.4*spread + 4)
		}
		p := topP(0.3 + 0.6*rng.Float64())
		var fast, plain candidates
		fast.load(logits)
		p.apply(&fast)
		plain.load(logits)
		top, sum, lse := plain.normalise()
		plain.keep(float32(float64(top) + lse + ln(float64(1-p)/2/float64(n))))
		plain.weigh(0)
		before := plain.n
		plain.radix(plain.logit, quota{p: float64(float64(p) * (sum * float64(plain.inv)))})
		if !slices.Equal(fast.id, plain.id) || !slices.Equal(fast.logit, plain.logit) {
			t.Fatalf("round %d: %d candidates, or in another order, want %d of %d", round, fast.n, plain.n, before)
		}
		if fast.load(logits); before > few {
			fast.normalise()
			q := quota{p: float64(float64(p) * (sum * float64(plain.inv)))}
			if p.peak(&fast, float32(float64(top)+lse+ln(float64(1-p)/2/float64(n))), &q) {
				peaks++
			}
		}
	}
	if peaks < 15 || peaks > 90 {
		t.Errorf("%d of 100 are peaks: the test does not see both ways", peaks)
	}
}
