package runtime_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/runtime"
)

// fewer returns n, and small with -short where there are no vector instructions: a token of a real model takes some 20 times as long
// there, and these tests took five minutes.
func fewer(n, small int) int {
	if testing.Short() && cpu.Best() == "generic" {
		return small
	}
	return n
}

// models are the real ones that this package's tests run on.
var models = []string{"smollm2:135m", "gemma3:270m"}

func open(t testing.TB, name string, o runtime.Options) *runtime.Model {
	t.Helper()
	m, err := runtime.Open(testmodel.Path(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func session(t testing.TB, m *runtime.Model, o runtime.SessionOptions) *runtime.Session {
	t.Helper()
	s, err := m.NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func tokens(n, vocab int, seed uint64) []int32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = rng.Int32N(int32(vocab))
	}
	return ids
}

// history feeds ids in pieces chosen by seed, with rewinds and cancellations in between, and returns the final hash.
func history(t *testing.T, s *runtime.Session, ids []int32, seed uint64) string {
	t.Helper()
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(seed, 2))
	for s.Len() < len(ids) {
		switch n := rng.IntN(10); {
		case n == 0 && s.Len() > 0:
			if err := s.Rewind(ctx, rng.IntN(s.Len()), nil); err != nil {
				t.Fatal(err)
			}
		case n == 1:
			c, cancel := context.WithCancel(ctx)
			cancel()
			if err := s.Feed(c, ids[s.Len():], nil); !errors.Is(err, context.Canceled) {
				t.Fatalf("cancelled feed: %v", err)
			}
		default:
			end := min(len(ids), s.Len()+1+rng.IntN(90))
			if n < 4 {
				end = s.Len() + 1
			}
			if err := s.Feed(ctx, ids[s.Len():end], nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s.Stats().LogitsHash
}

// TestSameBits: chunks, threads, rewinds and cancellations do not change a bit of the logits. TestLongSameBits has longer histories.
func TestSameBits(t *testing.T) { sameBits(t, fewer(135, 80), 3) } // in more than one tile of keys, which are 64

// sameBits takes so many histories of a text of n tokens.
func sameBits(t *testing.T, n int, seeds uint64) {
	for _, name := range models {
		t.Run(name, func(t *testing.T) {
			ids := tokens(n, 40000, 7)
			var want string
			for seed := range seeds {
				o := runtime.Options{Threads: 1 + int(seed)%3}
				so := runtime.SessionOptions{Context: 1024, Chunk: []int{256, 7, 64, 33}[seed]}
				m := open(t, name, o)
				got := history(t, session(t, m, so), ids, seed)
				if want == "" {
					want = got
				}
				if got != want {
					t.Errorf("threads %d, chunk %d, seed %d: logits %s, want %s", o.Threads, so.Chunk, seed, got, want)
				}
			}
		})
	}
}

// TestCancelSoon: a cancelled prefill returns within 50 ms, and the session goes on to the same bits.
func TestCancelSoon(t *testing.T) {
	for _, name := range models {
		t.Run(name, func(t *testing.T) {
			m := open(t, name, runtime.Options{})
			s := session(t, m, runtime.SessionOptions{})
			ids := tokens(3000, 40000, 3)
			var all []time.Duration
			for _, after := range []time.Duration{60, 90, 130, 170, 210} {
				ctx, cancel := context.WithCancel(context.Background())
				var at time.Time
				timer := time.AfterFunc(after*time.Millisecond, func() { at = time.Now(); cancel() })
				err := s.Feed(ctx, ids[s.Len():], nil)
				took := time.Since(at)
				timer.Stop()
				cancel()
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("err = %v, want cancelled", err)
				}
				all = append(all, took)
			}
			slices.Sort(all)
			t.Logf("returns after a cancellation: %v", all)
			// The median: other work on the machine may take the cores away once or twice.
			if limit, usual := 50*time.Millisecond*slow, all[len(all)/2]; usual > limit {
				t.Errorf("a cancelled call took %v to return, want less than %v", usual, limit)
			}
		})
	}
}

// TestDecodeAllocatesNothing: a generated token costs no heap allocation.
func TestDecodeAllocatesNothing(t *testing.T) {
	for _, name := range models {
		t.Run(name, func(t *testing.T) {
			m := open(t, name, runtime.Options{})
			s := session(t, m, runtime.SessionOptions{Context: 2048})
			ctx := context.Background()
			one := []int32{5}
			feed := func() {
				if err := s.Feed(ctx, one, nil); err != nil {
					t.Fatal(err)
				}
			}
			for range 34 {
				feed() // scratch grows to its size, and the token list past a doubling
			}
			if n := testing.AllocsPerRun(fewer(20, 5), feed); n > 0 {
				t.Errorf("%v allocations per token, want none", n)
			}
		})
	}
}

// TestTruncatedWhileMapped: a model file that shrinks under a running model is an error, not a dead process.
func TestTruncatedWhileMapped(t *testing.T) {
	data, err := os.ReadFile(testmodel.Path(t, "smollm2:135m"))
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/model.gguf"
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := runtime.Open(path, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil { // after the session's own cleanup
			t.Error(err)
		}
	})
	s := session(t, m, runtime.SessionOptions{Context: 512})
	if err := m.Close(); !errors.Is(err, runtime.ErrInUse) {
		t.Fatalf("closing a model in use: %v", err)
	}
	ids := tokens(fewer(40, 8), 40000, 1)
	if err := s.Feed(context.Background(), ids, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(data)/2)); err != nil {
		t.Fatal(err)
	}
	err = s.Feed(context.Background(), ids, nil)
	if !errors.Is(err, runtime.ErrFault) {
		t.Fatalf("err = %v, want a memory fault", err)
	}
	t.Log(err)
	if s.Len() != len(ids) {
		t.Errorf("the session holds %d tokens after the fault, want %d", s.Len(), len(ids))
	}
}

// TestManySessions: eight sessions share one model from eight goroutines.
func TestManySessions(t *testing.T) {
	m := open(t, "smollm2:135m", runtime.Options{Threads: 2})
	ids := tokens(fewer(40, 24), 40000, 9)
	hashes := make(chan string, 8)
	for i := range 8 {
		s := session(t, m, runtime.SessionOptions{Context: 256, Chunk: 8 + i})
		go func() {
			if err := s.Feed(context.Background(), ids, nil); err != nil {
				hashes <- err.Error()
				return
			}
			hashes <- s.Stats().LogitsHash
		}()
	}
	want := <-hashes
	for range 7 {
		if got := <-hashes; got != want {
			t.Errorf("logits %s and %s", got, want)
		}
	}
}

// TestSync: it keeps the common beginning, and what it refuses changes nothing.
func TestSync(t *testing.T) {
	ctx := context.Background()
	s := session(t, open(t, "smollm2:135m", runtime.Options{}), runtime.SessionOptions{Context: 32})
	for _, c := range []struct {
		ids  []int32
		kept int
		err  error
	}{
		{[]int32{1, 2, 3, 4}, 0, nil},
		{[]int32{1, 2, 3, 4}, 4, nil},
		{[]int32{1, 2, 3}, 2, nil}, // its last token again, for the logits
		{[]int32{1, 2, 5, 6}, 2, nil},
		{[]int32{1, -7}, 0, runtime.ErrToken},
		{make([]int32, 33), 0, runtime.ErrContext},
		{nil, 0, runtime.ErrEmpty},
		{[]int32{1, 2, 5, 6, 7}, 4, nil},
	} {
		before := s.Len()
		kept, err := s.Sync(ctx, c.ids, nil)
		if kept != c.kept || !errors.Is(err, c.err) {
			t.Errorf("%v: %d tokens kept, %v; want %d, %v", c.ids, kept, err, c.kept, c.err)
		}
		if want := len(c.ids); err == nil && s.Len() != want || err != nil && s.Len() != before {
			t.Errorf("%v: %d tokens held", c.ids, s.Len())
		}
	}
}
