package sample

import "math"

func init() {
	register("mirostat", kind{
		last: true,
		check: func(p *Params) error {
			if p.MirostatTau != 0 && p.Temperature == 0 {
				return &ParamError{"mirostat_tau", p.MirostatTau, "0 where the temperature is 0"}
			}
			return first(
				between("mirostat_tau", p.MirostatTau, 0, 100),
				between("mirostat_eta", p.MirostatEta, 0, 100))
		},
		make: func(p *Params, _ *Chain) step {
			if p.MirostatTau == 0 {
				return nil
			}
			s := &mirostat{tau: float64(p.MirostatTau), eta: float64(or(p.MirostatEta, 0.1))}
			s.reset()
			return s
		},
	})
}

// mirostat is version 2 (Basu and others, arXiv 2007.14966): it keeps the tokens whose surprise is at most mu bits, and
// moves mu so that the surprise of what is picked, among those kept, approaches tau. llama.cpp runs it instead of the other steps that
// cut; here it comes after those that have parameters.
type mirostat struct{ tau, eta, mu float64 }

func (s *mirostat) number() *float64 { return &s.mu }

func (s *mirostat) reset() { s.mu = 2 * s.tau }

func (s *mirostat) apply(c *candidates) {
	var top float32
	var lse float64
	if c.dense {
		top, _, lse = c.normalise()
	} else {
		top, lse = c.softmax()
	}
	if bits := lse / math.Ln2; bits > s.mu { // even the best one has too many: of several equal ones, all have
		c.single()
		return
	}
	c.keep(float32(float64(top) + lse - float64(s.mu*math.Ln2)))
}

func (s *mirostat) picked(c *candidates, i int) {
	top, lse := c.softmax()
	bits := (lse - (float64(c.logit[i]) - float64(top))) / math.Ln2
	s.mu -= float64(s.eta * (bits - s.tau))
}
