package runtime

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/seq"
)

// A set of texts in the stream is order-free (set-based prompting, arXiv 2406.06581): the texts do not see each other, each begins at the
// position after what came before the set, and what follows, which sees them all, goes on after the longest one. So a model
// cannot tell in which order they stand. The sums of attention could, in their last bits; therefore texts are computed in an order that
// follows from their contents.

// set is where the texts of one set lie.
type set struct {
	from int     // the first row
	ends []int   // the row after each text
	pos  seq.Pos // of each text's first token
	next seq.Pos // of the token after the set
}

func (t *set) end() int { return t.ends[len(t.ends)-1] }

// place returns the position of a row, the rows that it does not see, and up to which row that is so, positions rising by one.
func (s *Session) place(row int) (pos seq.Pos, hide seq.Run, until int) {
	pos = seq.Pos(row)
	for i := range s.sets {
		t := &s.sets[i]
		if row < t.from {
			return pos, seq.Run{}, t.from
		}
		if row >= t.end() {
			pos = t.next + seq.Pos(row-t.end())
			continue
		}
		start := t.from
		for _, end := range t.ends {
			if row < end {
				return t.pos + seq.Pos(row-start), seq.Run{Lo: seq.Pos(t.from), Hi: seq.Pos(start)}, end
			}
			start = end
		}
	}
	return pos, seq.Run{}, math.MaxInt
}

// whole returns the largest n ≤ n that does not lie inside a set.
func (s *Session) whole(n int) int {
	for i := range s.sets {
		if t := &s.sets[i]; n > t.from && n < t.end() {
			return t.from
		}
	}
	return n
}

// cutSets forgets the sets that reach beyond n.
func (s *Session) cutSets(n int) {
	s.sets = slices.DeleteFunc(s.sets, func(t set) bool { return t.end() > n })
}

// leave goes back to the first n tokens, or to none, and to the sets that these have whole.
func (s *Session) leave(n int) error {
	if s.back(n) != nil {
		return s.restart()
	}
	s.shorten(n)
	s.cutSets(n)
	return nil
}

// FeedSet appends texts that are to count alike: whatever their order, what is fed next gives the same logits, to the bit. The tokens
// take as many rows of the context as they are, and as many positions as the longest text. Logits need a Feed afterwards. When it
// fails, the session is as before, or, where a ring has lost what that needs, empty.
func (s *Session) FeedSet(ctx context.Context, texts [][]int32, progress Progress) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("feed a set: %w", err)
	}
	defer s.mu.Unlock()
	if s.fold != nil {
		return fmt.Errorf("feed a set: fold=%s with texts that do not see each other: %w", s.m.fold.text, attention.ErrCompose)
	}
	if err := s.m.Info.Plan.CheckSets(); err != nil {
		return fmt.Errorf("feed a set: %w", err)
	}
	if len(texts) == 0 || slices.ContainsFunc(texts, func(t []int32) bool { return len(t) == 0 }) {
		return fmt.Errorf("feed a set: no text, or one without tokens: %w", ErrEmpty)
	}
	if err := s.admit(slices.Concat(texts...)); err != nil {
		return fmt.Errorf("feed a set: %w", err)
	}
	texts = slices.Clone(texts)
	slices.SortFunc(texts, func(a, b []int32) int {
		if x, y := hashIDs(a), hashIDs(b); x < y {
			return -1
		} else if x > y {
			return 1
		}
		return slices.Compare(a, b)
	})
	if err := s.feedTexts(ctx, texts, progress); err != nil {
		return fmt.Errorf("feed a set: %w", err)
	}
	return nil
}

// feedTexts is FeedSet in the order given.
func (s *Session) feedTexts(ctx context.Context, texts [][]int32, progress Progress) error {
	from := len(s.tokens)
	pos, _, _ := s.place(from)
	t := set{from: from, pos: pos, next: pos}
	end := from
	for _, text := range texts {
		end += len(text)
		t.ends = append(t.ends, end)
		t.next = max(t.next, pos+seq.Pos(len(text)))
	}
	s.sets = append(s.sets, t)
	start, all := time.Now(), slices.Concat(texts...)
	for done := 0; done < len(all); {
		n := min(len(all)-done, s.stepRows())
		if err := s.pass(ctx, all[done:done+n], nil, nil); err != nil {
			return fmt.Errorf("token %d of %d: %w", done, len(all), errors.Join(err, s.leave(min(from, len(s.tokens)))))
		}
		done += n
		if progress != nil {
			progress(done, len(all))
		}
	}
	s.stats.add(len(all), time.Since(start))
	if err := s.outline(false); err != nil { // before the file counts the tokens: from these alone a set cannot be computed again
		return err
	}
	return s.logged()
}

func hashIDs(ids []int32) uint64 {
	h := fnv.New64a()
	for _, id := range ids {
		h.Write([]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)})
	}
	return h.Sum64()
}
