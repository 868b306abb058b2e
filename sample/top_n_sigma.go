package sample

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

func init() {
	register("top_n_sigma", kind{
		check: func(p *Params) error { return between("top_n_sigma", p.TopNSigma, 0, 1e3) },
		make: func(p *Params, _ *Chain) step {
			if p.TopNSigma == 0 {
				return nil
			}
			return topNSigma(p.TopNSigma)
		},
	})
}

// topNSigma keeps the logits that are within n standard deviations, of the whole population, of the largest (Tang and others,
// arXiv 2411.07641). Banned tokens do not count.
type topNSigma float32

func (n topNSigma) apply(c *candidates) {
	c.all()
	live, sum := vec.SumFrom(c.logit, c.logit, -math.MaxFloat32)
	mean := sum / float64(live)
	var s [4]float64 // four sums, because a single one waits for itself
	for i, l := range c.logit {
		if l > negInf {
			d := float64(l) - mean
			s[i%4] += float64(d * d)
		}
	}
	squares := s[0] + s[1] + (s[2] + s[3])
	c.keep(float32(float64(c.max()) - float64(float64(n)*math.Sqrt(squares/float64(live)))))
}
