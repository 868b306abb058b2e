package attention

import "github.com/godwit-ai/godwit/seq"

func init() { spans.add("full", plain[Span](Full{}), "full") }

// Full sees the whole past.
type Full struct{}

// Sees implements Span.
func (Full) Sees(q, k seq.Pos) bool { return true }

// Runs implements Span.
func (Full) Runs(dst []seq.Run, _, hi seq.Pos) []seq.Run { return append(dst, seq.Run{Lo: 0, Hi: hi}) }

func (Full) String() string { return "full" }
