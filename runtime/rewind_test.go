package runtime

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/sample"
)

// TestRewindChoice: going back to the middle of a choice that is no longer kept computes no more than a tile again; when that is cancelled, the
// session ends with the tile before, and goes on from there as one that was never further, drafts included.
func TestRewindChoice(t *testing.T) {
	for _, selector := range []string{"recycle(k=1,local=1,dense=0)", "louis(k=1,tau=0.5,local=1,dense=0)"} {
		t.Run(selector, func(t *testing.T) { rewindChoice(t, selector) })
	}
}

func rewindChoice(t *testing.T, selector string) {
	ctx := context.Background()
	m := tinyModel(t, tinyFile(t, "llama"), Options{Plan: "span=full layout=grow select=" + selector, Threads: 2})
	ids := append(setText(m, 200, 1), setText(m, 200, 1)...)
	open := func() *Session {
		s, err := m.NewSession(SessionOptions{Context: 500, Chunk: 100})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	answer := func(s *Session) (got []int32) {
		chain, err := sample.New(sample.Params{})
		if err != nil {
			t.Fatal(err)
		}
		for id, err := range s.Generate(ctx, chain, Generation{Max: 40, Lookup: 8}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, id)
		}
		return got
	}
	feed := func(s *Session, ids []int32) {
		t.Helper()
		if err := s.Feed(ctx, ids, nil); err != nil {
			t.Fatal(err)
		}
	}
	// other begins like ids, and goes on as those do from elsewhere.
	other := slices.Concat(ids[:192], ids[100:110], ids[:60])
	fresh, short := open(), open()
	feed(fresh, other)
	want := answer(fresh)
	feed(short, ids[:203])
	logits, err := short.Logits()
	if err != nil {
		t.Fatal(err)
	}
	at203 := Hash(logits)

	s := open()
	feed(s, ids)
	answer(s)
	again := 0
	if err := s.Rewind(ctx, 203, func(_, total int) { again = total }); err != nil || again != 203-192 {
		t.Fatalf("%d tokens are computed again (%v)", again, err)
	}
	if logits, err = s.Logits(); err != nil || Hash(logits) != at203 {
		t.Errorf("other logits (%v)", err)
	}
	feed(s, ids[203:])
	answer(s)
	stopped, stop := context.WithCancel(ctx)
	stop()
	if err := s.Rewind(stopped, 203, nil); !errors.Is(err, context.Canceled) || s.Len() != 192 {
		t.Fatalf("a session of %d tokens (%v)", s.Len(), err)
	}
	if n := s.ahead.look.n; n > s.Len() {
		t.Errorf("drafts are looked for among %d tokens", n)
	}
	feed(s, other[192:])
	if got := answer(s); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
