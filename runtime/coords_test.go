package runtime

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/sample"
	"github.com/godwit-ai/godwit/seq"
)

// lines puts a token behind one whose id is a multiple of 7 in the next line, behind another whose id is one of 5 in the next cell.
func lines(_ int, last, _ int32, at seq.Coord) seq.Coord {
	switch {
	case last < 0:
	case last%7 == 0:
		return seq.Coord{A: at.A + 1}
	case last%5 == 0:
		at.B++
	}
	return at
}

// logitsOf feeds ids in some steps and returns the logits of each.
func logitsOf(t *testing.T, s *Session, ids []int32, steps ...int) (all []float32) {
	t.Helper()
	for i := 0; len(ids) > 0; i++ {
		n := min(len(ids), steps[i%len(steps)])
		err := s.Each(context.Background(), ids[:n], func(_ int, logits []float32) error {
			all = append(all, logits...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = ids[n:]
	}
	return all
}

// TestCoords: layers with groups along either axis give the same logits step by step, all at once, and after rewinds and other tokens.
func TestCoords(t *testing.T) {
	m := tinyModel(t, tinyFile(t, "llama"), Options{Plan: "0: group=same(a); 1: group=same(b)", Threads: 2})
	o := SessionOptions{Context: 300, Chunk: 40, Coords: lines}
	open := func() *Session {
		s, err := m.NewSession(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	ids := setText(m, 250, 3)
	want := logitsOf(t, open(), ids, 250)
	s := open()
	if got := logitsOf(t, s, ids, 1, 3, 60); !slices.Equal(got, want) {
		t.Error("other logits in small steps")
	}
	ctx, vocab := context.Background(), m.Info.Vocab
	for _, to := range []int{249, 130, 64, 0} {
		if err := errors.Join(s.Rewind(ctx, to, nil), s.Feed(ctx, setText(m, 40, to), nil), s.Rewind(ctx, to, nil)); err != nil {
			t.Fatal(err)
		}
		if got := logitsOf(t, s, ids[to:], 17); !slices.Equal(got, want[to*vocab:]) {
			t.Errorf("other logits after a rewind to %d", to)
		}
	}
	o.Coords = nil
	if slices.Equal(logitsOf(t, open(), ids, 250), want) {
		t.Error("coordinates change nothing")
	}
	if err := s.FeedSet(ctx, [][]int32{{1}, {2}}, nil); !errors.Is(err, attention.ErrCompose) {
		t.Error("a set of texts in groups:", err)
	}
}

// TestCoordsAlone: where all layers have the same groups and no positions, tokens of a group have the logits, to the bit, that they have
// without any others.
func TestCoordsAlone(t *testing.T) {
	m := tinyModel(t, tinyFile(t, "llama"), Options{Plan: "pos=none group=same(b)", Threads: 2})
	plain := tinyModel(t, tinyFile(t, "llama"), Options{Plan: "pos=none", Threads: 2})
	const groups = 3
	s, err := m.NewSession(SessionOptions{Context: 300, Coords: func(i int, _, _ int32, _ seq.Coord) seq.Coord { return seq.Coord{B: int32(i*i) % groups} }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids, vocab := setText(m, 240, 5), m.Info.Vocab
	all := logitsOf(t, s, ids, 33)
	for g := range groups {
		var own []int32
		var want []float32
		for i, id := range ids {
			if i*i%groups == g {
				own, want = append(own, id), append(want, all[i*vocab:(i+1)*vocab]...)
			}
		}
		if len(own) == 0 {
			continue
		}
		s, err := plain.NewSession(SessionOptions{Context: 300})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if !slices.Equal(logitsOf(t, s, own, 240), want) {
			t.Errorf("the %d tokens of group %d have other logits alone", len(own), g)
		}
	}
}

// TestCoordsDrafts: generation with drafts has the tokens of generation without; and a text with too many groups is an error that leaves
// the session as it was.
func TestCoordsDrafts(t *testing.T) {
	m := tinyModel(t, tinyFile(t, "llama"), Options{Plan: "group=same(a,most=30)", Threads: 2})
	var out [2][]int32
	drafted := 0
	for i, lookup := range []int{0, 8} {
		s, err := m.NewSession(SessionOptions{Context: 200, Coords: lines})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		text := setText(m, 9, 1)
		if err := s.Feed(context.Background(), slices.Concat(text, text, text), nil); err != nil {
			t.Fatal(err)
		}
		chain, err := sample.New(sample.Params{})
		if err != nil {
			t.Fatal(err)
		}
		for id, err := range s.Generate(context.Background(), chain, Generation{Max: 60, Lookup: lookup}) {
			if err != nil {
				t.Fatal(err)
			}
			out[i] = append(out[i], id)
		}
		drafted += s.Stats().DraftedTokens
		had := s.Len()
		if err := s.Feed(context.Background(), make([]int32, 40), nil); !errors.Is(err, ErrGroups) || s.Len() != had {
			t.Errorf("40 lines more: %v, %d tokens of %d", err, s.Len(), had)
		}
	}
	if !slices.Equal(out[0], out[1]) || drafted == 0 {
		t.Errorf("%d drafts: %v, without %v", drafted, out[1], out[0])
	}
}
