package attention

import (
	"fmt"
	"math"
	"slices"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// Which rows choose, and the choices that later rows go by.

// choices are those of a KV head.
type choices struct {
	of     []int    // [kept] the rows that they were made for; −1: none. The last one is that of a step's first rows
	bits   []uint64 // [kept, words] a bit for every tile up to that row's
	recent recent   // the last rows, where their queries tell which of them choose

	rows []int32  // [≤N] of the step in progress: the rows of the session that choose, in order
	by   []int32  // [N] how many of them are not behind a row: it goes by the last one; 0: by old
	at   int      // where their choices begin among those of the step
	old  []uint64 // an earlier step's choice

	chose, could int64 // rows of the session that chose, and that might have
}

// recent is what is known of a KV head's last rows.
type recent struct {
	rows  []int    // [recent] which ones; −1: none. The last one is that before a step
	by    []int    // [recent] the rows whose choices they go by
	asked []uint16 // [recent, group·Dim] their queries, without positions, as halves
}

// recentRows is how many they are: the last 128, to which drafts and edits go back, the one before these, and the one before a step, for a
// pass that fails.
const recentRows = 2*Tile + 2

// spacing is how many rows are between two that may choose.
func (s *selection) spacing() int {
	if s.turns() {
		return 1
	}
	return s.Every
}

// kept is how many choices of a KV head are kept for later rows: those of the last steps' last 128 rows, and the one that the step's first
// rows go by. A rewind into the middle of an older choice has to begin before it.
func (s *selection) kept() int {
	switch {
	case s.Every == 1:
		return 0
	case s.turns():
		return 3*Tile + 2 // a choice may be 63 rows older than a row that goes by it
	}
	return 2*Tile/s.Every + 2
}

// recentWords is the memory of a recent with queries of n numbers, in words.
func (s *selection) recentWords(n int) int {
	if !s.turns() {
		return 0
	}
	return (recentRows*n + 3) / 4
}

// newChoices hands out the session's memory for choices.
func (c *Core) newChoices(mem []byte, maxLen int) (heads []choices) {
	none := func(n int) []int { return slices.Repeat([]int{-1}, n) }
	words := floats[uint64](mem)
	for _, s := range c.sel {
		var h choices
		if s != nil && s.kept() > 0 {
			n := s.kept() * choiceWords(tiles(maxLen))
			h.of, h.bits, words = none(s.kept()), words[:n], words[n:]
			if n = s.recentWords(c.group * c.shape.Dim); n > 0 {
				h.recent = recent{none(recentRows), none(recentRows), floats[uint16](mem[len(mem)-8*len(words):][:8*n])}
				words = words[n:]
			}
		}
		heads = append(heads, h)
	}
	return heads
}

// get returns the choice of a row that chose, nil if it is not kept.
func (h *choices) get(row int) []uint64 {
	i := slices.Index(h.of, row)
	if i < 0 || row < 0 {
		return nil
	}
	n := len(h.bits) / len(h.of)
	return h.bits[i*n:][:choiceWords(row/Tile)]
}

// put keeps the choice of a row in one of the places and returns it.
func (h *choices) put(i, row int, bits []uint64) []uint64 {
	n := len(h.bits) / len(h.of)
	h.of[i] = row
	copy(h.bits[i*n:][:n], bits)
	return h.bits[i*n:][:choiceWords(row/Tile)]
}

// clearBits clears bits [lo, hi) of a set.
func clearBits(set []uint64, lo, hi int) {
	for lo < hi {
		end := min(hi, (lo|63)+1)
		set[lo/64] &^= math.MaxUint64 >> (64 - (end - lo)) << (lo % 64)
		lo = end
	}
}

// forget lets go of the choices of rows from n on.
func (h *choices) forget(n int) {
	for i, row := range h.of {
		if row >= n {
			h.of[i] = -1
		}
	}
	for i, row := range h.recent.rows {
		if row >= n {
			h.recent.rows[i] = -1
		}
	}
}

// goesBy returns the row whose choice a row of an earlier step goes by; −1: that is not known any more.
func (h *choices) goesBy(s *selection, row int) int {
	if !s.turns() {
		return s.choiceOf(row)
	}
	if i := slices.Index(h.recent.rows, row); i >= 0 {
		return h.recent.by[i]
	}
	return -1
}

// goesOn reports whether rows from n on can be added: what the first of them may go by is kept, unless it chooses in any case.
func (s *state) goesOn(n int) bool {
	for h, sel := range s.core.sel {
		if k := s.choices; sel != nil && !sel.chooses(n) && k[h].get(k[h].goesBy(sel, n-1)) == nil {
			return false
		}
	}
	return true
}

// list finds out which rows of the step choose.
func (j *job) list() error {
	c, first, turns, at := j.s.core, j.at.First, false, 0
	for h, s := range c.sel {
		if s == nil {
			continue
		}
		k, n := &j.s.choices[h], s.choosing(j.at.N)
		k.rows, k.by, k.at, k.old = seq.Take[int32](j.at.Mem, n), seq.Take[int32](j.at.Mem, j.at.N), at, nil
		at, turns = at+n, turns || s.turns()
		if s.chooses(first) {
			continue
		}
		row := k.goesBy(s, first-1)
		bits := k.get(row)
		if bits == nil {
			return fmt.Errorf("attention layer %d: what row %d goes by is not kept", c.shape.Layer, first)
		}
		k.old = k.put(len(k.of)-1, row, bits)
		k.recent.stay(first - 1)
	}
	if turns {
		j.phase = listing
		if j.at.N < 8 {
			j.Do(0, 0, j.at.N)
		} else if err := j.at.Team.Run(j.at.N, 32, j); err != nil {
			return err
		}
	}
	for h, s := range c.sel {
		if s == nil {
			continue
		}
		k, n := &j.s.choices[h], int32(0)
		for i := range k.by {
			q := first + i
			if s.chooses(q) || s.turns() && k.by[i] != 0 {
				k.rows[n] = int32(q)
				n++
				k.chose += int64(min(q/s.dense(), 1))
			}
			k.by[i] = n
			k.could += int64(min(q/s.dense(), 1))
		}
		k.rows = k.rows[:n]
	}
	return nil
}

// dense is the first row that may not read all, or 1.
func (s *selection) dense() int { return max(s.Dense, 1) }

// turnsAway notes whether row i of the step chooses for a KV head since its query is unlike that before: by the mean cosine over the group,
// as halves have it, since those are what is left of an earlier step's queries.
func (j *job) turnsAway(w *worker, i, head int) {
	c, k, s := j.s.core, &j.s.choices[head], j.s.core.sel[head]
	n, dim, q := c.group*c.shape.Dim, c.shape.Dim, j.at.First+i
	if k.by[i] = 0; s.chooses(q) || q < s.Dense {
		return
	}
	now, before := w.pair[:n], w.pair[n:2*n]
	j.halved(w, now, i, head)
	if i > 0 {
		j.halved(w, before, i-1, head)
	} else {
		vec.F16ToF32(before, k.recent.asked[(recentRows-1)*n:][:n])
	}
	sum := 0.0
	for g := 0; g < n; g += dim {
		a, b := now[g:][:dim], before[g:][:dim]
		sum += float64(vec.Dot(a, b)) / math.Sqrt(float64(vec.Dot(a, a))*float64(vec.Dot(b, b)))
	}
	if !(sum/float64(c.group) >= s.Tau) {
		k.by[i] = 1
	}
}

// halved returns in dst[group·Dim] the queries of row i of the step, rounded to halves.
func (j *job) halved(w *worker, dst []float32, i, head int) {
	vec.F32ToF16(w.half, j.asks(i, head))
	vec.F16ToF32(dst, w.half)
}

// asks returns the queries [group·Dim] of row i of the step for a KV head, as they came.
func (j *job) asks(i, head int) []float32 {
	sh, n := j.s.core.shape, j.s.core.group*j.s.core.shape.Dim
	return j.q[i*sh.Heads*sh.Dim+head*n:][:n]
}

// stay copies what is known of a row to the place of that before a step.
func (r *recent) stay(row int) {
	i, last := slices.Index(r.rows, row), len(r.rows)-1
	if i < 0 || i == last {
		return
	}
	n := len(r.asked) / len(r.rows)
	r.rows[last], r.by[last] = row, r.by[i]
	copy(r.asked[last*n:], r.asked[i*n:][:n])
}

// remember keeps what rows of later steps may need of the choices, and of the rows.
func (j *job) remember() {
	for h, s := range j.s.core.sel {
		if s == nil || s.Every == 1 {
			continue
		}
		k := &j.s.choices[h]
		last := len(k.of) - 1
		for i := max(0, len(k.rows)-last); i < len(k.rows); i++ {
			row := int(k.rows[i])
			k.put(row/s.spacing()%last, row, j.made(k, i))
		}
		r := &k.recent
		for i := max(0, j.at.N-recentRows+1); i < j.at.N && s.turns(); i++ {
			row, n := j.at.First+i, len(r.asked)/recentRows
			slot := row % (recentRows - 1)
			r.rows[slot] = row
			vec.F32ToF16(r.asked[slot*n:][:n], j.asks(i, h))
			if m := k.by[i]; m > 0 {
				r.by[slot] = int(k.rows[m-1])
			} else {
				r.by[slot] = k.of[last]
			}
		}
	}
}
