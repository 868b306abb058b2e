package runtime

import (
	"context"
	"fmt"
	"iter"

	"github.com/godwit-ai/godwit/sample"
)

// Generation says how far to generate.
type Generation struct {
	Max     int                    // most tokens; negative: until the context is full
	Observe func(logits []float32) // sees the logits before each sampling; nil: nobody. [vocabulary]

	// Lookup is the most tokens, up to MaxLookup, that are computed ahead in the pass over one token; 0: none. They are
	// drafted from repetitions in the session's stream, as many as are likely to pay, and those that the chain does not
	// choose are forgotten: tokens, logits and the session's state are those of Lookup 0, to the bit. Less is drafted
	// where the session's chunk, its context or 32 MB of logits leave no room.
	Lookup int
}

// Generate samples tokens and yields each one as soon as it is known. A token is fed when the next one is asked for, so
// the last one yielded is not part of the stream (Sync takes it in with the next turn). An error ends the sequence; when
// the context fills up, it is a *ContextError.
func (s *Session) Generate(ctx context.Context, chain *sample.Chain, g Generation) iter.Seq2[int32, error] {
	return func(yield func(int32, error) bool) {
		var one [1]int32
		if g.Lookup < 0 || g.Lookup > MaxLookup {
			yield(0, fmt.Errorf("generate: lookup of %d tokens is not between 0 and %d", g.Lookup, MaxLookup))
			return
		}
		for n := 0; g.Max < 0 || n < g.Max; n++ {
			if n > 0 {
				if err := s.next(ctx, one[:], g, n); err != nil {
					yield(0, err)
					return
				}
			}
			logits, err := s.Logits()
			if err == nil {
				if g.Observe != nil {
					g.Observe(logits)
				}
				one[0], err = chain.Next(logits)
			}
			if err != nil {
				yield(0, fmt.Errorf("generate: %w", err))
				return
			}
			chain.Accept(one[0])
			if s.store != nil {
				if err := s.Deliver(one[0], chain.State(nil)); err != nil {
					yield(0, fmt.Errorf("generate: %w", err))
					return
				}
			}
			if !yield(one[0], nil) {
				return
			}
		}
	}
}

// next feeds the token that was sampled as number n.
func (s *Session) next(ctx context.Context, one []int32, g Generation, n int) error {
	if g.Lookup == 0 {
		return s.Feed(ctx, one, nil)
	}
	ask := g.Lookup
	if g.Max >= 0 {
		ask = g.Max - n - 1 // the logits after the last token are not wanted, but for the one that this pass gives
	}
	return s.advance(ctx, one[0], g.Lookup, ask)
}
