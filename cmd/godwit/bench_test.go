package main

import (
	"bytes"
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godwit-ai/godwit"
)

func init() { limitTime = time.Millisecond }

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1}, spread{1, 2.5, 4}},
		{[]float64{5, 1, 2}, spread{1, 2, 5}},
		{[]float64{9, 1, 2, 4}, spread{1, 3, 9}},
	} {
		if got := spreadOf(c.in); got != c.want {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
}

// TestBench: a row for each depth, plan and kind, in that order, with the figures of all repetitions.
func TestBench(t *testing.T) {
	m := tiny(t)
	r := must(t, "", "bench", m, "-p", "8", "-n", "4", "-d", "0,16", "--plans", "kv=f16| kv=q8_0 |", "--reps", "3", "--json", "--no-limits")
	j := decode[benchJSON](t, r)
	if len(j.Rows) != 12 {
		t.Fatalf("%d rows, want 12", len(j.Rows))
	}
	for i, r := range j.Rows {
		edits := []string{"kv=f16", "kv=q8_0", ""}[i/2%3]
		if r.Depth != []int{0, 16}[i/6] || r.Edits != edits || !strings.Contains(r.Plan, edits) {
			t.Errorf("row %d: depth %d, edits %q, plan %s", i, r.Depth, r.Edits, r.Plan)
		}
		if gen := i%2 == 1; gen != (r.Gen == 4) || gen == (r.Prompt == 8) || gen != (r.GBps > 0) {
			t.Errorf("row %d: prompt %d, gen %d, %g GB/s", i, r.Prompt, r.Gen, r.GBps)
		}
		if !(0 < r.TPSMin && r.TPSMin <= r.TPSMedian && r.TPSMedian <= r.TPS) || r.Reps != 3 || r.Threads < 1 || len(r.Hash) != 16 {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if a, b := j.Rows[7].Hash, j.Rows[9].Hash; a == b {
		t.Error("f16 and q8_0 gave the same logits: the plans were not used")
	}
	// A repetition changes no logits, and --repeat still means --reps.
	k := decode[benchJSON](t, must(t, "", "bench", m, "-p", "8", "-n", "4", "-d", "16", "--plan", "kv=q8_0", "--repeat", "1", "--json", "--no-limits"))
	if len(k.Rows) != 2 || k.Rows[1].Hash != j.Rows[9].Hash || k.Rows[1].Reps != 1 || k.Rows[1].Edits != "kv=q8_0" {
		t.Errorf("alone: %+v, want the logits of %+v", k.Rows, j.Rows[9])
	}
}

// TestBenchOrder: the repetitions of all cells take turns.
func TestBenchOrder(t *testing.T) {
	a := &app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	o := &benchFlags{prompt: 2, gen: 2, reps: 3, depths: []int{0, 4}, plans: "kv=f16|kv=f32", noLimits: true} // TestBenchLimits has them
	b := &benchRun{a: a, o: o}
	if err := b.open(context.Background(), tiny(t)); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	var order []int
	b.measured = func(cell int) { order = append(order, cell) }
	if err := b.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	once := []int{0, 1, 2, 3, 4, 5, 6, 7}
	if want := slices.Concat(once, once, once); !slices.Equal(order, want) {
		t.Errorf("measured %v, want %v", order, want)
	}
}

// TestBenchFacts: memory, latency and what a token takes.
func TestBenchFacts(t *testing.T) {
	m := tiny(t)
	j := decode[benchJSON](t, must(t, "", "bench", m, "-p", "8", "-n", "4", "-d", "0,64", "--no-limits", "--json", "-r", "1"))
	for i, r := range j.Rows {
		if r.Startup <= 0 || r.KV <= 0 || r.Ops <= 0 || r.ReadPart != nil || (r.TTFT > 0) != (r.Gen == 0) || (r.Read > 0) != (r.Gen > 0) {
			t.Errorf("row %d: %+v", i, r)
		}
		if r.Gen == 0 && (r.TTFT < 1e3*8/r.TPS || r.TTFT > 1e3*8/r.TPS+1000) {
			t.Errorf("row %d: the first token after %g ms, 8 tokens at %g a second", i, r.TTFT, r.TPS)
		}
		if r.Gen > 0 && r.Read <= r.GBps {
			t.Errorf("row %d: %g GB/s with the cache, %g without", i, r.Read, r.GBps)
		}
		if runtime.GOOS == "linux" && (r.PeakRSS < 1<<20 || r.Anon < 1<<20 || r.Anon > r.PeakRSS) {
			t.Errorf("row %d: %d bytes at most, %d anonymous", i, r.PeakRSS, r.Anon)
		}
	}
}

// TestCost: the tiny model's figures, by hand.
func TestCost(t *testing.T) {
	m, err := godwit.Open(tiny(t), godwit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	const width, kv, hidden, layers, heads, dim = 32, 16, 64, 2, 4, 8
	attn, ffn := width*width+2*kv*width+width*width, 3*width*hidden
	weights := layers*(attn+ffn) + width*tinyVocab
	for _, pos := range []int{0, 1, 99} {
		want := godwit.Cost{Weights: int64(4 * (weights + width)), Cache: int64(layers * (pos + 1) * 2 * kv * 2),
			FloatOps: int64(2*weights + layers*(pos+1)*4*heads*dim)}
		if got := m.Cost(pos, 1, false); got != want {
			t.Errorf("position %d: %+v, want %+v", pos, got, want)
		}
	}
	// Reading: weights once, but for the last network and the head for every token; the cache for each token anew.
	const n = 5
	want := godwit.Cost{Weights: int64(4 * (weights + n*width)), FloatOps: int64(2 * (n*(layers*attn+ffn) + ffn + width*tinyVocab))}
	for pos := 10; pos < 10+n; pos++ {
		want.Cache += int64(layers * (pos + 1) * 2 * kv * 2)
		want.FloatOps += int64(layers * (pos + 1) * 4 * heads * dim)
	}
	if got := m.Cost(10, n, false); got != want {
		t.Errorf("%d tokens: %+v, want %+v", n, got, want)
	}
	for _, bad := range [][2]int{{-1, 1}, {0, 0}, {1 << 40, 1}, {1, 1 << 40}} {
		if got := m.Cost(bad[0], bad[1], false); got != (godwit.Cost{}) {
			t.Errorf("%v: %+v, want nothing", bad, got)
		}
	}
}

// TestLimits: every limit is measured, beside each run or at the end, and an interrupt ends it at once.
func TestLimits(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m, err := newLimitMeter(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	r, err := m.beside(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l, err := m.limits(ctx, []limitRates{r, {r.read * 2, r.mul * 2, r.float * 2}, {r.read * 4, r.mul * 4, r.float * 4}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []float64{r.read, r.mul, r.float, l.Mul1, l.Dot, l.Dot1, l.Float1} {
		if x < 1e-3 || x > 1e6 {
			t.Errorf("%+v, %+v", r, l)
			break
		}
	}
	if l.Threads != 2 || l.ReadMin != r.read || l.Read != 2*r.read || l.ReadMax != 4*r.read || l.Mul != 2*r.mul || l.Float != 2*r.float {
		t.Errorf("%+v of %+v", l, r)
	}
	defer func(d time.Duration) { limitTime = d }(limitTime)
	limitTime = time.Hour
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err = m.beside(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err = m.limits(ctx, []limitRates{r}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestShares: a repetition is compared with the limits beside it. Of 2 GB (weights and cache) and 2·10⁹ and 10⁹ operations for 100 tokens.
func TestShares(t *testing.T) {
	per := godwit.Cost{Weights: 15e6, Cache: 5e6, IntOps: 20e6, FloatOps: 10e6}
	near := func(name string, got, want float64) {
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %g%%, want %g", name, got, want)
		}
	}
	r := limitRates{read: 8, mul: 10, float: 4}
	read, ops := r.share(per, 100)
	near("reading", read, 25)
	near("arithmetic", ops, 20+25)
	// The machine was twice as fast in the second repetition, and so were the tokens; the third had neighbours in the middle of it.
	read, ops = shares([]limitRates{r, {16, 20, 8}, r}, per, []float64{100, 200, 60})
	near("reading", read, 25)
	near("arithmetic", ops, 45)
	if m := r.mean(limitRates{16, 30, 6}); m != (limitRates{12, 20, 5}) {
		t.Errorf("mean %+v", m)
	}
}

// TestBenchLimits: the limits are measured beside every run of every cell, and their memory is not counted.
func TestBenchLimits(t *testing.T) {
	a := &app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	b := &benchRun{a: a, o: &benchFlags{prompt: 2, gen: 2, reps: 3, depths: []int{0, 4}}}
	if err := b.open(context.Background(), tiny(t)); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	before, err := b.models[0].NewSession(godwit.SessionOptions{Context: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	anon := before.Stats().Anon
	if err := b.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	rows := b.rows("tiny")
	for i, r := range rows {
		if len(b.beside[i]) != 3 {
			t.Errorf("row %d: limits beside %d of 3 repetitions", i, len(b.beside[i]))
			continue
		}
		read, ops := shares(b.beside[i], b.facts[i].perToken, b.tps[i])
		if r.Gen == 0 {
			read = 0
		}
		if r.ReadPart == nil || *r.ReadPart != read || r.OpsPart == nil || *r.OpsPart != ops || ops <= 0 || (read > 0) != (r.Gen > 0) {
			t.Errorf("row %d: %+v, want %g and %g", i, r, read, ops)
		}
		if runtime.GOOS == "linux" && (r.Anon > anon-b.meter.bytes()/2 || r.PeakRSS < 1<<20) {
			t.Errorf("row %d: %d bytes, %d with what the limits take; at most %d", i, r.Anon, anon, r.PeakRSS)
		}
	}
}

// TestBenchText: a line for each row, which names its plan when there are several, and the spread when there is one.
func TestBenchText(t *testing.T) {
	m := tiny(t)
	r := must(t, "", "bench", m, "-p", "4", "-n", "2", "--plans", "|kv=f32", "-r", "2", "--no-limits")
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	if len(lines) < 4 || !strings.Contains(lines[0], "the model's own plan") || !strings.Contains(lines[3], "kv=f32") || !strings.Contains(lines[0], "–") {
		t.Errorf("%s", r.out)
	}
	r = must(t, "", "bench", m, "-p", "4", "-n", "0", "-r", "1", "--no-limits")
	if strings.Contains(r.out, "–") || strings.Contains(r.out, "plan") {
		t.Errorf("%s", r.out)
	}
}

// TestBenchCancelled: an interrupt ends a long run with its exit code, and nothing is printed.
func TestBenchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs}
	if code := a.main(ctx, []string{"bench", tiny(t), "-p", "0", "-n", "10000000"}); code != exitStopped || out.Len() > 0 || errs.String() != "godwit: stopped\n" {
		t.Errorf("exit %d, printed %q, %q", code, out.String(), errs.String())
	}
}
