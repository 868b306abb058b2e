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

// topP keeps the fewest tokens whose probabilities reach p, the most probable first and of equals those with the lower ids: the nucleus
// (Holtzman and others, arXiv 1904.09751). The token that reaches p is in it.
type topP float32

func (p topP) apply(c *candidates) {
	top, lse := c.softmax()
	total := c.total()
	// All tokens less probable than (1−p)/n together have less than 1−p, so p is reached without them; half of it leaves room for
	// rounding. In a peaked distribution few tokens remain to be sorted.
	c.keep(float32(float64(top) + lse + ln(float64(1-p)/2/float64(c.n))))
	c.selectBest(c.logit, quota{p: float64(float64(p) * total)})
}
