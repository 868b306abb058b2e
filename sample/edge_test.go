package sample

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var (
	inf = float32(math.Inf(1))
	nan = float32(math.NaN())
)

// TestBrokenLogits: NaN and −∞ are never drawn, +∞ counts as the largest float32, and an error says when nothing is left. Each step
// meets each case.
func TestBrokenLogits(t *testing.T) {
	const top = math.MaxFloat32
	cases := []struct {
		name   string
		logits []float32
		allow  []int32 // nil: ErrNoToken
	}{
		{"none", nil, nil},
		{"NaN", []float32{nan, nan, nan, nan}, nil},
		{"-Inf", []float32{-inf, -inf}, nil},
		{"NaN and -Inf", []float32{nan, -inf, nan, -inf}, nil},
		{"one number", []float32{nan, -inf, -inf, nan, -3, nan}, []int32{4}},
		{"one lowest number", []float32{nan, -inf, -inf, nan, -top, nan}, []int32{4}},
		{"+Inf", []float32{nan, 4, 5, -inf, inf}, []int32{4}},
		{"two +Inf", []float32{7, nan, inf, -inf, 5, inf}, []int32{2, 5}},
		{"all +Inf", []float32{inf, inf, inf}, []int32{0, 1, 2}},
		{"largest and lowest", []float32{top, -top, nan, top}, []int32{0, 3}},
		{"all lowest", []float32{-top, -top}, []int32{0, 1}},
		{"denormal", []float32{1e-45, -1e-45, nan, 0}, []int32{0, 1, 3}},
	}
	steps := append(stepCases(), stepCase{"greedy", Params{}, nil}, stepCase{"everything", everything(), nil})
	for _, s := range steps {
		if s.p.LogitBias[3] != 0 {
			s.p.LogitBias = map[int32]float32{0: 2, 1: -3e38, 9: -inf} // nothing that bans what the cases allow
		}
		ch, err := New(s.p)
		if err != nil {
			t.Fatal(err)
		}
		ch.Prime(past(100, 6))
		edits := s.p.LogitBias != nil || ch.past != nil
		for _, c := range cases {
			before := slices.Clone(c.logits)
			for range 20 {
				id, err := ch.Next(c.logits)
				switch {
				case err != nil && !errors.Is(err, ErrNoToken), err == nil && (id < 0 || int(id) >= len(c.logits)):
					t.Fatalf("%s of %s: token %d, %v", s.name, c.name, id, err)
				case c.allow == nil:
					if err == nil {
						t.Errorf("%s of %s: token %d", s.name, c.name, id)
					}
				case edits: // they may take the last token to −∞, or bring another to the front
					if err == nil && (c.logits[id] != c.logits[id] || c.logits[id] == -inf) {
						t.Errorf("%s of %s: token %d", s.name, c.name, id)
					}
				case err != nil || !slices.Contains(c.allow, id):
					t.Errorf("%s of %s: token %d, %v", s.name, c.name, id, err)
				}
			}
			for i := range before {
				if math.Float32bits(before[i]) != math.Float32bits(c.logits[i]) {
					t.Errorf("%s of %s changed the logits", s.name, c.name)
				}
			}
		}
	}
}

