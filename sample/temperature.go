package sample

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

func init() {
	register("temperature", kind{
		check: func(p *Params) error {
			return first(
				between("temperature", p.Temperature, 0, 1e3),
				between("dynatemp_range", p.DynaTempRange, 0, 1e3),
				between("dynatemp_power", p.DynaTempPower, 0, 1e3))
		},
		make: func(p *Params, _ *Chain) step {
			if p.Temperature == 0 || p.Temperature == 1 && p.DynaTempRange == 0 {
				return nil
			}
			return &temperature{p.Temperature, p.DynaTempRange, float64(or(p.DynaTempPower, 1))}
		},
	})
}

// temperature divides logits. With a spread it is dynamic (llama.cpp pull request 4972): between t−spread and t+spread, by the entropy
// of the candidates relative to the largest that so many could have. Candidates of no probability do not count there, which
// llama.cpp's do: what steps before this one took away must not lower the temperature.
type temperature struct {
	t, spread float32
	power     float64
}

func (s *temperature) apply(c *candidates) {
	t := s.t
	if s.spread > 0 {
		c.all()
		n, _ := vec.SumFrom(c.logit, c.logit, -math.MaxFloat32)
		if n < 2 {
			return
		}
		entropy, _, _ := c.entropy()
		relative := min(max(entropy/ln(float64(n)), 0), 1)
		lo, hi := float64(max(0, s.t-s.spread)), float64(s.t+s.spread)
		t = float32(lo + float64((hi-lo)*pow(relative, s.power)))
	}
	c.heat(t)
}

// entropy returns the expected surprise of a draw in nats, after softmax.
func (c *candidates) entropy() (h float64, top float32, lse float64) {
	top, lse = c.softmax()
	return lse - vec.SumProd(c.p, c.logit, top), top, lse // Σ p (lse − (l − top))
}

// heat divides the logits by t. Where the largest leaves the range of float32 by that, only the best candidate remains; smaller ones
// may become −∞, for they have no probability then.
func (c *candidates) heat(t float32) {
	if top := c.max(); t == 0 || !(math.Abs(float64(top/t)) <= math.MaxFloat32) {
		c.single()
		return
	}
	c.all()
	vec.Div(c.logit, t)
}

// single keeps the most probable candidate.
func (c *candidates) single() {
	if c.dense {
		id := c.best()
		c.id, c.logit, c.p = append(c.id[:0], id), append(c.logit[:0], c.at(id)), c.p[:1]
		c.n, c.dense = 1, false
		return
	}
	c.move(0, c.first())
	c.cut(1)
}
