package attention

import (
	"fmt"
	"slices"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	spans.add("globals", func(a *args, _ Span) (Span, error) {
		at := a.places()
		slices.Sort(at)
		for i := range at[:max(0, len(at)-1)] {
			if at[i] == at[i+1] {
				return nil, fmt.Errorf("position %d stands there twice", at[i])
			}
		}
		return Globals{at}, nil
	}, "globals(3,4,70)")
}

// Globals sees fixed positions, which all queries from there on see, as the tokens that a task chooses in Longformer (arXiv 2004.05150) and
// the global tokens of PEGASUS-X (arXiv 2208.04347), of which a causal model has only those before the query. They should stand
// early in the text: a ring keeps all rows up to the last of them.
type Globals struct {
	At []seq.Pos // [positions] rising
}

// Sees implements Span.
func (g Globals) Sees(_, k seq.Pos) bool {
	_, ok := slices.BinarySearch(g.At, k)
	return ok
}

// Runs implements Span.
func (g Globals) Runs(dst []seq.Run, _, hi seq.Pos) []seq.Run {
	base := len(dst)
	for _, p := range g.At {
		switch {
		case p >= hi:
			return dst
		case len(dst) > base && dst[len(dst)-1].Hi == p:
			dst[len(dst)-1].Hi = p + 1
		default:
			dst = append(dst, seq.Run{Lo: p, Hi: p + 1})
		}
	}
	return dst
}

// Count implements Counter.
func (g Globals) Count(seq.Pos) int { return len(g.At) }

// Reach implements Reacher.
func (g Globals) Reach() (first, back seq.Pos) { return g.At[len(g.At)-1] + 1, 0 }

func (g Globals) String() string {
	names := make([]string, len(g.At))
	for i, p := range g.At {
		names[i] = fmt.Sprint(p)
	}
	return term("globals", names...)
}
