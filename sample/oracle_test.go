package sample

import (
	"math"
	"slices"
	"testing"
)

// dist is what a definition in a paper speaks of: the tokens that can be drawn, by id, with logits. Every function below is written from the
// definition, in float64, and returns a new dist. It is a list, since a map made these definitions most of the time of the tests.
type dist []tokenLogit

type tokenLogit struct {
	id int32
	l  float64
}

// toDist leaves out what cannot be drawn.
func toDist(logits []float32) dist {
	d := make(dist, 0, len(logits))
	for i, l := range logits {
		if l == l && !math.IsInf(float64(l), -1) {
			d = append(d, tokenLogit{int32(i), min(float64(l), math.MaxFloat32)})
		}
	}
	return d
}

// softmax is the tokens' probabilities. [tokens]
func (d dist) softmax() []float64 {
	top := math.Inf(-1)
	for _, t := range d {
		top = max(top, t.l)
	}
	sum := 0.0
	p := make([]float64, len(d))
	for i, t := range d {
		p[i] = math.Exp(t.l - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// probs is softmax by id.
func (d dist) probs() map[int32]float64 {
	p := make(map[int32]float64, len(d))
	for i, x := range d.softmax() {
		p[d[i].id] = x
	}
	return p
}

// by lists the tokens' indices by key, the smallest first, equals by id. [tokens]
func (d dist) by(key func(i int) float64) []int {
	type entry struct {
		key float64
		i   int
	}
	e := make([]entry, len(d))
	for i := range e {
		e[i] = entry{key(i), i}
	}
	slices.SortFunc(e, func(a, b entry) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return a.i - b.i
	})
	order := make([]int, len(d))
	for i := range e {
		order[i] = e[i].i
	}
	return order
}

// best lists the tokens' indices, the largest logit first.
func (d dist) best() []int { return d.by(func(i int) float64 { return -d[i].l }) }

// sorted is best as ids.
func (d dist) sorted() (ids []int32) {
	for _, i := range d.best() {
		ids = append(ids, d[i].id)
	}
	return ids
}

// only keeps the tokens of these indices.
func (d dist) only(indices []int) dist {
	var e dist
	for _, i := range slices.Sorted(slices.Values(indices)) {
		e = append(e, d[i])
	}
	return e
}

func (d dist) where(ok func(i int) bool) (e dist) {
	for i, t := range d {
		if ok(i) {
			e = append(e, t)
		}
	}
	return e
}

func (d dist) topK(k int) dist { return d.only(d.best()[:min(k, len(d))]) }

// rounding is more than a sum of probabilities in float64 is off here: 50 times 0.01 is to be one half.
const rounding = 1e-12

func (d dist) topP(limit float64) dist {
	p, sum, best := d.softmax(), 0.0, d.best()
	for n, i := range best {
		if sum += p[i]; sum >= limit-rounding {
			return d.only(best[:n+1])
		}
	}
	return d
}

func (d dist) minP(limit float64) dist {
	p := d.softmax()
	best := slices.Max(p)
	return d.where(func(i int) bool { return p[i] >= limit*best })
}

func (d dist) entropy() float64 {
	h := 0.0
	for _, p := range d.softmax() {
		if p > 0 {
			h -= p * math.Log(p)
		}
	}
	return h
}

func (d dist) typical(limit float64) dist {
	p, h, sum := d.softmax(), d.entropy(), 0.0
	order := d.by(func(i int) float64 { return math.Abs(-math.Log(p[i]) - h) })
	for n, i := range order {
		if sum += p[i]; sum > limit+rounding {
			return d.only(order[:n+1])
		}
	}
	return d
}

func (d dist) topNSigma(n float64) dist {
	mean, variance, top := 0.0, 0.0, math.Inf(-1)
	for _, t := range d {
		mean += t.l / float64(len(d))
		top = max(top, t.l)
	}
	for _, t := range d {
		variance += (t.l - mean) * (t.l - mean) / float64(len(d))
	}
	return d.where(func(i int) bool { return d[i].l >= top-n*math.Sqrt(variance) })
}

func (d dist) xtc(threshold float64) dist {
	p, best := d.softmax(), d.best()
	n := 0
	for n < len(best) && p[best[n]] >= threshold {
		n++
	}
	if n < 2 {
		return d
	}
	return d.only(best[n-1:])
}

func (d dist) each(f func(id int32, l float64) float64) dist {
	var e dist
	for _, t := range d {
		if l := f(t.id, t.l); l >= -math.MaxFloat32 {
			e = append(e, tokenLogit{t.id, l})
		}
	}
	return e
}

func (d dist) temperature(t float64) dist {
	return d.each(func(_ int32, l float64) float64 { return l / t })
}

func (d dist) dynamic(t, spread, power float64) dist {
	if len(d) < 2 {
		return d
	}
	lo, hi := max(0, t-spread), t+spread
	return d.temperature(lo + (hi-lo)*math.Pow(d.entropy()/math.Log(float64(len(d))), power))
}

func (d dist) bias(b map[int32]float32) dist {
	return d.each(func(id int32, l float64) float64 { return l + float64(b[id]) })
}

func (d dist) penalties(past []int32, repeat, frequency, presence float64) dist {
	return d.each(func(id int32, l float64) float64 {
		n := 0.0
		for _, t := range past {
			if t == id {
				n++
			}
		}
		if n == 0 {
			return l
		}
		if l > 0 {
			l /= repeat
		} else {
			l *= repeat
		}
		return l - n*frequency - presence
	})
}

// dry looks, for each token, at every place where it stood before, and how many tokens before that place are the last ones of the
// past too, no further back than the last breaker.
func (d dist) dry(past []int32, multiplier, base float64, length int, breakers [][]int32) dist {
	limit := len(past)
search:
	for start := len(past) - 1; start >= 0; start-- {
		longest := 0
		for _, b := range breakers {
			if start+len(b) <= len(past) && slices.Equal(past[start:start+len(b)], b) {
				longest = max(longest, len(b))
			}
		}
		if longest > 0 {
			limit = len(past) - start - longest
			break search
		}
	}
	return d.each(func(id int32, l float64) float64 {
		if slices.ContainsFunc(breakers, func(b []int32) bool { return len(b) == 1 && b[0] == id }) {
			return l
		}
		longest := 0
		for at, t := range past {
			if t != id {
				continue
			}
			n := 0
			for n < min(at, limit) && past[at-1-n] == past[len(past)-1-n] {
				n++
			}
			longest = max(longest, n)
		}
		if longest < length {
			return l
		}
		return l - multiplier*math.Pow(base, float64(longest-length))
	})
}

// mirostat keeps the tokens of at most mu bits.
func (d dist) mirostat(mu float64) dist {
	p := d.softmax()
	e := d.where(func(i int) bool { return -math.Log2(p[i]) <= mu })
	if len(e) == 0 {
		return d.topK(1)
	}
	return e
}

// drawn returns the distribution from which the chain would draw next.
func drawn(t *testing.T, ch *Chain, logits []float32) map[int32]float64 {
	t.Helper()
	if err := ch.narrow(logits); err != nil {
		t.Fatal(err)
	}
	ch.c.softmax()
	p := make(map[int32]float64, len(ch.c.id))
	for i, id := range ch.c.id {
		if _, ok := p[id]; ok {
			t.Fatalf("token %d is a candidate twice", id)
		}
		if p[id] = float64(ch.c.p[i]); p[id] == 0 {
			delete(p, id)
		}
	}
	return p
}

// differ compares two distributions: the same tokens, but for some that have 1e-6 together, since that is where sums of 10,000 float32
// stop to tell where a nucleus ends, and probabilities within 1e-4 of each other, which is what logits of 800 rounded to float32 give.
// It returns a token where they differ, or -1.
func differ(have, want map[int32]float64) (id int32, a, b float64) {
	other := 0.0
	for id, p := range want {
		if have[id] == 0 {
			other += p
		} else if math.Abs(p-have[id]) > 1e-4*p+1e-30 {
			return id, have[id], p
		}
		if other > 1e-6 {
			return id, have[id], p
		}
	}
	for id, p := range have {
		if want[id] == 0 {
			other += p
		}
		if other > 1e-6 {
			return id, p, want[id]
		}
	}
	return -1, 0, 0
}

// TestDifferCanFail: the comparison rejects a missing token, an extra one, and a wrong probability.
func TestDifferCanFail(t *testing.T) {
	want := map[int32]float64{1: 0.5, 2: 0.4999, 3: 0.0001}
	for name, have := range map[string]map[int32]float64{
		"missing": {1: 0.5, 2: 0.5}, "extra": {1: 0.5, 2: 0.4999, 3: 0.0001, 4: 2e-6}, "wrong": {1: 0.5001, 2: 0.4998, 3: 0.0001}, "two small ones": {1: 0.5, 2: 0.4999, 3: 0.0001, 4: 6e-7, 5: 6e-7}, "empty": {},
	} {
		if id, _, _ := differ(have, want); id < 0 {
			t.Errorf("%s: no difference", name)
		}
	}
	if id, a, b := differ(want, want); id >= 0 {
		t.Errorf("the same differs: %d %v %v", id, a, b)
	}
}
