package sample

import (
	"maps"
	"math"
	"slices"
	"testing"
)

// dist is what a definition in a paper speaks of: the tokens that can be drawn, with logits. Every function below is written from the
// definition, in float64 and without regard to speed, and returns a new dist.
type dist map[int32]float64

// toDist leaves out what cannot be drawn.
func toDist(logits []float32) dist {
	d := dist{}
	for i, l := range logits {
		if l == l && !math.IsInf(float64(l), -1) {
			d[int32(i)] = min(float64(l), math.MaxFloat32)
		}
	}
	return d
}

// probs is the softmax.
func (d dist) probs() map[int32]float64 {
	top := slices.Max(slices.Collect(maps.Values(d)))
	sum := 0.0
	p := map[int32]float64{}
	for _, id := range slices.Sorted(maps.Keys(d)) {
		p[id] = math.Exp(d[id] - top)
		sum += p[id]
	}
	for id := range p {
		p[id] /= sum
	}
	return p
}

// by sorts the tokens by f, the smallest first, equals by id.
func (d dist) by(f func(id int32) float64) []int32 {
	ids := slices.Sorted(maps.Keys(d))
	slices.SortStableFunc(ids, func(a, b int32) int {
		switch x, y := f(a), f(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return ids
}

func (d dist) sorted() []int32 { return d.by(func(id int32) float64 { return -d[id] }) }

func (d dist) only(ids []int32) dist {
	e := dist{}
	for _, id := range ids {
		e[id] = d[id]
	}
	return e
}

func (d dist) where(ok func(id int32) bool) dist {
	return d.only(slices.DeleteFunc(d.sorted(), func(id int32) bool { return !ok(id) }))
}

func (d dist) topK(k int) dist { return d.only(d.sorted()[:min(k, len(d))]) }

// rounding is more than a sum of probabilities in float64 is off here: 50 times 0.01 is to be one half.
const rounding = 1e-12

func (d dist) topP(limit float64) dist {
	p, sum := d.probs(), 0.0
	for i, id := range d.sorted() {
		if sum += p[id]; sum >= limit-rounding {
			return d.only(d.sorted()[:i+1])
		}
	}
	return d
}

func (d dist) minP(limit float64) dist {
	p := d.probs()
	best := slices.Max(slices.Collect(maps.Values(p)))
	return d.where(func(id int32) bool { return p[id] >= limit*best })
}

func (d dist) entropy() float64 {
	h := 0.0
	for _, p := range d.probs() {
		if p > 0 {
			h -= p * math.Log(p)
		}
	}
	return h
}

func (d dist) typical(limit float64) dist {
	p, h, sum := d.probs(), d.entropy(), 0.0
	ids := d.by(func(id int32) float64 { return math.Abs(-math.Log(p[id]) - h) })
	for i, id := range ids {
		if sum += p[id]; sum > limit+rounding {
			return d.only(ids[:i+1])
		}
	}
	return d
}

func (d dist) topNSigma(n float64) dist {
	mean, variance, top := 0.0, 0.0, math.Inf(-1)
	for _, l := range d {
		mean += l / float64(len(d))
		top = max(top, l)
	}
	for _, l := range d {
		variance += (l - mean) * (l - mean) / float64(len(d))
	}
	return d.where(func(id int32) bool { return d[id] >= top-n*math.Sqrt(variance) })
}

func (d dist) xtc(threshold float64) dist {
	p := d.probs()
	ids := d.sorted()
	n := 0
	for n < len(ids) && p[ids[n]] >= threshold {
		n++
	}
	if n < 2 {
		return d
	}
	return d.only(ids[n-1:])
}

func (d dist) each(f func(id int32, l float64) float64) dist {
	e := dist{}
	for id, l := range d {
		if l = f(id, l); l >= -math.MaxFloat32 {
			e[id] = l
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
	p := d.probs()
	e := d.where(func(id int32) bool { return -math.Log2(p[id]) <= mu })
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
	p := map[int32]float64{}
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
