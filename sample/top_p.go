package sample

import "github.com/godwit-ai/godwit/internal/vec"

func init() {
	register("top_p", kind{
		check: func(p *Params) error { return between("top_p", p.TopP, 0, 1) },
		make: func(p *Params, _ *Chain) step {
			if p.TopP == 0 || p.TopP == 1 {
				return nil
			}
			return topP(p.TopP)
		},
	})
}

// topP keeps the fewest tokens whose probabilities reach p, the most probable first and of equals those with the lower ids: the nucleus
// (Holtzman and others, arXiv 1904.09751). The token that reaches p is in it.
type topP float32

func (p topP) apply(c *candidates) {
	var top float32
	var total, lse float64
	dense := c.dense
	if dense {
		var sum float64
		top, sum, lse = c.normalise()
		total = sum * float64(c.inv)
	} else {
		top, lse = c.softmax()
		total = c.total()
	}
	q := quota{p: float64(float64(p) * total), rest: float64((1 - float64(p)) * total)}
	// All tokens less probable than (1−p)/n together have less than 1−p, so p is reached without them; half of it leaves room for
	// rounding. In a peaked distribution few tokens remain to be sorted.
	least := float32(float64(top) + lse + ln(float64(1-p)/2/float64(c.n)))
	if !dense || !p.peak(c, least, &q) {
		c.keep(least)
		c.weigh(0)
	}
	c.selectBest(c.logit, q)
}

// peak tries whether the nucleus lies within a few units of the largest logit, where few strips have to be looked at: in text of small
// models it ends 4 to 7 below that at p = 0.9, while all tokens down to 12 or 15 below would have to be listed to be sure. The first pass of
// the selection finds nothing else then if it were given all tokens from least on; but that they are more than few must be sure.
func (p topP) peak(c *candidates, least float32, q *quota) bool {
	n, _ := vec.SumFrom(c.high, c.high, least)
	if n <= few {
		return false
	}
	for _, span := range [...]float32{6, 9} {
		from := edge(uint32(order(c.top-span) >> (32 - digits)))
		k, _ := vec.SumFrom(c.high, c.high, from)
		if from <= least || k > n/2 {
			return false
		}
		c.gather(from)
		c.weigh(0)
		if q.met(c.n, c.total()) {
			q.part = true
			return true
		}
		c.dense = true
	}
	return false
}
