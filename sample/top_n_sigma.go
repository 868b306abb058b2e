package sample

import "math"

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
	var sum, squares float64
	live := 0.0
	for _, l := range c.logit {
		if l > negInf {
			sum += float64(l)
			live++
		}
	}
	mean := sum / live
	for _, l := range c.logit {
		if l > negInf {
			d := float64(l) - mean
			squares += float64(d * d)
		}
	}
	c.keep(float32(float64(c.max()) - float64(float64(n)*math.Sqrt(squares/live))))
}
