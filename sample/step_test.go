package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// distributions are the logits that every step is compared on: shapes of models, flat ones, ties, banned and broken entries, and
// vocabularies small, larger than what is sorted directly, and large enough for presift.
func distributions() map[string][]float32 {
	inf := float32(math.Inf(1))
	holes := modelLike(7, 3000)
	rng := rand.New(rand.NewPCG(7, 7))
	for i := range holes {
		switch rng.IntN(4) {
		case 0:
			holes[i] = -inf
		case 1:
			holes[i] = float32(math.NaN())
		}
	}
	ties := make([]float32, 500)
	for i := range ties {
		ties[i] = float32(i % 5)
	}
	negative := modelLike(3, 200)
	for i := range negative {
		negative[i] -= 40
	}
	return map[string][]float32{
		"one": {3}, "two": {1, 2}, "zeros": make([]float32, 100), "signed zeros": {float32(math.Copysign(0, -1)), 0, float32(math.Copysign(0, -1)), 0},
		"model of 60": modelLike(1, 60), "model of 1000": modelLike(2, 1000), "model of 12000": modelLike(4, 12_000),
		"flat of 1000": flatLike(1, 1000), "flat of 5000": flatLike(2, 5000),
		"holes": holes, "ties": ties, "negative": negative,
		"one live": {-inf, -inf, 5, -inf}, "far apart": {0, -50, -100, 80, 79.5},
	}
}

// past is a stream of n tokens with many repetitions.
func past(n, vocab int) []int32 {
	rng := rand.New(rand.NewPCG(5, uint64(n)))
	ids := make([]int32, 0, n)
	for len(ids) < n {
		if len(ids) > 6 && rng.IntN(3) > 0 { // repeat a passage
			from := rng.IntN(len(ids) - 3)
			ids = append(ids, ids[from:min(len(ids), from+2+rng.IntN(12))]...)
		} else {
			ids = append(ids, int32(rng.IntN(vocab)))
		}
	}
	return ids[:n]
}

// stepCase is a chain with one step, and what its definition says.
type stepCase struct {
	name string
	p    Params
	want func(d dist, past []int32) dist
}

func stepCases() []stepCase {
	plain := func(f func(d dist) dist) func(dist, []int32) dist {
		return func(d dist, _ []int32) dist { return f(d) }
	}
	var cs []stepCase
	add := func(name string, p Params, want func(d dist, past []int32) dist) {
		if p.Temperature == 0 {
			p.Temperature = 1
		}
		cs = append(cs, stepCase{name, p, want})
	}
	add("nothing", Params{}, plain(func(d dist) dist { return d }))
	for _, k := range []int{1, 2, 7, 40, 49, 600, 100_000} {
		add(fmt.Sprint("top_k ", k), Params{TopK: k}, plain(func(d dist) dist { return d.topK(k) }))
	}
	for _, p := range []float32{1e-6, 0.1, 0.5, 0.9, 0.95, 0.9999} {
		add(fmt.Sprint("top_p ", p), Params{TopP: p}, plain(func(d dist) dist { return d.topP(float64(p)) }))
		add(fmt.Sprint("typical ", p), Params{Typical: p}, plain(func(d dist) dist { return d.typical(float64(p)) }))
	}
	for _, p := range []float32{1e-6, 0.05, 0.3, 1} {
		add(fmt.Sprint("min_p ", p), Params{MinP: p}, plain(func(d dist) dist { return d.minP(float64(p)) }))
	}
	for _, n := range []float32{0.5, 1, 3} {
		add(fmt.Sprint("top_n_sigma ", n), Params{TopNSigma: n}, plain(func(d dist) dist { return d.topNSigma(float64(n)) }))
	}
	for _, th := range []float32{0, 0.004, 0.1, 0.3, 0.5, 0.6} { // 0: the default
		want := float64(th)
		if th == 0 {
			want = float64(float32(0.1))
		}
		add(fmt.Sprint("xtc ", th), Params{XTCProbability: 1, XTCThreshold: th}, plain(func(d dist) dist {
			if th > 0.5 {
				return d
			}
			return d.xtc(want)
		}))
	}
	for _, temp := range []float32{0.1, 0.8, 1.5, 10} {
		add(fmt.Sprint("temperature ", temp), Params{Temperature: temp}, plain(func(d dist) dist { return d.temperature(float64(temp)) }))
		add(fmt.Sprint("dynamic ", temp), Params{Temperature: temp, DynaTempRange: 0.5, DynaTempPower: 2},
			plain(func(d dist) dist { return d.dynamic(float64(temp), 0.5, 2) }))
	}
	bias := map[int32]float32{0: 2, 1: -1.5, 3: float32(math.Inf(-1)), 1 << 30: 5}
	add("logit_bias", Params{LogitBias: bias}, plain(func(d dist) dist { return d.bias(bias) }))
	for _, w := range []int{0, 5, -1} {
		name, tail := fmt.Sprint(" window ", w), func(past []int32) []int32 {
			n := map[int]int{0: 64, 5: 5, -1: len(past)}[w]
			return past[max(0, len(past)-n):]
		}
		add("repeat"+name, Params{RepeatPenalty: 1.25, PenaltyWindow: w}, func(d dist, past []int32) dist { return d.penalties(tail(past), 1.25, 0, 0) })
		add("frequency and presence"+name, Params{FrequencyPenalty: 0.25, PresencePenalty: -0.5, PenaltyWindow: w},
			func(d dist, past []int32) dist { return d.penalties(tail(past), 1, 0.25, -0.5) })
	}
	breakers := [][]int32{{3}, {9, 1}, {9, 1, 4}}
	for _, length := range []int{0, 1, 4} {
		n := or(length, 2)
		add(fmt.Sprint("dry ", length), Params{DRYMultiplier: 0.75, DRYLength: length}, func(d dist, past []int32) dist { return d.dry(past, 0.75, 1.75, n, nil) })
		add(fmt.Sprint("dry with breakers ", length), Params{DRYMultiplier: 0.75, DRYBase: 1.5, DRYLength: length, DRYBreakers: breakers},
			func(d dist, past []int32) dist { return d.dry(past, 0.75, 1.5, n, breakers) })
	}
	add("dry window", Params{DRYMultiplier: 0.75, DRYWindow: 20}, func(d dist, past []int32) dist { return d.dry(past[max(0, len(past)-20):], 0.75, 1.75, 2, nil) })
	add("mirostat", Params{MirostatTau: 2}, plain(func(d dist) dist { return d.mirostat(4) }))
	return cs
}

