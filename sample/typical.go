package sample

import "github.com/godwit-ai/godwit/internal/vec"

func init() {
	register("typical", kind{
		check: func(p *Params) error { return between("typical", p.Typical, 0, 1) },
		make: func(p *Params, _ *Chain) step {
			if p.Typical == 0 || p.Typical == 1 {
				return nil
			}
			return typical(p.Typical)
		},
	})
}

// typical keeps the tokens whose surprise is nearest to the expected one, until their probabilities exceed p (Meister and
// others, arXiv 2202.00666). Unlike llama.cpp's, it survives tokens without any probability: they add nothing to the entropy.
type typical float32

func (p typical) apply(c *candidates) {
	entropy, top, lse := c.entropy()
	if cap(c.key) < c.n {
		c.key = make([]float32, c.n)
	}
	c.key = c.key[:c.n]
	vec.Near(c.key, c.logit, lse+float64(top)-entropy) // −|lse − (l − top) − entropy|
	total := c.total()
	c.selectBest(c.key, quota{p: float64(float64(p) * total), rest: float64((1 - float64(p)) * total), strict: true})
	c.key = c.key[:0]
}
