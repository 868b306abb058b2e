package sample

import "github.com/godwit-ai/godwit/internal/vec"

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
	threshold := s.threshold
	least := -1 // of the candidates that reach the threshold, the one of lowest rank
	n, from := 0, 0
	for b := 0; b < c.n; b += block {
		p := c.p[b:min(b+block, c.n)]
		if k, _ := vec.SumFrom(p, p, threshold); k == 0 {
			continue
		}
		for i, p := range p {
			if p < threshold {
				continue
			}
			if n++; least < 0 || c.rank(c.logit, b+i) < c.rank(c.logit, least) {
				least = b + i
			}
		}
	}
	if n < 2 {
		return
	}
	n = 0 // candidates before from are dealt with: n of them stay
	for b := 0; b < c.n; b += block {
		p := c.p[b:min(b+block, c.n)]
		if k, _ := vec.SumFrom(p, p, threshold); k == 0 {
			continue
		}
		for i, p := range p {
			if i += b; p >= threshold && i != least {
				copy(c.id[n:], c.id[from:i])
				n, from = n+copy(c.logit[n:], c.logit[from:i]), i+1
			}
		}
	}
	copy(c.id[n:], c.id[from:])
	c.cut(n + copy(c.logit[n:], c.logit[from:]))
}