// TestSteps compares each step alone with its definition: which tokens stay, and with which probabilities.
func TestSteps(t *testing.T) {
	all, dists := distributions(), map[string]dist{}
	for name, logits := range all {
		dists[name] = toDist(logits)
	}
	for _, c := range stepCases() {
		for name, logits := range all {
			for _, n := range []int{0, 1, 3, 40, 150} {
				stream := past(n, min(len(logits), 12))
				ch, err := New(c.p)
				if err != nil {
					t.Fatal(c.name, err)
				}
				ch.Prime(stream)
				want := c.want(dists[name], stream)
				if len(want) == 0 { // the bias bans the only token
					if _, err := ch.Next(logits); err == nil {
						t.Errorf("%s of %s: no error", c.name, name)
					}
					continue
				}
				if id, a, b := differ(drawn(t, ch, logits), want.probs()); id >= 0 {
					t.Errorf("%s of %s after %d tokens: token %d has probability %v, want %v", c.name, name, n, id, a, b)
				}
				if ch.past == nil {
					break // the past does not matter
				}
			}
		}
	}
}

// everything is a chain in which every step does something.
func everything() Params {
	return Params{Temperature: 0.7, DynaTempRange: 0.25, TopK: 200, TopP: 0.97, MinP: 0.01, Typical: 0.98, TopNSigma: 4,
		XTCProbability: 1, XTCThreshold: 0.15, RepeatPenalty: 1.2, FrequencyPenalty: 0.1, DRYMultiplier: 0.5, MirostatTau: 3,
		LogitBias: map[int32]float32{0: 1, 2: -3}}
}

// reference applies the steps of everything in an order of the caller's.
func reference(d dist, past []int32, order []Step) dist {
	p := everything()
	for _, s := range order {
		d = map[Step]func() dist{
			"logit_bias": func() dist { return d.bias(p.LogitBias) },
			"penalties": func() dist {
				return d.penalties(past[max(0, len(past)-64):], float64(p.RepeatPenalty), float64(p.FrequencyPenalty), 0)
			},
			"dry":         func() dist { return d.dry(past, 0.5, 1.75, 2, nil) },
			"top_n_sigma": func() dist { return d.topNSigma(4) },
			"top_k":       func() dist { return d.topK(p.TopK) },
			"typical":     func() dist { return d.typical(float64(p.Typical)) },
			"top_p":       func() dist { return d.topP(float64(p.TopP)) },
			"min_p":       func() dist { return d.minP(float64(p.MinP)) },
			"xtc":         func() dist { return d.xtc(float64(p.XTCThreshold)) },
			"temperature": func() dist { return d.dynamic(float64(p.Temperature), 0.25, 1) },
			"mirostat":    func() dist { return d.mirostat(6) },
		}[s]()
	}
	return d
}

