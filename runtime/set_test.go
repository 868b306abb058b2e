package runtime

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
)

// orders returns all orders of n things.
func orders(n int) (all [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for _, o := range orders(n - 1) {
		for i := range n {
			all = append(all, slices.Insert(slices.Clone(o), i, n-1))
		}
	}
	return all
}

// setText makes ids of a text of n tokens.
func setText(m *Model, n, seed int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((i*i*7 + i*31 + seed*101 + 5) % m.Info.Vocab)
	}
	return ids
}

// afterSet returns the logits after a prefix, a set and a suffix.
func afterSet(t *testing.T, s *Session, prefix []int32, texts [][]int32, suffix []int32, canonical bool) []float32 {
	t.Helper()
	ctx := context.Background()
	if err := s.Rewind(ctx, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(ctx, prefix, nil); err != nil {
		t.Fatal(err)
	}
	err := s.FeedSet(ctx, texts, nil)
	if !canonical {
		if err := s.Rewind(ctx, len(prefix), nil); err != nil {
			t.Fatal(err)
		}
		err = s.feedTexts(ctx, texts, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Logits(); !errors.Is(err, ErrEmpty) {
		t.Fatalf("logits right after a set: %v", err)
	}
	if err := s.Feed(ctx, suffix, nil); err != nil {
		t.Fatal(err)
	}
	logits, err := s.Logits()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(logits)
}

func apart(a, b []float32) (most float64) {
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}

// TestSetOrders: all 24 orders of four texts give the same logits to the bit; computed in the order given, they are equal but for the
// order of sums. Without a set, the order counts.
func TestSetOrders(t *testing.T) {
	for _, name := range []string{"llama", "qwen3"} {
		m := tinyModel(t, tinyFile(t, name), Options{Plan: "kv=f32", Threads: 2})
		s, err := m.NewSession(SessionOptions{Context: 400, Chunk: 24, Exact: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		prefix, suffix := setText(m, 37, 1), setText(m, 11, 2)
		texts := [][]int32{setText(m, 20, 3), setText(m, 41, 4), setText(m, 1, 5), setText(m, 33, 6)}
		var want []float32
		moved, worst := 0.0, 0.0
		for _, order := range orders(4) {
			var given [][]int32
			for _, i := range order {
				given = append(given, texts[i])
			}
			got := afterSet(t, s, prefix, given, suffix, true)
			if want == nil {
				want = got
			}
			if Hash(got) != Hash(want) {
				t.Fatalf("%s, order %v: other logits", name, order)
			}
			worst = max(worst, apart(afterSet(t, s, prefix, given, suffix, false), want))
			if err := s.Rewind(context.Background(), 0, nil); err != nil {
				t.Fatal(err)
			}
			if err := s.Feed(context.Background(), slices.Concat(prefix, slices.Concat(given...), suffix), nil); err != nil {
				t.Fatal(err)
			}
			plain, _ := s.Logits()
			moved = max(moved, apart(plain, want))
		}
		t.Logf("%s: sets as given differ by %g, plain prompts by %g", name, worst, moved)
		if worst > 1e-5 || moved < 20*worst {
			t.Errorf("%s: computed in the orders given, logits differ by %g; those of plain prompts by %g", name, worst, moved)
		}
	}
}

// TestSetParts: a set of one text is the plain prompt; a text in a set computes what it does alone, whatever the others are; and single
// steps, rewinds and budgets of steps give the same bits.
func TestSetParts(t *testing.T) {
	ctx := context.Background()
	m := tinyModel(t, tinyFile(t, "llama"), Options{Plan: "kv=f32", Threads: 2})
	open := func(chunk int) *Session {
		s, err := m.NewSession(SessionOptions{Context: 400, Chunk: chunk, Exact: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	s := open(32)
	prefix, suffix, text := setText(m, 30, 1), setText(m, 40, 2), setText(m, 50, 3)
	one := afterSet(t, s, prefix, [][]int32{text}, suffix, true)
	if err := s.Rewind(ctx, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(ctx, slices.Concat(prefix, text, suffix), nil); err != nil {
		t.Fatal(err)
	}
	if plain, _ := s.Logits(); Hash(plain) != Hash(one) {
		t.Error("a set of one text is not the plain prompt")
	}
	// The last token of the second text, in a set and alone.
	if err := s.Rewind(ctx, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(ctx, append(slices.Clone(prefix), text...), nil); err != nil {
		t.Fatal(err)
	}
	alone := slices.Clone(s.logits)
	for seed := range 3 {
		if err := s.Rewind(ctx, 30, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.feedTexts(ctx, [][]int32{setText(m, 25, 7+seed), text[:49], setText(m, 60, 20)}, nil); err != nil {
			t.Fatal(err)
		}
		// Its row is computed again: the state goes back to before it, with the set in place.
		if err := s.state.Rewind(30 + 25 + 49); err != nil {
			t.Fatal(err)
		}
		s.tokens = s.tokens[:30+25+49]
		s.sets[0].ends = []int{55, 105}
		got := make([]float32, m.Info.Vocab)
		if err := s.pass(ctx, text[49:], []int{0}, got); err != nil {
			t.Fatal(err)
		}
		if off := apart(got, alone); off > 1e-5 {
			t.Errorf("beside other texts the logits differ by %g", off)
		}
		s.cutSets(0)
	}
	// Steps of any size, and a rewind behind the set, to its start, and over it.
	texts := [][]int32{setText(m, 20, 3), setText(m, 41, 4), setText(m, 9, 5)}
	want := afterSet(t, s, prefix, texts, suffix, true)
	for _, chunk := range []int{1, 7, 64} {
		o := open(chunk)
		if got := afterSet(t, o, prefix, texts, suffix, true); Hash(got) != Hash(want) {
			t.Errorf("steps of %d rows: other logits", chunk)
		}
		if err := o.Rewind(ctx, 30+70+3, nil); err != nil {
			t.Fatal(err)
		}
		if err := o.Feed(ctx, suffix[3:], nil); err != nil {
			t.Fatal(err)
		}
		if got, _ := o.Logits(); Hash(got) != Hash(want) {
			t.Errorf("steps of %d rows, after a rewind: other logits", chunk)
		}
		if err := o.Rewind(ctx, 40, nil); err == nil {
			t.Error("a rewind into a set was taken")
		}
		if kept, err := o.Sync(ctx, setText(m, 30, 1), nil); err != nil || kept != 29 {
			t.Errorf("kept %d tokens, %v", kept, err)
		}
		if len(o.sets) != 0 {
			t.Error("a set outlives its tokens")
		}
	}
}

// TestSetErrors: what is refused, and what a cancelled set leaves.
func TestSetErrors(t *testing.T) {
	for _, plan := range []string{"", "span=window(16)"} {
		m := tinyModel(t, tinyFile(t, "llama"), Options{Plan: plan, Threads: 1})
		s, err := m.NewSession(SessionOptions{Context: 150, Chunk: 8})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		ctx := context.Background()
		if err := s.Feed(ctx, setText(m, 50, 1), nil); err != nil {
			t.Fatal(err)
		}
		for _, texts := range [][][]int32{nil, {{1}, {}}} {
			if err := s.FeedSet(ctx, texts, nil); !errors.Is(err, ErrEmpty) {
				t.Errorf("%v: %v", texts, err)
			}
		}
		if err := s.FeedSet(ctx, [][]int32{setText(m, 60, 1), setText(m, 60, 2)}, nil); !errors.Is(err, ErrContext) {
			t.Errorf("too many tokens: %v", err)
		}
		if err := s.FeedSet(ctx, [][]int32{{1}, {int32(m.Info.Vocab)}}, nil); !errors.Is(err, ErrToken) {
			t.Errorf("an unknown token: %v", err)
		}
		cancelled, cancel := context.WithCancel(ctx)
		err = s.FeedSet(cancelled, [][]int32{setText(m, 30, 1), setText(m, 30, 2)}, func(done, _ int) {
			if done > 40 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || len(s.sets) != 0 || s.Len() != 50 && s.Len() != 0 || s.state.Len() != s.Len() {
			t.Errorf("%q: a cancelled set leaves %d tokens in %d sets, a state of %d: %v", plan, s.Len(), len(s.sets), s.state.Len(), err)
		}
		cancel()
	}
}

// TestSetRing: where a ring has lost what a rewind needs, the prefix is computed again, with its sets.
func TestSetRing(t *testing.T) {
	ctx := context.Background()
	m := tinyModel(t, tinyFile(t, "llama"), Options{Plan: "span=sinks(40)+window(20)", Threads: 2})
	s, err := m.NewSession(SessionOptions{Context: 1000, Chunk: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := afterSet(t, s, setText(m, 30, 1), [][]int32{setText(m, 10, 2), setText(m, 12, 3)}, setText(m, 6, 4), true)
	if err := s.Feed(ctx, setText(m, 600, 5), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Rewind(ctx, 30+22+5, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(ctx, setText(m, 6, 4)[5:], nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Logits(); Hash(got) != Hash(want) {
		t.Error("computed again, the logits are others")
	}
}
