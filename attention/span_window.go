package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// Window sees the last N positions, the query's own included (Mistral's and Gemma's sliding window).
type Window struct{ N seq.Pos }

// Runs implements Span.
func (w Window) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	if lo := max(0, q-w.N+1); lo < hi {
		dst = append(dst, seq.Run{Lo: lo, Hi: hi})
	}
	return dst
}

// Reach implements Reacher.
func (w Window) Reach() (first, back seq.Pos) { return 0, w.N }

func (w Window) String() string { return fmt.Sprintf("window(%d)", w.N) }
