package runtime_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/godwit-ai/godwit/convert"
	"github.com/godwit-ai/godwit/internal/testenv"
	"github.com/godwit-ai/godwit/runtime"
	"github.com/godwit-ai/godwit/sample"
)

// small converts a tiny model of testdata/arch and opens it.
func small(t testing.TB, name string, o runtime.Options) *runtime.Model {
	t.Helper()
	out := filepath.Join(t.TempDir(), name+".gguf")
	if _, err := convert.Directory(context.Background(), "../testdata/arch/"+name, out, convert.Options{Type: "f32"}); err != nil {
		t.Fatal(err)
	}
	m, err := runtime.Open(out, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// again makes a prompt that repeats itself, so that there is something to draft from.
func again(n, vocab int, seed uint64) []int32 {
	part := tokens(n/3, vocab, seed)
	return append(append(append([]int32{}, part...), part...), part[:n/3/2]...)
}

// chains are sampler chains of every kind: with and without random numbers, state and a look at the past.
func chains(seed uint64) []sample.Params {
	return []sample.Params{
		{},
		{Temperature: 0.1, Seed: seed},
		{Temperature: 1, TopK: 3, Seed: seed},
		{Temperature: 0.3, TopP: 0.9, MinP: 0.05, RepeatPenalty: 1.05, Seed: seed},
		{Temperature: 0.5, MirostatTau: 2, Seed: seed},
		{Temperature: 0.2, DRYMultiplier: 0.3, DRYLength: 6, Seed: seed},
		{Temperature: 0.4, XTCProbability: 0.2, XTCThreshold: 0.2, Seed: seed},
	}
}

// script generates after a prompt and writes down everything that can be seen on the way. What the consumer does in between
// depends on seed alone: it looks, cancels, rewinds, feeds tokens of its own, breaks off and goes on.
func script(t *testing.T, s *runtime.Session, prompt []int32, p sample.Params, g runtime.Generation, seed uint64) (log []string) {
	t.Helper()
	note := func(format string, args ...any) { log = append(log, fmt.Sprintf(format, args...)) }
	chain, err := sample.New(p)
	if err != nil {
		t.Fatal(err)
	}
	chain.Prime(prompt)
	rng := rand.New(rand.NewPCG(seed, 8))
	g.Observe = func(logits []float32) { note("logits %s", runtime.Hash(logits)) }
	if err := s.Feed(context.Background(), prompt, nil); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		ctx, cancel := context.WithCancel(context.Background())
		for id, err := range s.Generate(ctx, chain, g) {
			note("token %d, error %v, %d held, logits %s", id, err, s.Len(), s.Stats().LogitsHash)
			if err != nil || rng.IntN(50) == 0 {
				break
			}
			switch rng.IntN(60) {
			case 0:
				cancel()
			case 1:
				note("rewound: %v", s.Rewind(context.Background(), s.Len()-rng.IntN(min(5, s.Len())), nil))
			case 2:
				note("fed: %v", s.Feed(context.Background(), prompt[:1+rng.IntN(3)], nil))
			}
		}
		cancel()
		st := s.Stats()
		note("held %v, logits %s", s.Tokens(), st.LogitsHash)
		kept, err := s.Sync(context.Background(), slices.Concat(s.Tokens(), prompt[:min(2, s.Context()-s.Len())]), nil)
		note("%d kept, %v", kept, err)
	}
	return log
}

// drafts is what happened over several sessions.
type drafts struct{ drafted, accepted int }

func (d *drafts) add(s *runtime.Session) {
	st := s.Stats()
	d.drafted += st.DraftedTokens
	d.accepted += st.AcceptedTokens
}

// some fails a test in which drafts were not both right and wrong.
func (d *drafts) some(t *testing.T, least int) {
	t.Helper()
	t.Logf("%d of %d drafts right", d.accepted, d.drafted)
	if d.accepted < least || d.drafted-d.accepted < least {
		t.Errorf("%d of %d drafts right: this test needs more that are right and more that are wrong", d.accepted, d.drafted)
	}
}

// TestLookupSame: with drafts, whatever can be seen of a generation is as without: at any number of them, of threads and of rows of
// a chunk, with rings and without, for every sampler chain, through cancellations, rewinds and the end of the context.
func TestLookupSame(t *testing.T) {
	var d drafts
	seeds, least := uint64(6), 100
	if testing.Short() {
		seeds, least = 2, 25
	}
	for _, c := range []struct {
		model string
		plan  string
	}{
		{"llama", ""},
		{"llama", "span=window(24)"},
		{"llama", "span=sinks(2)+window(9) kv=q8_0"},
		{"llama", "keep=snapkv(40,window=8,recent=8,every=64)"},
		{"llama", "keep=entropy(40,decay=0.5,recent=8,every=64)"},
		{"gemma3", ""},
		{"qwen3moe", ""},
	} {
		models := []*runtime.Model{}
		for threads := 1; threads <= 3; threads++ {
			models = append(models, small(t, c.model, runtime.Options{Plan: c.plan, Threads: threads}))
		}
		for seed := range seeds {
			rng := rand.New(rand.NewPCG(seed, 9))
			all := chains(seed)
			p := all[rng.IntN(len(all))]
			prompt := again(20+rng.IntN(60), models[0].Info.Vocab, seed)
			o := runtime.SessionOptions{Context: len(prompt) + 60 + rng.IntN(200)}
			g := runtime.Generation{Max: []int{-1, 1, 2, 40, 100}[rng.IntN(5)]}
			run := func(lookup int) (log []string) {
				o.Chunk = []int{1, 2, 5, 16, 256}[rng.IntN(5)]
				s := session(t, models[rng.IntN(len(models))], o)
				g.Lookup = lookup
				log = script(t, s, prompt, p, g, seed)
				d.add(s)
				s.Close()
				return log
			}
			want := run(0)
			for _, k := range []int{1, 2, 7, 15, runtime.MaxLookup} {
				if diff := cmp.Diff(want, run(k)); diff != "" {
					t.Fatalf("%s %q, seed %d, %+v, %+v, %+v: Lookup %d (-without +with):\n%s", c.model, c.plan, seed, p, o, g, k, diff)
				}
			}
		}
	}
	d.some(t, least)
}

// TestLookupReal: the same on real models, for a passage that is repeated, greedily on the first and by chance on both.
// TestLongDraftsReal has both on both.
func TestLookupReal(t *testing.T) { lookupReal(t, models[:1]) }

// lookupReal samples greedily on these models.
func lookupReal(t *testing.T, greedy []string) {
	names, most, all := models, []int{3, 15}, []sample.Params{{}, {Temperature: 0.6, TopP: 0.9, Seed: 3}} // so many drafts with each
	if testing.Short() {                                                                                  // without SIMD a minute
		names, most, all = models[:1], most[1:], all[1:]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			var d drafts
			m := open(t, name, runtime.Options{Threads: 2})
			prompt := again(fewer(60, 30), 40000, 5)
			for i, p := range all {
				if p.Temperature == 0 && !slices.Contains(greedy, name) {
					continue
				}
				var want []string
				for _, k := range []int{0, most[i]} {
					s := session(t, m, runtime.SessionOptions{Context: 1024, Chunk: 32})
					got := script(t, s, prompt, p, runtime.Generation{Max: fewer(24, 8), Lookup: k}, uint64(i))
					d.add(s)
					if k == 0 {
						want = got
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("%+v: Lookup %d (-without +with):\n%s", p, k, diff)
					}
				}
			}
			d.some(t, fewer(5, 2))
		})
	}
}

