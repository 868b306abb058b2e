package attention

import (
	"slices"

	"github.com/godwit-ai/godwit/seq"
)

// Counter is a Span whose queries may see many runs.
type Counter interface {
	Count(q seq.Pos) int // most runs that the query at q sees
}

// runsOf is the most runs that the query at q sees.
func runsOf(s Span, q seq.Pos) int {
	if c, ok := s.(Counter); ok {
		return c.Count(q)
	}
	return len(s.Runs(nil, q, q+1))
}

// without takes a run out of those from the from-th on.
func without(runs []seq.Run, from int, hide seq.Run) []seq.Run {
	to := from
	for i := from; i < len(runs); i++ {
		r := runs[i]
		if r.Lo < hide.Lo && hide.Hi < r.Hi { // it becomes two
			runs = slices.Insert(runs, i+1, seq.Run{Lo: hide.Hi, Hi: r.Hi})
			r.Hi = hide.Lo
		} else if hide.Lo <= r.Lo {
			r.Lo = min(r.Hi, max(r.Lo, hide.Hi))
		} else {
			r.Hi = min(r.Hi, hide.Lo)
		}
		if r.Lo < r.Hi {
			runs[to] = r
			to++
		}
	}
	return runs[:to]
}
