package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	spans.add("window", func(a *args, _ Span) (Span, error) { return Window{a.count()}, nil },
		"window(1)", "window(24)", "window(64)", "window(1000)")
}

// Window sees the last N positions, the query's own included (Mistral's and Gemma's sliding window).
type Window struct{ N seq.Pos }

// Sees implements Span.
func (w Window) Sees(q, k seq.Pos) bool { return q-k < w.N }

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
