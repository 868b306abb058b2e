package attention

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// kept is what a Keeper's layer knows of its rows. Slots [0, held) of a KV head have the rows that stayed at the last eviction,
// in order, and the rows from that boundary on follow without a gap. So rows are in order in all slots, and what a span sees
// of rows are as many runs of slots. The loop works on slots; only spans, positions and biases are of rows.
type kept struct {
	core *Core
	KeepBudget
	end  int   // the boundary of the last eviction; 0: none yet
	held []int // [KVHeads] rows that stayed
	even bool  // all heads hold as many

	maxLen int
	stride int // most rows of a head that stay
	heads

	rows    []seq.Pos // [KVHeads, stride] those that stayed
	memory  []float32 // [KVHeads, stride] a Rememberer's numbers for them; nil: there is none
	watch   int       // rows before a boundary whose queries are kept
	what    Watched
	queries []uint16  // [watch, Heads, Dim] in halves, without positions
	pos     []seq.Pos // [watch] their positions
	hide    []seq.Run // [watch] the rows that they do not see whatever the span

	evict
}

// keptBytes is what a session of at most maxLen rows keeps beside the tiles; 0: it never forgets.
func (c *Core) keptBytes(maxLen int) int {
	if c.layer.Keep == nil || maxLen <= c.layer.Keep.Budget().Rows {
		return 0
	}
	k := c.newKept(nil, maxLen)
	n := 4 * c.shape.KVHeads * k.stride
	if _, ok := c.layer.Keep.(Rememberer); ok {
		n *= 2
	}
	return n + 4*c.shape.KVHeads*k.per + k.watch*(4+2*c.shape.Heads*c.shape.Dim)
}

// newKept carves what it needs from mem, or only says how large it is.
func (c *Core) newKept(mem []byte, maxLen int) *kept {
	k := &kept{core: c, KeepBudget: c.layer.Keep.Budget().usual(), even: true, maxLen: maxLen}
	heads := c.shape.KVHeads
	k.stride = min(k.mostRows(heads), maxLen)
	if k.Ada != 0 {
		k.per = tiles(min(maxLen, k.stride+k.Every))
	}
	if w, ok := c.layer.Keep.(Watcher); ok {
		k.watch, k.what = w.Watch()
	}
	if mem == nil {
		return k
	}
	k.held, k.hide = make([]int, heads), make([]seq.Run, k.watch)
	k.rows, mem = carve[seq.Pos](mem, heads*k.stride)
	if _, ok := c.layer.Keep.(Rememberer); ok {
		k.memory, mem = carve[float32](mem, heads*k.stride)
	}
	if k.Ada != 0 {
		k.pages, mem = carve[int32](mem, heads*k.per)
		k.empty()
	}
	k.pos, mem = carve[seq.Pos](mem, k.watch)
	k.queries, _ = carve[uint16](mem, k.watch*c.shape.Heads*c.shape.Dim)
	return k
}

// carve takes n numbers from the front of mem.
func carve[T uint16 | int32 | float32](mem []byte, n int) ([]T, []byte) {
	var t T
	size := n * int(unsafe.Sizeof(t))
	return floats[T](mem[:size]), mem[size:]
}

// makeKeep prepares what moves rows. With an error come the parts that do not fit.
func (c *Core) makeKeep() (a, b any, err error) {
	l := c.layer
	if l.Keep == nil {
		return nil, nil, nil
	}
	if c.reach.Bounded {
		return l.Keep, spanText(l.Span), errors.New("a bounded span forgets by itself")
	}
	if err := checkKeep(l.Keep); err != nil {
		return l.Keep, c.shape, err
	}
	var ok bool
	if c.keyMove, ok = c.key.(Mover); !ok {
		return l.Keep, l.Key, errors.New("a row of such keys cannot be moved")
	}
	if c.valMove, ok = c.value.(Mover); !ok {
		return l.Keep, l.Value, errors.New("a row of such values cannot be moved")
	}
	switch near := c.nearReach(); {
	case !near.Bounded || near.First > 0 || near.Back > 0:
		return l.Keep, "near=" + l.Near.String(), errors.New("near rows do not move with the others")
	case l.Select != nil:
		return l.Keep, selectText(l.Select), errors.New("what is known of a tile is lost when its rows move")
	case c.bias != nil:
		return l.Keep, l.Pos, errors.New("the positions that biases go by do not move with the rows")
	}
	return nil, nil, nil
}