// same is a chain that always chooses the same token.
func same(t *testing.T) *sample.Chain {
	t.Helper()
	chain, err := sample.New(sample.Params{LogitBias: map[int32]float32{7: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// loop is a generation that repeats itself, token by token.
func loop(t *testing.T, lookup int) (s *runtime.Session, next func() (int32, error, bool)) {
	t.Helper()
	m := small(t, "llama", runtime.Options{Threads: 2})
	s = session(t, m, runtime.SessionOptions{Context: 4000})
	if err := s.Feed(context.Background(), again(60, m.Info.Vocab, 1), nil); err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull2(s.Generate(context.Background(), same(t), runtime.Generation{Max: -1, Lookup: lookup}))
	t.Cleanup(stop)
	return s, next
}

// TestGenerateAllocatesNothing: neither with drafts nor without.
func TestGenerateAllocatesNothing(t *testing.T) {
	for _, lookup := range []int{0, 15} {
		_, next := loop(t, lookup)
		step := func() {
			if _, err, ok := next(); err != nil || !ok {
				t.Fatal(err, ok)
			}
		}
		for range 600 {
			step() // scratch grows to its size, and the token list past its next doublings
		}
		if n := testing.AllocsPerRun(100, step); n > 0 {
			t.Errorf("Lookup %d: %v allocations per token, want none", lookup, n)
		}
	}
}

// TestLookupStats: accepted drafts count as generated, weights are read once for all of a pass, and the memory is told.
func TestLookupStats(t *testing.T) {
	const n = 200
	plain, next := loop(t, 0)
	s, nextAhead := loop(t, 15)
	for range n {
		next()
		nextAhead()
	}
	a, b := plain.Stats(), s.Stats()
	if a.DraftedTokens != 0 || a.AcceptedTokens != 0 {
		t.Errorf("%d drafts, %d of them right, with Lookup 0", a.DraftedTokens, a.AcceptedTokens)
	}
	if a.DecodeTokens != n-1 || b.DecodeTokens != n-1 || a.PrefillTokens != b.PrefillTokens {
		t.Errorf("%d and %d tokens decoded, want %d; %d and %d of the prompt", a.DecodeTokens, b.DecodeTokens, n-1, a.PrefillTokens, b.PrefillTokens)
	}
	if b.AcceptedTokens < n/2 || b.AcceptedTokens > b.DraftedTokens {
		t.Errorf("%d of %d drafts right, of a text that only repeats itself", b.AcceptedTokens, b.DraftedTokens)
	}
	passes := float64(b.DecodeTokens-b.AcceptedTokens) * float64(b.WeightBytes) / 1e9
	if got := b.DecodeGBps() * b.DecodeTime.Seconds(); got < passes*0.999 || got > passes*1.001 {
		t.Errorf("%g GB of weights read, want %g", got, passes)
	}
	// A prompt that takes the place of a longer past is drafted from at once. Of three tokens, the last can be drafted with the
	// second, and nothing is drafted that nobody asks for.
	if err := s.Rewind(context.Background(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(context.Background(), slices.Repeat([]int32{7}, 50), nil); err != nil {
		t.Fatal(err)
	}
	for range s.Generate(context.Background(), same(t), runtime.Generation{Max: 3, Lookup: 15}) {
	}
	c := s.Stats()
	if drafted, right := c.DraftedTokens-b.DraftedTokens, c.AcceptedTokens-b.AcceptedTokens; drafted != 1 || right != 1 {
		t.Errorf("an answer of three tokens after a prompt of equal ones: %d of %d drafts right, want 1 of 1", right, drafted)
	}
	const rows, index = 15 * 4, 3 * 4 * 4096 // at least: the logits of the drafts, the index of a context of 4,000
	if more := b.ScratchBytes - a.ScratchBytes; more < index+rows {
		t.Errorf("drafts take %d bytes, want more than %d", more, index+rows)
	}
}

// TestLookupRange: what Lookup may be.
func TestLookupRange(t *testing.T) {
	s := session(t, small(t, "llama", runtime.Options{}), runtime.SessionOptions{Context: 64})
	if err := s.Feed(context.Background(), []int32{1, 2, 3}, nil); err != nil {
		t.Fatal(err)
	}
	for _, lookup := range []int{-1, runtime.MaxLookup + 1} {
		n := 0
		for _, err := range s.Generate(context.Background(), same(t), runtime.Generation{Max: 2, Lookup: lookup}) {
			if n++; err == nil {
				t.Errorf("Lookup %d was accepted", lookup)
			}
		}
		if n != 1 {
			t.Errorf("Lookup %d: %d values, want one error", lookup, n)
		}
	}
}

// TestLookupFault: a file that shrinks while drafts are computed is an error, and the session keeps what it had.
func TestLookupFault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if _, err := convert.Directory(context.Background(), "../testdata/arch/llama", path, convert.Options{Type: "f32"}); err != nil {
		t.Fatal(err)
	}
	m, err := runtime.Open(path, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	s := session(t, m, runtime.SessionOptions{Context: 512})
	if err := s.Feed(context.Background(), again(60, m.Info.Vocab, 1), nil); err != nil {
		t.Fatal(err)
	}
	n, held := 0, 0
	for _, err = range s.Generate(context.Background(), same(t), runtime.Generation{Max: -1, Lookup: 15}) {
		if err != nil {
			break
		}
		held = s.Len()
		if n++; n == 100 {
			if err := os.Truncate(path, 4096); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !testenv.IsFault(err) || s.Len() != held || s.Stats().LogitsHash != "" {
		t.Errorf("%v; %d tokens held, want %d", err, s.Len(), held)
	}
	if st := s.Stats(); st.AcceptedTokens == 0 {
		t.Error("nothing was drafted before")
	}
}
