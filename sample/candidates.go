package sample

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

var negInf, posInf = float32(math.Inf(-1)), float32(math.Inf(1))

// candidates are the tokens still in the running. They begin as the whole vocabulary, which is not copied (view); what a step leaves
// is. After the first token nothing is allocated, but what a nucleus larger than any before needs, and strips
// that are edited for the first time.
type candidates struct {
	view
	id    []int32   // [n]
	logit []float32 // [n]
	p     []float32 // [n] after softmax
	key   []float32 // [n] scratch of typical
	n     int
	vocab int  // tokens at the start of the chain
	dense bool // the candidates are the view; id and logit hold nothing yet
	top   float32
	inv   float32 // softmax made p = e^(logit − top)·inv
	iota  []int32 // [vocabulary] 0, 1, 2 …
	hist  histogram
	large large
}

// load makes the whole vocabulary candidates. NaN counts as −∞ and +∞ as the largest float32.
func (c *candidates) load(logits []float32) {
	c.n, c.vocab = len(logits), len(logits)
	if cap(c.id) < c.n {
		c.id, c.logit, c.p, c.iota = make([]int32, c.n), make([]float32, c.n), make([]float32, c.n), make([]int32, c.n)
		c.key = nil
		for i := range c.iota {
			c.iota[i] = int32(i)
		}
	}
	c.id, c.logit, c.p = c.id[:0], c.logit[:0], c.p[:0]
	c.dense = true
	c.view.load(logits)
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

// all makes the candidates a list, of the whole vocabulary if no step has narrowed it yet.
func (c *candidates) all() {
	if !c.dense {
		return
	}
	if c.gather(negInf); c.n < c.vocab { // NaN were passed over
		c.n = c.vocab
		c.id, c.logit, c.p = c.id[:c.n], c.logit[:c.n], c.p[:c.n]
		for i := range c.id {
			c.id[i], c.logit[i] = int32(i), tame(c.strip(i / vec.Strip)[i%vec.Strip])
		}
	}
}

// gather lists the tokens of the view with logits from least on, in order. Only strips that have one are looked at.
func (c *candidates) gather(least float32) {
	id, logit := c.id[:c.vocab], c.logit[:c.vocab]
	n := 0
	for s := 0; s < len(c.high); {
		if c.high[s] < least {
			s++
			continue
		}
		from, x := s*vec.Strip, c.strip(s)
		if s++; c.slot[s-1] == 0 {
			for s < len(c.high) && c.slot[s] == 0 && c.high[s] >= least {
				s++
			}
			x = c.raw[from : s*vec.Strip]
		}
		x = x[:min(len(x), c.vocab-from)]
		n += vec.Pick(id[n:], logit[n:], c.iota[from:], x, x, least, posInf)
	}
	c.dense = false
	c.cut(n)
}

// cut keeps the first n candidates.
func (c *candidates) cut(n int) {
	c.n = n
	c.id, c.logit, c.p = c.id[:n], c.logit[:n], c.p[:n]
}

// max returns the largest logit.
func (c *candidates) max() float32 {
	if c.dense {
		return c.view.max()
	}
	return vec.Max(c.logit)
}

// live tells whether any candidate can be sampled.
func (c *candidates) live() bool { return c.max() > negInf }

// best returns the token of the largest logit, of several the lowest.
func (c *candidates) best() int32 {
	if c.dense {
		return c.view.best()
	}
	return c.id[c.first()]
}

// first returns the index of the best candidate.
func (c *candidates) first() int {
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
	var high [64]float32 // of strips
	strip, top := -1, negInf
	n := len(logits) / vec.Strip
	for s := 0; s < n; s += len(high) {
		h := high[:min(len(high), n-s)]
		vec.StripMax(h, logits[s*vec.Strip:])
		for i, l := range h {
			if l > top && tame(l) > top {
				strip, top = s+i, tame(l)
			}
		}
	}
	rest := logits[n*vec.Strip:]
	if l := tame(vec.Max(rest)); l > top {
		strip, top = n, l
	}
	if strip < 0 {
		return -1
	}
	for i := strip * vec.Strip; ; i++ {
		if tame(logits[i]) == top {
			return int32(i)
		}
	}
}

// softmax sets the probabilities. It returns the largest logit and the logarithm of Σ e^(logit − largest), so that a
// candidate's surprise is lse − (logit − top).
func (c *candidates) softmax() (top float32, lse float64) {
	c.all()
	c.top = c.max()
	sum := vec.ExpSum(c.p, c.logit, c.top)
	c.inv = 1 / sum
	vec.Scale(c.p, c.inv)
	return c.top, ln(float64(sum))
}

// normalise is softmax without the list: it prepares weigh, and returns Σ e^(logit − top) too.
func (c *candidates) normalise() (top float32, sum, lse float64) {
	c.top = c.max()
	sum = c.view.sumExp(c.top)
	c.inv = float32(1 / sum)
	return c.top, sum, ln(sum)
}

// weigh sets the probabilities of the candidates from lo on as softmax or normalise knew them.
func (c *candidates) weigh(lo int) {
	p := c.p[lo:]
	vec.ExpSum(p, c.logit[lo:], c.top)
	vec.Scale(p, c.inv)
}

// total returns the sum of the probabilities after softmax: 1, but for the rounding of each. Parts of a distribution are taken of
// this sum, so that half of 100 equal candidates is 50 of them.
func (c *candidates) total() float64 {
	_, sum := vec.SumFrom(c.p, c.p, 0)
	return sum
}

// block is how many candidates draw passes over at once.
const block = 1024

// draw returns the candidate where the cumulative probability passes u of the total.
func (c *candidates) draw(u float64) int {
	u *= c.total()
	sum, i := 0.0, 0
	for ; c.n > 4*block && i+block <= c.n; i += block {
		_, s := vec.SumFrom(c.p[i:i+block], c.p[i:], 0)
		if sum+s > u {
			break
		}
		sum += s
	}
	for ; i < c.n; i++ {
		if sum += float64(c.p[i]); sum > u && c.p[i] > 0 {
			return i
		}
	}
	for i = c.n - 1; i > 0 && c.p[i] == 0; i-- {
	}
	return i
}

// keep drops the candidates with logits below least, in place and in order; the best one always stays.
func (c *candidates) keep(least float32) {
	least = max(min(least, c.max()), -math.MaxFloat32)
	if c.dense {
		c.gather(least)
		return
	}
	c.cut(vec.Pick(c.id, c.logit, c.id, c.logit, c.logit, least, posInf))
}
