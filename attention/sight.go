package attention

import (
	"math"

	"github.com/godwit-ai/godwit/seq"
)

// sight is what the queries of a query tile see of a store.
type sight struct {
	runs []seq.Run // one query after the other
	see  []view    // [queries]
	both seq.Run   // what all the queries see, at least: their first runs have it in common
	full bool      // all queries see all of the present tile; see is not filled in for it
	tile int       // the next tile of which any is seen; −1: none

	any  []uint64 // [words] tiles that one of the queries has chosen; nil: nothing is chosen from this store
	each []uint64 // [words] those that all have
}

// view is what one query sees.
type view struct {
	next, end int      // its runs that do not lie before the present tile
	lo, hi    int      // first and last row seen in the tile; lo == hi: none
	holes     bool     // not all between them are seen
	pick      []uint64 // [words] its choice, with a selector
}

// look asks the span what n queries see, from row r0 of the step on.
func (j *job) look(w *worker, head, r0, n int) {
	c := j.s.core
	span := c.spans[head%len(c.spans)]
	w.row0 = r0
	w.far.reset()
	w.near.reset()
	w.first.reset()
	for i := range n {
		q := seq.Pos(j.at.First + r0 + i)
		far, near, first := len(w.far.runs), len(w.near.runs), len(w.first.runs)
		if g := j.s.groups; g != nil {
			w.far.runs = g.runs(w.far.runs, span, int(q))
			w.far.query(i, far)
			continue
		}
		w.far.runs = span.Runs(w.far.runs, q, q+1)
		if hide := j.at.Hide; hide.Lo < hide.Hi {
			w.far.runs = without(w.far.runs, far, hide)
		}
		w.far.runs = j.s.slots(w.far.runs, far, head)
		if c.near != nil {
			c.split(&w.far, &w.near, far, q)
			if c.far != nil {
				c.parted(&w.near, &w.first, near, q)
				w.first.query(i, first)
			}
			w.near.query(i, near)
		}
		w.far.query(i, far)
	}
	if c.selects(head) != nil {
		j.narrow(w, head, n)
	}
}

func (s *sight) reset() {
	s.runs, s.both, s.tile, s.any, s.each = s.runs[:0], seq.Run{Hi: math.MaxInt32}, -1, nil, nil
}

// query notes that the runs from old on are what query i sees.
func (s *sight) query(i, old int) {
	s.see[i] = view{next: old, end: len(s.runs)}
	if old == len(s.runs) {
		s.both.Hi = 0
		return
	}
	s.both.Lo, s.both.Hi = max(s.both.Lo, s.runs[old].Lo), min(s.both.Hi, s.runs[old].Hi)
}

// all reports whether all queries see all of tile t. Most tiles of a long past are like that.
func (s *sight) all(t int) bool {
	return int(s.both.Lo) <= t*Tile && (t+1)*Tile <= int(s.both.Hi) && (s.any == nil || has(s.each, t))
}

// next returns the first tile from t on in which one of n queries sees anything, or −1. It only goes forward.
func (w *worker) next(n, t int) int {
	w.far.tile = w.far.next(n, t)
	best := w.far.tile
	for _, s := range [...]*sight{&w.first, &w.near} {
		if len(s.runs) == 0 {
			continue
		}
		if s.tile = s.next(n, t); best < 0 || s.tile >= 0 && s.tile < best {
			best = s.tile
		}
	}
	return best
}

func (s *sight) next(n, t int) int {
	if s.any != nil {
		return s.chosen(n, t)
	}
	if s.all(t) {
		return t
	}
	best := -1
	for i := range s.see[:n] {
		v := &s.see[i]
		for v.next < v.end && int(s.runs[v.next].Hi) <= t*Tile {
			v.next++
		}
		if v.next < v.end {
			if at := max(t, int(s.runs[v.next].Lo)/Tile); best < 0 || at < best {
				best = at
			}
		}
	}
	return best
}

// visit finds what the queries see of tile t: queries [from, to) see something, all of it in the tile's first last rows.
func (w *sight) visit(n, t int) (from, to, last int) {
	from = n
	for i := range w.see[:n] {
		v := &w.see[i]
		v.lo, v.hi, v.holes = 0, 0, false
		if w.any != nil && !has(v.pick, t) {
			continue
		}
		for _, r := range w.runs[v.next:v.end] {
			lo, hi := max(int(r.Lo)-t*Tile, 0), min(int(r.Hi)-t*Tile, Tile)
			if lo >= Tile {
				break
			}
			if hi <= lo {
				continue
			}
			if v.lo == v.hi {
				v.lo = lo
			} else if v.hi < lo {
				v.holes = true
			}
			v.hi = hi
		}
		if v.lo < v.hi {
			from, to, last = min(from, i), i+1, max(last, v.hi)
		}
	}
	return from, to, last
}

// mask makes the logits that a query does not see −∞.
func (w *sight) mask(s []float32, v *view, t int) {
	done := 0
	for _, r := range w.runs[v.next:v.last()] {
		lo, hi := max(int(r.Lo)-t*Tile, 0), min(int(r.Hi)-t*Tile, Tile)
		if lo >= Tile {
			break
		}
		for ; done < lo; done++ {
			s[done] = minusInf
		}
		done = max(done, hi)
	}
	for ; done < Tile; done++ {
		s[done] = minusInf
	}
}
