package attention

import (
	"strings"

	"github.com/godwit-ai/godwit/seq"
)

// Union sees what any of its spans sees; its text is a sum, "sinks(4)+window(512)". Make it with
// NewUnion: only a union of bounded spans is a Reacher.
type Union []Span

// boundedUnion is a union of Reachers.
type boundedUnion struct{ Union }

// NewUnion returns the union of the spans, which is bounded when all of them are.
func NewUnion(of ...Span) Span {
	if len(of) == 1 {
		return of[0]
	}
	for _, s := range of {
		if _, ok := s.(Reacher); !ok {
			return Union(of)
		}
	}
	return boundedUnion{of}
}

// Sees implements Span.
func (u Union) Sees(q, k seq.Pos) bool {
	for _, s := range u {
		if s.Sees(q, k) {
			return true
		}
	}
	return false
}

// Runs implements Span. Each span appends its runs, which are inserted one by one among those before.
func (u Union) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	base := len(dst)
	for _, s := range u {
		old := len(dst)
		dst = s.Runs(dst, q, hi)
		for i := old; i < len(dst); i++ {
			r := dst[i]
			j := i
			for ; j > base && dst[j-1].Lo > r.Lo; j-- {
				dst[j] = dst[j-1]
			}
			dst[j] = r
		}
	}
	out := base
	for _, r := range dst[base:] {
		if out > base && r.Lo <= dst[out-1].Hi {
			dst[out-1].Hi = max(dst[out-1].Hi, r.Hi)
			continue
		}
		dst[out] = r
		out++
	}
	return dst[:out]
}

// Count implements Counter.
func (u Union) Count(q seq.Pos) (n int) {
	for _, s := range u {
		n += runsOf(s, q)
	}
	return n
}

func (u Union) String() string {
	names := make([]string, len(u))
	for i, s := range u {
		names[i] = s.String()
	}
	return strings.Join(names, "+")
}

// Reach implements Reacher.
func (u boundedUnion) Reach() (first, back seq.Pos) {
	for _, s := range u.Union {
		f, b := s.(Reacher).Reach()
		first, back = max(first, f), max(back, b)
	}
	return first, back
}