// TestLowestAsMask: masks made of the lowest float32 instead of −∞ leave a distribution, also under a temperature that takes them out of
// float32's range.
func TestLowestAsMask(t *testing.T) {
	logits := []float32{1, -math.MaxFloat32, 1, -math.MaxFloat32, 1}
	ch, err := New(Params{Temperature: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if id, a, b := differ(drawn(t, ch, logits), map[int32]float64{0: 1. / 3, 2: 1. / 3, 4: 1. / 3}); id >= 0 {
		t.Errorf("token %d has probability %v, want %v", id, a, b)
	}
}

func TestAllBanned(t *testing.T) {
	for name, p := range map[string]Params{"sampled": {Temperature: 1}, "greedy": {}} {
		p.LogitBias = map[int32]float32{0: -inf, 1: -inf, 2: -inf}
		ch, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := ch.Next([]float32{1, 2, 3}); !errors.Is(err, ErrNoToken) {
			t.Errorf("%s: token %d, %v", name, id, err)
		}
		if id, err := ch.Next([]float32{1, 2, 3, -100}); err != nil || id != 3 {
			t.Errorf("%s: token %d, %v, want the only one that is not banned", name, id, err)
		}
	}
}

// TestPenaltyTakesLast: a penalty that takes the last token to −∞ is an error at once; the step after it would have no candidate.
func TestPenaltyTakesLast(t *testing.T) {
	for name, p := range map[string]Params{"top_n_sigma": {TopNSigma: 1}, "top_k": {TopK: 1}, "top_p": {TopP: 0.5}, "min_p": {MinP: 0.5}, "typical": {Typical: 0.5},
		"xtc": {XTCProbability: 1}, "mirostat": {MirostatTau: 1}, "dynatemp": {DynaTempRange: 1}} {
		p.Temperature, p.RepeatPenalty = 2, 1000
		ch, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		ch.Prime([]int32{1})
		if id, err := ch.Next([]float32{-inf, -math.MaxFloat32, nan}); !errors.Is(err, ErrNoToken) {
			t.Errorf("%s: token %d, %v", name, id, err)
		}
	}
}

// TestXTCDefaultThreshold: without a threshold XTC must not leave only the least probable token of all.
func TestXTCDefaultThreshold(t *testing.T) {
	ch, err := New(Params{Temperature: 1, XTCProbability: 1})
	if err != nil {
		t.Fatal(err)
	}
	if p := drawn(t, ch, []float32{5, 5, 5, 0, 0, -inf}); len(p) != 3 || p[2] < 0.9 {
		t.Errorf("%v", p)
	}
}

// TestVocabularyChanges: a chain follows logits of other lengths, and streams with ids that the logits do not have.
func TestVocabularyChanges(t *testing.T) {
	p := everything()
	p.DRYBreakers = [][]int32{{5}, {-7, 1 << 30}}
	ch, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	ch.Prime([]int32{-1, math.MinInt32, math.MaxInt32, 7, 2, 7, 2, 7, 2, math.MaxInt32, 7, 2})
	for _, n := range []int{10, 1000, 3, 1, 5000, 20_000, 10} {
		id, err := ch.Next(flatLike(uint64(n), n))
		if err != nil || id < 0 || int(id) >= n {
			t.Fatalf("%d logits: token %d, %v", n, id, err)
		}
		ch.Accept(id)
	}
}

// TestNoAllocation: after the first token, none of the steps allocates, at the largest vocabulary.
func TestNoAllocation(t *testing.T) {
	logits := modelLike(1, largeVocab)
	cases := []stepCase{{"greedy", Params{}, nil}, {"common", Params{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05, RepeatPenalty: 1.1}, nil},
		{"everything", everything(), nil}}
	seen := map[string]bool{}
	for _, c := range stepCases() { // one of each step
		if kind := strings.Fields(c.name)[0]; !seen[kind] {
			seen[kind] = true
			cases = append(cases, c)
		}
	}
	if len(seen) < 12 {
		t.Fatalf("only %d steps", len(seen))
	}
	for _, c := range cases {
		ch, err := New(c.p)
		if err != nil {
			t.Fatal(err)
		}
		ch.Prime(past(300, 1000))
		if n := testing.AllocsPerRun(4, func() {
			id, err := ch.Next(logits)
			if err != nil {
				t.Fatal(err)
			}
			ch.Accept(id)
		}); n != 0 {
			t.Errorf("%s: %v allocations a token", c.name, n)
		}
	}
}

// TestHistory compares the ring-less window with the whole stream, and its memory with the window.
func TestHistory(t *testing.T) {
	stream := past(10_000, 50)
	for _, windows := range [][]int{{1}, {5, 64}, {64, 5}, {700}, {3000}, {-1}, {5, -1}, {-1, 5}, {math.MaxInt32 / 4}} {
		ch := &Chain{}
		var h *history
		for _, w := range windows {
			h = ch.look(w)
		}
		longest := slices.Max(windows)
		if slices.Contains(windows, -1) {
			longest = -1
		}
		for i, id := range stream {
			ch.Accept(id)
			for _, w := range windows {
				want := stream[:i+1]
				if w >= 0 {
					want = want[max(0, len(want)-w):]
				}
				if i%97 == 0 && !slices.Equal(h.last(w), want) {
					t.Fatalf("windows %v: after %d tokens the last %d are wrong", windows, i+1, w)
				}
			}
		}
		if longest > 0 && cap(h.ids) > max(4*longest, 1024) || cap(h.ids) > 4*len(stream) {
			t.Errorf("windows %v: room for %d tokens", windows, cap(h.ids))
		}
		ch.Reset()
		if len(h.last(-1)) != 0 {
			t.Errorf("windows %v: Reset left %d tokens", windows, len(h.last(-1)))
		}
	}
}

func TestParamErrors(t *testing.T) {
	set := func(name string, v any) Params {
		var p Params
		f := reflect.ValueOf(&p).Elem()
		for i := range f.NumField() {
			if tag, _, _ := strings.Cut(f.Type().Field(i).Tag.Get("json"), ","); tag == name {
				f.Field(i).Set(reflect.ValueOf(v).Convert(f.Field(i).Type()))
				return p
			}
		}
		t.Fatalf("no parameter %s", name)
		return p
	}
	floats := map[string][]float32{ // beyond NaN, ±Inf
		"temperature": {-1, 1001}, "dynatemp_range": {-1, 1001}, "dynatemp_power": {-1, 1001}, "top_p": {-0.1, 1.1}, "min_p": {-0.1, 1.1}, "typical": {-0.1, 1.1},
		"top_n_sigma": {-1, 1001}, "xtc_probability": {-0.1, 1.1}, "xtc_threshold": {-0.1, 1.1}, "repeat_penalty": {-1, 1e-4, 1001},
		"frequency_penalty": {-1001, 1001}, "presence_penalty": {-1001, 1001}, "dry_multiplier": {-1, 1001}, "dry_base": {-1, 0.5, 1001},
		"mirostat_tau": {-1, 101, 5}, "mirostat_eta": {-1, 101}, // 5: mirostat with temperature 0
	}
	ints := map[string][]int{"top_k": {-1, math.MaxInt}, "penalty_window": {-2, math.MaxInt32}, "dry_length": {-1, math.MaxInt32}, "dry_window": {-2, math.MaxInt32}}
	check := func(name string, v any, p Params) {
		t.Helper()
		ch, err := New(p)
		var bad *ParamError
		if ch != nil || !errors.As(err, &bad) || !errors.Is(err, ErrParam) || !strings.HasPrefix(bad.Name, name) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s %v: %v", name, v, err)
		}
	}
	for name, values := range floats {
		for _, v := range append(values, nan, inf, -inf) {
			check(name, v, set(name, v))
		}
	}
	for name, values := range ints {
		for _, v := range values {
			check(name, v, set(name, v))
		}
	}
	check("logit_bias", nan, Params{LogitBias: map[int32]float32{1: nan}})
	check("logit_bias", inf, Params{LogitBias: map[int32]float32{1: inf}})
	check("logit_bias[-1]", 1, Params{LogitBias: map[int32]float32{-1: 1}})
	check("dry_breakers[1]", "empty", Params{DRYBreakers: [][]int32{{1}, {}}})
	if n := reflect.TypeFor[Params]().NumField(); len(floats)+len(ints)+4 != n { // seed, logit_bias, dry_breakers and order
		t.Errorf("Params has %d fields: one is not checked here", n)
	}
}

func TestOrderErrors(t *testing.T) {
	for text, want := range map[string]string{
		"": "is not a step", "top_k,,top_p": "is not a step", "top_q": "is not a step", "TOP_K": "is not a step",
		"top_k,top_p,top_k": "occurs twice", "mirostat,temperature": "must be the last",
	} {
		var bad *OrderError
		if _, err := ParseOrder(text); !errors.As(err, &bad) || !errors.Is(err, ErrParam) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if o, err := ParseOrder(" top_k , temperature"); err != nil || FormatOrder(o) != "top_k,temperature" {
		t.Errorf("spaces: %v, %v", o, err)
	}
	for name, p := range map[string]Params{
		"top_p":       {Temperature: 1, TopP: 0.5, Order: []Step{"temperature", "top_k"}},
		"temperature": {Temperature: 0.5, Order: []Step{}}, "dry": {DRYMultiplier: 1, Order: []Step{"penalties"}},
	} {
		var bad *OrderError
		if _, err := New(p); !errors.As(err, &bad) || bad.Step != name {
			t.Errorf("%s without a place: %v", name, err)
		}
	}
	if _, err := New(Params{Temperature: 1, Order: []Step{}}); err != nil {
		t.Errorf("no step is needed: %v", err)
	}
}

// TestParamsJSON: the text form of parameters is their whole content.
func TestParamsJSON(t *testing.T) {
	p := everything()
	p.Seed, p.Order, p.DRYBreakers = 1<<64-1, []Step{"top_k", "dry"}, [][]int32{{1, 2}}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var q Params
	if err := json.Unmarshal(text, &q); err != nil || !reflect.DeepEqual(p, q) {
		t.Errorf("%s: %v", text, err)
	}
	if text, _ := json.Marshal(Params{}); string(text) != "{}" {
		t.Errorf("the zero value is %s", text)
	}
}

// TestBreakers uses a vocabulary in which ends and beginnings of texts hide in tokens.
func TestBreakers(t *testing.T) {
	vocab := []string{"a", "b", "ab", "xa", "\n", "b\nc", "aba", ""}
	piece := func(id int32) []byte { return []byte(vocab[id]) }
	encode := func(text string) (ids []int32) {
		for _, r := range text {
			ids = append(ids, int32(slices.Index(vocab, string(r))))
		}
		return ids
	}
	for _, c := range []struct {
		texts []string
		want  [][]int32
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"\n"}, [][]int32{{4}, {5}}},
		{[]string{"ab"}, [][]int32{{0, 1}, {2}, {3, 1}, {6}}},                  // "xa" + "b"; "aba" holds it
		{[]string{"ab\n"}, [][]int32{{0, 1, 4}, {2, 4}, {3, 1, 4}, {6, 1, 4}}}, // "ab|a" + "b\n"
		{[]string{"\n", "bb"}, [][]int32{{4}, {5}, {1, 1}, {2, 1}}},
	} {
		if have := Breakers(c.texts, len(vocab), piece, encode); !reflect.DeepEqual(have, c.want) {
			t.Errorf("%q: %v, want %v", c.texts, have, c.want)
		}
	}
	long := strings.Repeat("b", 100)
	if have := Breakers([]string{long}, 2, piece, encode); len(have) != 1 || len(have[0]) != 1+maxBreakerTail {
		t.Errorf("a text of 100 bytes: %v", have)
	}
}