// Until returns how many rows of a step from row first on may come before one for which older rows go. A step may be
// longer; but when it fails, the session cannot go back behind that row.
func (c *Core) Until(first int) int {
	if c.fold != nil {
		return c.fold.step
	}
	if c.layer.Keep == nil {
		return 1 << 30
	}
	return c.layer.Keep.Budget().usual().next(first) - first
}

// NeedsSurprise reports whether steps need Step.Surprise.
func (c *Core) NeedsSurprise() bool {
	_, ok := c.layer.Keep.(Surprised)
	return ok
}

// pieces runs a step, cut where rows go.
func (s *state) pieces(j job, at *seq.Step) error {
	k := s.kept
	for done := 0; done < at.N; {
		first := at.First + done
		if first%k.Every == 0 && first > k.Rows && first > k.end {
			if err := s.forget(at, first); err != nil {
				return err
			}
		}
		n := min(at.N-done, k.next(first)-first)
		if err := s.piece(j, at, done, n); err != nil {
			return err
		}
		done += n
	}
	return nil
}

// piece runs n rows of a step, when done of them are.
func (s *state) piece(j job, at *seq.Step, done, n int) error {
	sh := s.core.shape
	s.step = seq.Step{First: at.First + done, N: n, Hide: at.Hide, Surprise: at.Surprise, Exact: at.Exact, Team: at.Team, Mem: at.Mem, Heads: at.Heads}
	if at.Pos != nil {
		s.step.Pos = at.Pos[done:]
	}
	mark := at.Mem.Mark()
	err := s.run(job{out: j.out[done*sh.Heads*sh.VDim:], q: j.q[done*sh.Heads*sh.Dim:],
		k: j.k[done*sh.KVHeads*sh.Dim:], v: j.v[done*sh.KVHeads*sh.VDim:]}, &s.step)
	at.Mem.Release(mark)
	s.step = seq.Step{}
	return err
}

// rewind forgets the rows from n on.
func (k *kept) rewind(n int) error {
	if n == 0 {
		k.end, k.even = 0, true
		clear(k.held)
		k.empty()
	}
	if n < k.end {
		return fmt.Errorf("row %d: rows before %d were forgotten: %w", n, k.end, seq.ErrRewind)
	}
	return nil
}

// slot is where a KV head's row lives, or will. It is one that did not come before the last eviction.
func (s *state) slot(row, head int) int {
	if k := s.kept; k != nil {
		return row - k.end + k.held[head]
	}
	if p := s.core.fold; p != nil {
		return p.slot(row)
	}
	if s.groups != nil {
		return int(s.groups.slots[row])
	}
	return row
}

// alike reports whether all KV heads that have the same span see the same slots.
func (s *state) alike() bool {
	if s.kept == nil {
		return true
	}
	_, full := s.core.layer.Span[0].(Full)
	return full && s.kept.even
}

// slots turns the runs of rows from the old-th on into runs of slots.
func (s *state) slots(runs []seq.Run, old, head int) []seq.Run {
	k := s.kept
	if k == nil || k.end == 0 {
		return runs
	}
	n := old
	for _, r := range runs[old:] {
		r = seq.Run{Lo: k.from(r.Lo, head), Hi: k.from(r.Hi, head)}
		switch {
		case r.Lo == r.Hi:
		case n > old && runs[n-1].Hi == r.Lo:
			runs[n-1].Hi = r.Hi
		default:
			runs[n] = r
			n++
		}
	}
	return runs[:n]
}

// from returns the first slot of a KV head that has a row or a later one.
func (k *kept) from(row seq.Pos, head int) seq.Pos {
	if int(row) >= k.end {
		return row + seq.Pos(k.held[head]-k.end)
	}
	slot, _ := slices.BinarySearch(k.rows[head*k.stride:][:k.held[head]], row)
	return seq.Pos(slot)
}

// row returns the row in a slot of a KV head.
func (k *kept) row(slot, head int) seq.Pos {
	if held := k.held[head]; slot >= held {
		return seq.Pos(slot - held + k.end)
	}
	return k.rows[head*k.stride+slot]
}

// saw keeps the queries of a row of the step, if it is one of the last before a boundary.
func (k *kept) saw(j *job, r int) {
	row := j.at.First + r
	at := row%k.Every - (k.Every - k.watch)
	if at < 0 || (row/k.Every+1)*k.Every <= k.Rows { // no rows go at the next multiple, and a step is not cut there
		return
	}
	k.pos[at], k.hide[at] = j.pos(r), j.at.Hide
	width := k.core.shape.Heads * k.core.shape.Dim
	vec.F32ToF16(k.queries[at*width:][:width], j.q[r*width:][:width])
}