// TestChainOrder runs all steps together: in the default order, which is llama.cpp's, and in 30 others. The steps run in the order
// given, and nowhere else.
func TestChainOrder(t *testing.T) {
	def, err := ParseOrder(DefaultOrder)
	if err != nil || len(def) != len(Steps()) || FormatOrder(def) != DefaultOrder {
		t.Fatalf("the default order %q has %d of %d steps: %v", FormatOrder(def), len(def), len(Steps()), err)
	}
	rng := rand.New(rand.NewPCG(11, 0))
	orders := [][]Step{nil, def}
	for range 30 {
		o := slices.Clone(def)
		rng.Shuffle(len(o)-1, func(i, j int) { o[i], o[j] = o[j], o[i] }) // mirostat stays the last
		orders = append(orders, o)
	}
	results := map[string]bool{}
	for name, logits := range map[string][]float32{"model": modelLike(2, 1000), "flat": flatLike(1, 1000), "large": modelLike(8, 12_000)} {
		stream := past(150, 12)
		for _, o := range orders {
			p := everything()
			p.Order = o
			ch, err := New(p)
			if err != nil {
				t.Fatal(err)
			}
			ch.Prime(stream)
			if o == nil {
				o = def
			}
			want := reference(toDist(logits), stream, o).probs()
			if id, a, b := differ(drawn(t, ch, logits), want); id >= 0 {
				t.Errorf("%s, %s: token %d has probability %v, want %v", name, FormatOrder(o), id, a, b)
			}
			results[fmt.Sprint(name, len(want), want[slices.Max(mapKeys(want))])] = true
		}
	}
	if len(results) < 20 {
		t.Errorf("32 orders give only %d different results: the test does not see the order", len(results))
	}
}

func mapKeys(m map[int32]float64) (ids []int32) {
	for id := range m {
		ids = append(ids, id)
	}
	return ids
}

// TestOrderMatters is the textbook case: a high temperature before top-p lets more tokens in than one after it.
func TestOrderMatters(t *testing.T) {
	logits := modelLike(2, 1000)
	n := map[string]int{}
	for _, text := range []string{"temperature,top_p", "top_p,temperature"} {
		order, err := ParseOrder(text)
		if err != nil {
			t.Fatal(err)
		}
		ch, err := New(Params{Temperature: 2, TopP: 0.9, Order: order})
		if err != nil {
			t.Fatal(err)
		}
		have := drawn(t, ch, logits)
		n[text] = len(have)
		d := toDist(logits)
		want := d.temperature(2).topP(float64(float32(0.9)))
		if text == "top_p,temperature" {
			want = d.topP(float64(float32(0.9))).temperature(2)
		}
		if id, a, b := differ(have, want.probs()); id >= 0 {
			t.Errorf("%s: token %d has probability %v, want %v", text, id, a, b)
		}
	}
	if a, b := n["temperature,top_p"], n["top_p,temperature"]; a < 2*b {
		t.Errorf("%d tokens with the temperature first, %d with it last", a, b)
	}
}

// TestSelectBest compares the selection with sorting, on keys that differ in any of their bits or not at all.
func TestSelectBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for round := range 300 {
		n := 1 + rng.IntN(3000)
		logits := make([]float32, n)
		for i := range logits {
			switch round % 4 {
			case 0:
				logits[i] = float32(rng.NormFloat64())
			case 1:
				logits[i] = float32(rng.IntN(3))
			case 2:
				logits[i] = math.Float32frombits(math.Float32bits(1) + uint32(rng.IntN(50)))
			case 3:
				logits[i] = []float32{negInf, 0, float32(math.Copysign(0, -1)), -1, math.MaxFloat32}[rng.IntN(5)]
			}
		}
		var c candidates
		c.load(logits)
		c.softmax()
		rng.Shuffle(n, c.swap)
		want := make([]int32, n)
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortStableFunc(want, func(a, b int32) int {
			switch {
			case logits[a] > logits[b]:
				return -1
			case logits[a] < logits[b]:
				return 1
			}
			return 0
		})
		k := 1 + rng.IntN(n)
		c.selectBest(c.logit, quota{k: k})
		have := slices.Sorted(slices.Values(c.id))
		want = slices.Sorted(slices.Values(want[:k]))
		if !slices.Equal(have, want) {
			t.Fatalf("round %d: %d of %d: %v, want %v", round, k, n, have, want)
		}
		for i, id := range c.id {
			if c.logit[i] != logits[id] {
				t.Fatalf("round %d: token %d has the logit of another", round, id)
			}
		}
		x := slices.Clone(logits)
		slices.Sort(x)
		if got := kth(slices.Clone(logits), k); got != x[n-k] {
			t.Fatalf("round %d: the %d-th of %d is %v, want %v", round, k, n, got, x[n-k])
		}
	}
}
