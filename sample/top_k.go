package sample

import "math"

func init() {
	register("top_k", kind{
		check: func(p *Params) error { return between("top_k", p.TopK, 0, math.MaxInt32) },
		make: func(p *Params, _ *Chain) step {
			if p.TopK == 0 {
				return nil
			}
			return topK(p.TopK)
		},
	})
}

// topK keeps the k most probable tokens.
type topK int

func (k topK) apply(c *candidates) {
	if int(k) < c.n {
		c.top(int(k))
		c.cut(int(k))
	}
}
