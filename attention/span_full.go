package attention

import "github.com/godwit-ai/godwit/seq"

// Full sees the whole past.
type Full struct{}

// Runs implements Span.
func (Full) Runs(dst []seq.Run, _, hi seq.Pos) []seq.Run { return append(dst, seq.Run{Lo: 0, Hi: hi}) }

func (Full) String() string { return "full" }
