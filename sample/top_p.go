package sample

func init() {
	register("top_p", kind{
		check: func(p *Params) error { return between("top_p", p.TopP, 0, 1) },
		make: func(p *Params, _ *Chain) step {
			if p.TopP == 0 || p.TopP == 1 {
				return nil
			}
			return topP(p.TopP)
		},
	})
}

// topP keeps the fewest tokens whose probabilities reach p, the most probable first.
type topP float32

func (p topP) apply(c *candidates) {
	c.softmax()
	c.cut(c.nucleus(c.logit, float64(p), false))
}

// nucleus sorts as many candidates to the front as it takes for their probabilities to reach p (to exceed it, with strict),
// and returns that number. It sorts in growing steps, since a few dozen tokens hold most of the probability.
func (c *candidates) nucleus(key []float32, p float64, strict bool) int {
	sum, n := 0.0, 0
	for k := 64; n < c.n; k *= 8 {
		k = min(k, c.n)
		if &key[0] == &c.logit[0] {
			c.top(k)
		} else {
			c.sortBest(key, n, k)
		}
		for ; n < k; n++ {
			if sum += float64(c.p[n]); sum > p || sum == p && !strict {
				return n + 1
			}
		}
	}
	return c.n
}
