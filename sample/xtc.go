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
			return &xtc{p.XTCProbability, or(p.XTCThreshold, 0.1), ch}
		},
	})
}

// xtc (exclude top choices; text-generation-webui pull request 6335) takes away, now and then, all tokens that reach the threshold
// except the least probable of them, of equals the one with the highest id.
type xtc struct {
	probability, threshold float32
	ch                     *Chain
}

func (s *xtc) apply(c *candidates) {
	if s.ch.float() >= float64(s.probability) {
		return
	}
	c.softmax()
	least := -1 // of the candidates that reach the threshold, the one of lowest rank
	for i, p := range c.p {
		if p >= s.threshold && (least < 0 || c.rank(c.logit, i) < c.rank(c.logit, least)) {
			least = i
		}
	}
	n := 0
	for i, p := range c.p {
		if p < s.threshold || i == least {
			c.move(n, i)
			n++
		}
	}
	c.cut(n)
}
