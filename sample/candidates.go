package sample

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

var negInf = float32(math.Inf(-1))

// candidates are the tokens still in the running. After the first token nothing is allocated.
type candidates struct {
	id    []int32   // [n]
	logit []float32 // [n]
	p     []float32 // [n] after softmax
	key   []float32 // [n] scratch of typical
	n     int
	vocab int  // tokens at the start of the chain
	dense bool // candidate i is token i
	hist  histogram
}

// load takes a copy of logits that has no NaN and no +∞.
func (c *candidates) load(logits []float32) {
	c.n, c.vocab = len(logits), len(logits)
	if cap(c.id) < c.n {
		c.id, c.logit, c.p = make([]int32, c.n), make([]float32, c.n), make([]float32, c.n)
		c.key = nil
	}
	c.id, c.logit, c.p = c.id[:c.n], c.logit[:c.n], c.p[:c.n]
	for i, l := range logits {
		c.id[i] = int32(i)
		c.logit[i] = tame(l)
	}
	c.dense = true
}

// tame makes a logit comparable.
func tame(l float32) float32 {
	switch {
	case l != l:
		return negInf
	case l > math.MaxFloat32:
		return math.MaxFloat32
	}
	return l
}

// cut keeps the first n candidates.
func (c *candidates) cut(n int) {
	c.n = n
	c.id, c.logit, c.p = c.id[:n], c.logit[:n], c.p[:n]
	c.dense = false
}

// max returns the largest logit.
func (c *candidates) max() float32 { return vec.Max(c.logit) }

// live tells whether any candidate can be sampled.
func (c *candidates) live() bool { return c.max() > negInf }

// best returns the index of the most probable candidate, of several the one with the lowest id.
func (c *candidates) best() int {
	b := 0
	for i, l := range c.logit {
		if l > c.logit[b] || l == c.logit[b] && c.id[i] < c.id[b] {
			b = i
		}
	}
	return b
}

// best returns the token of the largest logit, the lowest of several, or -1 if there is none above −∞.
func best(logits []float32) int32 {
	id, top := int32(-1), negInf
	for i, l := range logits {
		if l > top {
			if l = tame(l); l > top {
				id, top = int32(i), l
			}
		}
	}
	return id
}

// softmax sets the probabilities. It returns the largest logit and the logarithm of Σ e^(logit − largest), so that a
// candidate's surprise is lse − (logit − top).
func (c *candidates) softmax() (top float32, lse float64) {
	top = c.max()
	sum := vec.ExpSum(c.p, c.logit, top)
	vec.Scale(c.p, 1/sum)
	return top, ln(float64(sum))
}

// total returns the sum of the probabilities after softmax: 1, but for the rounding of each. Parts of a distribution are taken of
// this sum, so that half of 100 equal candidates is 50 of them.
func (c *candidates) total() float64 {
	var s [4]float64 // four sums, because a single one waits for itself
	p := c.p
	for ; len(p) >= 4; p = p[4:] {
		s[0] += float64(p[0])
		s[1] += float64(p[1])
		s[2] += float64(p[2])
		s[3] += float64(p[3])
	}
	for _, q := range p {
		s[0] += float64(q)
	}
	return s[0] + s[1] + (s[2] + s[3])
}

// draw returns the candidate where the cumulative probability passes u of the total.
func (c *candidates) draw(u float64) int {
	u *= c.total()
	sum, last := 0.0, 0
	for i, p := range c.p {
		if p > 0 {
			if sum += float64(p); sum > u {
				return i
			}
			last = i
		}
	}
	return last
}

// keep drops the candidates with logits below least, in place and in order; the best one always stays.
func (c *candidates) keep(least float32) {
	if top := c.max(); least > top {
		least = top
	}
	n := 0
	for i, l := range c.logit {
		if l >= least && l > negInf {
			c.move(n, i)
			n++
		}
	}
	c.cut(n)
}
