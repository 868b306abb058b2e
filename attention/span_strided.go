package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	spans.add("strided", func(a *args, _ Span) (Span, error) {
		return Strided{R: a.countLike("64"), Fixed: a.flag("fixed")}, nil
	}, "strided(7)", "strided(16,fixed)")
}

// Strided sees every R-th position: those whose distance from the query is a multiple of R, or when Fixed, the last position of every
// R, whatever the query (Sparse Transformers, arXiv 1904.10509). It is used in a sum with window(R), or blocks(R,back=0).
type Strided struct {
	R     seq.Pos
	Fixed bool
}

// first is the first position that the query at q sees.
func (s Strided) first(q seq.Pos) seq.Pos {
	if s.Fixed {
		return s.R - 1
	}
	return q % s.R
}

// Sees implements Span.
func (s Strided) Sees(q, k seq.Pos) bool { return k%s.R == s.first(q)%s.R }

// Runs implements Span.
func (s Strided) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	if s.R == 1 {
		return Full{}.Runs(dst, q, hi)
	}
	for k := int64(s.first(q)); k <= int64(q) && k < int64(hi); k += int64(s.R) {
		dst = append(dst, seq.Run{Lo: seq.Pos(k), Hi: seq.Pos(k + 1)})
	}
	return dst
}

// Count implements Counter.
func (s Strided) Count(q seq.Pos) int {
	if s.R == 1 {
		return 1
	}
	return int(q/s.R) + 1
}

func (s Strided) String() string {
	return term("strided", fmt.Sprint(s.R), optFlag("fixed", s.Fixed))
}
