package sample

func init() {
	register("xtc", kind{
		check: func(p *Params) error {
			return first(
				between("xtc_probability", p.XTCProbability, 0, 1),
				between("xtc_threshold", p.XTCThreshold, 0, 1))
		},
		make: func(p *Params, ch *Chain) step {
			if p.XTCProbability == 0 || p.XTCThreshold > 0.5 { // at most one token is above one half
				return nil
			}
			return &xtc{p.XTCProbability, p.XTCThreshold, ch}
		},
	})
}

// xtc (exclude top choices) takes away, now and then, all tokens that reach the threshold except the least probable of
// them.
type xtc struct {
	probability, threshold float32
	ch                     *Chain
}

func (s *xtc) apply(c *candidates) {
	if s.ch.float() >= float64(s.probability) {
		return
	}
	c.softmax()
	reach := 0
	for _, p := range c.p {
		if p >= s.threshold {
			reach++
		}
	}
	if reach < 2 {
		return
	}
	c.top(reach)
	drop := reach - 1
	for i := drop; i < c.n; i++ {
		c.swapTo(i-drop, i)
	}
	c.order -= drop
	c.cut(c.n - drop)
}
