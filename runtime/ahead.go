package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ahead is what the network has computed beyond the stream: drafts of tokens that may come, and the logits after each. A
// chunk's rows have the bits of single ones, so that a draft which turns out to be the token is as good as fed. Nobody else
// sees it: the stream's end is where it is without drafts, and every call of the session but advance drops them first.
type ahead struct {
	look *lookup   // nil: never asked for
	rows []float32 // logits of one step. [1+most drafts, vocabulary]
	want []int     // every row of a step. [1+most drafts]
	ids  []int32   // drafts computed and not yet taken. [drafts]
	row  int       // the row of rows that the stream's last token has
}

// draftsLimit is the most drafts of a step that the session has room for.
func (s *Session) draftsLimit(lookup int) int {
	if s.surprise.want != nil {
		return 0 // what is known of a token must not be taken back
	}
	return max(0, min(lookup, s.plan.Chunk-1, s.plan.Rows-1))
}

// bytes is the memory of drafts.
func (a *ahead) bytes() int64 { return int64(len(a.rows))*4 + int64(len(a.want))*8 + a.look.bytes() }

// prepare makes room for most drafts a step.
func (s *Session) prepare(most int) {
	a := &s.ahead
	if a.look == nil {
		a.look = newLookup(s.plan.Context)
	}
	if 1+most <= len(a.want) {
		return
	}
	s.rows(1 + most)
	a.want = make([]int, 1+most)
	for i := range a.want {
		a.want[i] = i
	}
}

// advance appends the token that was sampled, like Feed. When it was drafted, its logits are there already; when not, the
// pass that computes them computes at most lookup drafts as well, but no more than will still be asked for.
func (s *Session) advance(ctx context.Context, token int32, lookup, ask int) error {
	if err := s.lock(); err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	defer s.mu.Unlock()
	s.prepare(s.draftsLimit(lookup))
	a := &s.ahead
	first := len(s.tokens)
	a.look.saw(first, token)
	if len(a.ids) > 0 && a.ids[0] == token {
		err := s.take(ctx)
		if err == nil {
			err = s.logged()
		}
		if err != nil {
			return fmt.Errorf("feed: token 0 of 1: %w", err)
		}
		return nil
	}
	if err := s.settle(); err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	if first == s.plan.Context {
		return fmt.Errorf("feed: %w", &ContextError{Limit: s.plan.Context, Have: first, Want: 1})
	}
	start, room := time.Now(), s.stepRows()-1
	s.tokens = append(s.tokens, token)
	n := 1 + a.look.guess(s.tokens, min(s.draftsLimit(lookup), s.plan.Context-first-1, ask, room))
	s.tokens = s.tokens[:first] // the pass appends it
	vocab := s.m.Info.Vocab
	if err := s.pass(ctx, a.look.chunk[:n], a.want[:n], a.rows[:n*vocab]); err != nil {
		return fmt.Errorf("feed: token 0 of 1: %w", err)
	}
	s.tokens = s.tokens[:first+1]
	a.ids, a.row = a.look.chunk[1:n], 0
	s.logits, s.fresh = a.rows[:vocab], true
	s.stats.add(1, time.Since(start))
	s.stats.DraftedTokens += n - 1
	if err := s.logged(); err != nil {
		return fmt.Errorf("feed: token 0 of 1: %w", err)
	}
	return nil
}

// take makes the first draft the stream's next token. A cancelled context refuses it as it would refuse the pass.
func (s *Session) take(ctx context.Context) error {
	if ctx.Err() != nil {
		s.fresh = false
		return errors.Join(context.Cause(ctx), s.settle())
	}
	a := &s.ahead
	s.tokens = append(s.tokens, a.ids[0])
	a.ids = a.ids[1:]
	a.row++
	vocab := s.m.Info.Vocab
	s.logits, s.fresh = a.rows[a.row*vocab:(a.row+1)*vocab], true
	s.stats.add(1, 0)
	s.stats.AcceptedTokens++
	return nil
}

// settle drops the drafts. They are fewer than a chunk's rows, so that no ring has lost what the stream's end needs.
func (s *Session) settle() error {
	if len(s.ahead.ids) == 0 {
		return nil
	}
	s.ahead.ids = nil
	if err := s.back(len(s.tokens)); err != nil {
		return errors.Join(err, s.restart())
	}
	return nil
}
