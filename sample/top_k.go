package sample

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

func init() {
	register("top_k", kind{
		check: func(p *Params) error { return between("top_k", p.TopK, 0, math.MaxInt32) },
		make: func(p *Params, _ *Chain) step {
			if p.TopK == 0 {
				return nil
			}
			return topK(p.TopK)
		},
	})
}

// topK keeps the k most probable tokens (Fan and others, arXiv 1805.04833); of equals those with the lower ids.
type topK int

func (k topK) apply(c *candidates) {
	if int(k) < c.n {
		c.presift(int(k))
		c.selectBest(c.logit, quota{k: int(k)})
	}
}

// presift drops most of what cannot be among the k best, at the speed of a maximum: the k-th largest of the strips' maxima is a bound
// that at least k candidates reach. At 262,144 candidates and k = 40 it leaves about 41.
func (c *candidates) presift(k int) {
	n := c.n / vec.Strip // a rest shorter than a strip gives no maximum, which only lowers the bound
	if n < 4*k {
		c.all()
		return
	}
	high := c.p[:n]
	if c.dense {
		copy(high, c.high)
	} else {
		vec.StripMax(high, c.logit)
	}
	c.keep(kth(sift(high, k), k))
}

// sift drops some of what cannot be among the k largest of x, in place, as presift does.
func sift(x []float32, k int) []float32 {
	var high [256]float32 // of strips
	n := len(x) / vec.Strip
	if n < 2*k || n > len(high) {
		return x
	}
	vec.StripMax(high[:n], x)
	least := kth(high[:n], k)
	n = 0
	for _, l := range x {
		x[n] = l
		if l >= least {
			n++
		}
	}
	return x[:n]
}

// kth returns the k-th largest of x, k ≤ len(x), and permutes x: quickselect.
func kth(x []float32, k int) float32 {
	for k--; ; { // k counts from 0 now
		pivot := x[len(x)/2]
		lo, hi := 0, len(x) // [0, lo) is larger than the pivot, [hi, …) smaller
		for i := 0; i < hi; {
			switch {
			case x[i] > pivot:
				x[i], x[lo] = x[lo], x[i]
				lo++
				i++
			case x[i] < pivot:
				hi--
				x[i], x[hi] = x[hi], x[i]
			default:
				i++
			}
		}
		switch {
		case k < lo:
			x = x[:lo]
		case k < hi:
			return pivot
		default:
			x, k = x[hi:], k-hi
		}
	}
}
