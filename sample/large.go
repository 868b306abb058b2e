package sample

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

// many is the number of candidates from which on find and split are faster than counting by digits, and samples how many of
// them find looks at for a first guess.
const (
	many    = 4096
	samples = 1024
)

// large is the scratch of split.
type large struct {
	at    []int32   // where the candidates with the digit were. [candidates]
	id    []int32   // [candidates with the digit]
	logit []float32 // [candidates with the digit]
	queue []int32   // their new order. [more than those with the digit]
}

// edge returns the smallest key whose rank begins with a digit; NaN where there is none.
func edge(digit uint32) float32 {
	b := digit << (32 - digits)
	if b>>31 != 0 {
		return math.Float32frombits(b &^ (1 << 31))
	}
	if b = ^b; b > math.Float32bits(negInf) {
		return negInf // the digit of −∞, which begins with what would be NaN
	}
	return math.Float32frombits(b)
}

// find is boundary for many candidates: a sample says where the digit may be, and passes over the keys, each from one digit on, close in
// on it from there. Two are enough where the sample was right.
func (c *candidates) find(key []float32, q quota, sum *float64) (digit uint32, met bool) {
	p := c.p[:c.n]
	from := func(d uint32) (float64, bool) {
		n, s := vec.SumFrom(key, p, edge(d))
		return s, q.met(n, s)
	}
	lo, hi := uint32(0), uint32(1<<digits-1) // met from lo on, but not from hi on
	low, high := false, false                // tried
	for d, step := c.guess(key, q), uint32(1); hi-lo > 1; step *= 2 {
		if s, ok := from(d); ok {
			lo, low = d, true
		} else {
			hi, high, *sum = d, true, s
		}
		switch {
		case low && high:
			d = (lo + hi) / 2
		case low:
			d = min(lo+step, hi-1)
		default:
			d = hi - min(step, hi-lo)
		}
	}
	if !low {
		_, low = from(lo)
	}
	return lo, low
}

// guess finds the digit in a sample. Where probabilities count, the few candidates that have much are all in it.
func (c *candidates) guess(key []float32, q quota) uint32 {
	const heavy = 1. / samples
	h := &c.hist
	clear(h.n[:])
	clear(h.mass[:])
	stride := c.n / samples
	for i := stride / 2; i < c.n; i += stride {
		d := uint32(c.rank(key, i) >> (64 - digits))
		h.n[d] += int32(stride)
		if c.p[i] < heavy {
			h.mass[d] += float64(stride) * float64(c.p[i])
		}
	}
	for b := 0; q.k == 0 && b < c.n; b += block {
		p := c.p[b:min(b+block, c.n)]
		if k, _ := vec.SumFrom(p, p, heavy); k == 0 {
			continue
		}
		for i, p := range p {
			if p >= heavy {
				d := uint32(c.rank(key, b+i) >> (64 - digits))
				h.n[d]++
				h.mass[d] += float64(p)
			}
		}
	}
	d := uint32(1)
	if q.k > 0 || q.rest > q.p {
		n, sum := 0, 0.0
		for d = uint32(len(h.n)) - 1; d > 1; d-- {
			if n, sum = n+int(h.n[d]), sum+h.mass[d]; h.n[d] > 0 && q.met(n, sum) {
				break
			}
		}
	} else { // from the other end, where the sample's error is a share of less
		for sum := 0.0; int(d) < len(h.n)-1; d++ {
			if sum += h.mass[d]; sum > q.rest {
				break
			}
		}
	}
	return d
}

// split keeps the candidates whose keys' digits are at least digit, and returns how many have larger ones. The order is that of a loop
// that appends each candidate and swaps it, if its digit is larger, with the first of those with the digit: what a seed draws
// depends on it. The probabilities are void then.
func (c *candidates) split(key []float32, digit uint32) int {
	lo, hi := edge(digit), edge(digit+1)
	other := &key[0] != &c.logit[0]
	if cap(c.large.at) < c.n {
		c.large.at = make([]int32, c.vocab)
	}
	at := c.large.at[:c.n]
	n := vec.Pick(c.id, c.logit, c.id, c.logit, key, lo, posInf)
	if other {
		vec.Pick(at, key, at, key, key, lo, posInf)
	}
	key = key[:n]
	c.cut(n)
	equal := c.p // their keys
	m := vec.Pick(at, equal, c.iota, key, key, negInf, hi)
	at = at[:m]
	c.large.fit(m)
	for j, i := range at {
		c.large.id[j], c.large.logit[j] = c.id[i], c.logit[i]
	}
	chosen := vec.Pick(c.id, c.logit, c.id, c.logit, key, hi, posInf)
	for j, e := range c.large.rotate(at, n) {
		c.id[chosen+j], c.logit[chosen+j] = c.large.id[e], c.large.logit[e]
		if other {
			key[chosen+j] = equal[e]
		}
	}
	return chosen
}

// fit makes room for m candidates with the digit.
func (l *large) fit(m int) {
	if cap(l.id) < m {
		n := 1
		for n < m {
			n *= 2
		}
		l.id, l.logit, l.queue = make([]int32, n), make([]float32, n), make([]int32, 2*n+many)
	}
	l.id, l.logit = l.id[:m], l.logit[:m]
}

// rotate returns the order in which a loop as split describes leaves those that stood at some of n places: each of the others, once
// it comes, moves the first of them to their end.
func (l *large) rotate(at []int32, n int) []int32 {
	q, head, tail := l.queue, 0, 0
	for j, i := range at {
		q[tail] = int32(j)
		tail++
		next := n
		if j+1 < len(at) {
			next = int(at[j+1])
		}
		r := (next - int(i) - 1) % (tail - head)
		if tail+r+1 >= len(q) {
			head, tail = 0, copy(q, q[head:tail])
		}
		copy(q[tail:], q[head:head+r])
		head, tail = head+r, tail+r
	}
	return q[head:tail]
}
