package sample

func init() {
	register("min_p", kind{
		check: func(p *Params) error { return between("min_p", p.MinP, 0, 1) },
		make: func(p *Params, _ *Chain) step {
			if p.MinP == 0 {
				return nil
			}
			return &minP{ln(float64(p.MinP))}
		},
	})
}

// minP keeps the tokens that are at least p times as probable as the best one (Nguyen and others, arXiv 2407.01082).
type minP struct{ lnP float64 }

func (s *minP) apply(c *candidates) { c.keep(float32(float64(c.max()) + s.lnP)) }
