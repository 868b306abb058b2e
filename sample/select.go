package sample

import "math"

// digits is the number of bits that select looks at in one pass, few the number of candidates that it sorts instead.
const (
	digits = 12
	few    = 48
)

// histogram has a bucket for every value of a digit.
type histogram struct {
	n    [1 << digits]int32   // candidates
	mass [1 << digits]float64 // their probabilities
}

// quota says how many of the best candidates are wanted.
type quota struct {
	k      int     // so many; 0: as few as it takes for their probabilities to reach p
	p      float64 // a part of candidates.total
	rest   float64 // about what p leaves of all candidates, for a guess
	strict bool    // the probabilities must exceed p
	part   bool    // of candidates that were more than few, those are left that have one of the larger digits
}

func (q *quota) met(n int, sum float64) bool {
	if q.k > 0 {
		return n >= q.k
	}
	return sum > q.p || sum == q.p && !q.strict
}

// rank orders candidates, the best first in numbers: by key, then the lower id.
func (c *candidates) rank(key []float32, i int) uint64 {
	return uint64(order(key[i]))<<32 | uint64(^uint32(c.id[i]))
}

// order turns keys into numbers of the same order.
func order(key float32) uint32 {
	b := math.Float32bits(key + 0) // −0 becomes 0
	if b>>31 != 0 {
		return ^b
	}
	return b | 1<<31
}

// selectBest keeps the candidates with the largest keys that q asks for, in no particular order; all, if that does not meet q. key is c.logit
// or c.key. It is a radix selection: each pass counts the candidates by their next digit, keeps those with larger digits than the
// one where q is met, and goes on among those with that digit. So it is linear also where the distribution is flat: sorting a
// nucleus of 200,000 tokens takes a hundred times as long. Of many candidates the first pass is made of vector passes (large.go).
func (c *candidates) selectBest(key []float32, q quota) {
	sum, lo, shift := 0.0, 0, 64-digits // candidates [0, lo) are chosen; sum is their probability
	if c.n >= many {
		digit, met := c.find(key, q, &sum)
		if !met {
			return
		}
		lo = c.split(key, digit)
		if key, shift = key[:c.n], shift-digits; q.k == 0 {
			c.weigh(lo)
		}
	}
	for ; c.n-lo > few || q.part && shift == 64-digits; shift = max(shift-digits, 0) {
		digit, met := c.boundary(key, q, shift, lo, &sum)
		if !met {
			return
		}
		n, chosen := lo, lo
		for i := lo; i < c.n; i++ {
			d := uint32(c.rank(key, i)>>shift) & (1<<digits - 1)
			if d < digit {
				continue
			}
			c.move(n, i)
			if d > digit {
				c.swap(n, chosen)
				chosen++
			}
			n++
		}
		lo = chosen
		c.cut(n)
		key = key[:n]
	}
	c.sort(key, lo)
	for n := lo; n < c.n; n++ {
		if sum += float64(c.p[n]); q.met(n+1, sum) {
			c.cut(n + 1)
		}
	}
}

// boundary finds the digit of the candidates from lo on where q is met, and adds the probabilities of those with larger ones to sum.
func (c *candidates) boundary(key []float32, q quota, shift, lo int, sum *float64) (digit uint32, met bool) {
	h := &c.hist
	clear(h.n[:])
	if q.k == 0 {
		clear(h.mass[:])
	}
	for i := lo; i < c.n; i++ {
		d := uint32(c.rank(key, i)>>shift) & (1<<digits - 1)
		h.n[d]++
		if q.k == 0 {
			h.mass[d] += float64(c.p[i])
		}
	}
	n := lo
	for d := len(h.n) - 1; d >= 0; d-- {
		if h.n[d] == 0 {
			continue
		}
		n += int(h.n[d])
		if q.met(n, *sum+h.mass[d]) {
			return uint32(d), true
		}
		*sum += h.mass[d]
	}
	return 0, false
}

// sort sorts the few candidates from lo on, the best first.
func (c *candidates) sort(key []float32, lo int) {
	for i := lo + 1; i < c.n; i++ {
		for j := i; j > lo && c.rank(key, j) > c.rank(key, j-1); j-- {
			c.swap(j, j-1)
		}
	}
}

// move copies candidate i to place n ≤ i.
func (c *candidates) move(n, i int) {
	c.id[n], c.logit[n], c.p[n] = c.id[i], c.logit[i], c.p[i]
	if len(c.key) > 0 {
		c.key[n] = c.key[i]
	}
}

func (c *candidates) swap(i, j int) {
	if i == j {
		return
	}
	c.id[i], c.id[j] = c.id[j], c.id[i]
	c.logit[i], c.logit[j] = c.logit[j], c.logit[i]
	c.p[i], c.p[j] = c.p[j], c.p[i]
	if len(c.key) > 0 {
		c.key[i], c.key[j] = c.key[j], c.key[i]
	}
}
