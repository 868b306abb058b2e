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
}

// Generate samples tokens and yields each one as soon as it is known. A token is fed when the next one is asked for, so
// the last one yielded is not part of the stream (Sync takes it in with the next turn). An error ends the sequence; when
// the context fills up, it is a *ContextError.
func (s *Session) Generate(ctx context.Context, chain *sample.Chain, g Generation) iter.Seq2[int32, error] {
	return func(yield func(int32, error) bool) {
		var one [1]int32
		for n := 0; g.Max < 0 || n < g.Max; n++ {
			if n > 0 {
				if err := s.Feed(ctx, one[:], nil); err != nil {
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
			if !yield(one[0], nil) {
				return
			}
		}
	}
}