// TestTopLogProbs compares with sorting.
func TestTopLogProbs(t *testing.T) {
	for name, logits := range distributions() {
		d := toDist(logits)
		p := d.probs()
		for _, n := range []int{0, -1, 1, 5, 100_000} {
			have := TopLogProbs(logits, n)
			want := d.sorted()[:max(0, min(n, len(d)))]
			if len(have) != len(want) {
				t.Fatalf("%s: %d of %d, want %d", name, len(have), n, len(want))
			}
			for i, e := range have {
				if lp := math.Log(p[want[i]]); e.ID != want[i] || math.Abs(float64(e.LogProb)-lp) > 1e-4+1e-6*math.Abs(lp) && p[want[i]] > 0 {
					t.Fatalf("%s: entry %d is %+v, want token %d with %v", name, i, e, want[i], lp)
				}
			}
		}
	}
	if have := TopLogProbs([]float32{nan, -inf}, 3); len(have) != 0 {
		t.Errorf("%v", have)
	}
	if have := TopLogProbs([]float32{1, inf, 2}, 1); len(have) != 1 || have[0] != (LogProb{1, 0}) {
		t.Errorf("+Inf: %v", have)
	}
}

// TestMath compares with package math, which these functions are not allowed to use.
func TestMath(t *testing.T) {
	for i := range 20_000 {
		x := math.Ldexp(1+float64(i)/20_000, i%200-100)
		if have, want := ln(x), math.Log(x); math.Abs(have-want) > 4e-16*max(1, math.Abs(want)) {
			t.Fatalf("ln %v = %v, want %v", x, have, want)
		}
		y := -float64(i) / 30
		if have, want := exp(y), math.Exp(y); math.Abs(have-want) > 1e-13*want {
			t.Fatalf("exp %v = %v, want %v", y, have, want)
		}
		z := float64(i) / 20_000
		if have, want := pow(z, 1.7), math.Pow(z, 1.7); math.Abs(have-want) > 1e-13*want {
			t.Fatalf("%v^1.7 = %v, want %v", z, have, want)
		}
	}
	if !math.IsInf(ln(0), -1) || exp(-800) != 0 || pow(0, 2) != 0 || pow(0, 0) != 1 || pow(1, 5) != 1 {
		t.Error("special values")
	}
	for n := range int32(60) {
		if have, want := power(1.75, n), math.Pow(1.75, float64(n)); math.Abs(have-want) > 1e-14*want {
			t.Errorf("1.75^%d = %v, want %v", n, have, want)
		}
	}
}
