package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	spans.add("sinks", func(a *args, _ Span) (Span, error) { return Sinks{a.count()}, nil },
		"sinks(4)", "sinks(70)")
}

// Sinks sees the first N positions, on which models put attention that has nowhere else to go (StreamingLLM,
// arXiv 2309.17453). It is used in a union with a window.
type Sinks struct{ N seq.Pos }

// Sees implements Span.
func (s Sinks) Sees(_, k seq.Pos) bool { return k < s.N }

// Runs implements Span.
func (s Sinks) Runs(dst []seq.Run, _, hi seq.Pos) []seq.Run {
	if end := min(s.N, hi); end > 0 {
		dst = append(dst, seq.Run{Lo: 0, Hi: end})
	}
	return dst
}

// Reach implements Reacher.
func (s Sinks) Reach() (first, back seq.Pos) { return s.N, 0 }

func (s Sinks) String() string { return fmt.Sprintf("sinks(%d)", s.N) }
