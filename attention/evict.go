package attention

import (
	"fmt"
	"math"
	"slices"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// evict is an eviction in progress. It is the team's task, in one of two phases.
type evict struct {
	s      *state
	moving bool // items are KV heads; else watchRows rows of queries of one head
	ev     Evidence
	span   Span
	mean   int       // positions that the mean is taken of; 1: queries are at their own
	turns  []float32 // [watch or mean, width] what these positions contribute
	width  int
	work   []float32 // [workers, room] scratch
	room   int
	scores []float32 // [KVHeads, slots]
	memory []float32 // [KVHeads, slots] a Rememberer's numbers; they count when the rows have moved
	most   int       // slots
	stay   []int32   // [KVHeads, stride] slots that stay, ascending
	count  []int     // [KVHeads] of them
	moved  []bool    // [KVHeads]
	runs   [][]seq.Run
	merges []merging
}

// watchRows is the rows of queries that are multiplied with a tile of keys at once.
const watchRows = 8

// forget makes room at a boundary: it judges the rows before it and keeps the budget's.
func (s *state) forget(at *seq.Step, end int) error {
	k, c, sh := s.kept, s.core, s.core.shape
	mark := at.Mem.Mark()
	defer at.Mem.Release(mark)
	k.prepare(s, at, end)
	defer k.release()
	if c.NeedsSurprise() {
		if len(at.Surprise) < end {
			return fmt.Errorf("attention layer %d: what the tokens before row %d are worth is known of %d: the step must begin there", sh.Layer, end, len(at.Surprise))
		}
		k.ev.Surprise = at.Surprise[k.end:end]
	}
	_, remembers := c.layer.Keep.(Rememberer)
	for h := range sh.KVHeads {
		n := s.slot(end, h)
		k.ev.head, k.ev.Rows, k.ev.Spare, k.ev.Room = h, k.ev.Rows[:n], k.ev.Spare[:n], k.ev.Room[:n]
		for i := range k.ev.Rows {
			k.ev.Rows[i] = k.row(i, h)
		}
		if remembers {
			k.ev.Memory = k.evict.memory[h*k.most:][:n]
			clear(k.ev.Memory[copy(k.ev.Memory, k.memory[h*k.stride:][:k.held[h]]):])
		}
		if k.watch > 0 {
			k.span = c.layer.Span[h%len(c.layer.Span)]
			if err := at.Team.Run((k.watch+watchRows-1)/watchRows, 1, &k.evict); err != nil {
				return err
			}
		}
		c.layer.Keep.Score(k.scores[h*k.most:][:n], &k.ev)
	}
	k.choose(s, at.Mem, end)
	k.moving = true
	err := at.Team.Run(sh.KVHeads, 1, &k.evict)
	for h := range sh.KVHeads { // a cancelled team leaves some undone, and half an eviction is none that can be taken back
		if !k.moved[h] {
			k.Do(0, h, h+1)
		}
	}
	copy(k.held, k.count)
	k.end = end
	if k.Ada != 0 {
		k.even = false
		k.deal(at.Mem, s.place.Slots()*sh.KVHeads)
	}
	return err
}

// prepare takes the scratch of an eviction.
func (k *kept) prepare(s *state, at *seq.Step, end int) {
	c, sh, mem := s.core, s.core.shape, at.Mem
	if k.count == nil {
		k.count, k.moved = make([]int, sh.KVHeads), make([]bool, sh.KVHeads)
	}
	for len(k.runs) < at.Team.Workers() {
		k.runs, k.merges = append(k.runs, nil), append(k.merges, merging{})
	}
	k.s, k.moving, k.most = s, false, 0
	clear(k.moved)
	for h := range sh.KVHeads {
		k.most = max(k.most, s.slot(end, h))
	}
	k.scores = seq.Take[float32](mem, sh.KVHeads*k.most)
	if k.memory != nil {
		k.evict.memory = seq.Take[float32](mem, sh.KVHeads*k.most)
	}
	k.stay = seq.Take[int32](mem, sh.KVHeads*k.stride)
	k.ev = Evidence{End: seq.Pos(end), core: c, s: s, Rows: seq.Take[seq.Pos](mem, k.most), Spare: seq.Take[uint64](mem, k.most),
		Room: seq.Take[float32](mem, k.most), Mean: seq.Take[float32](mem, sh.Dim),
		key: seq.Take[float32](mem, sh.Dim*Tile), value: seq.Take[float32](mem, sh.VDim*Tile)}
	for i := range k.merges {
		if k.Merge && i < at.Team.Workers() {
			k.merges[i] = takeMerging(mem, k.most, sh.Dim, sh.VDim)
		}
	}
	if k.watch == 0 {
		return
	}
	k.ev.stride = evidenceStride(k.most)
	k.ev.logits = seq.Take[float32](mem, k.watch*c.group*k.ev.stride)
	k.room = c.watchRoom()
	k.work = seq.Take[float32](mem, at.Team.Workers()*k.room)
	if c.pos == nil {
		return
	}
	k.width = c.pos.Width()
	rows, step := k.watch, 0
	if k.mean = 1; k.what == Ahead {
		k.mean, rows, step = aheadRows, aheadRows, aheadStep
	}
	k.turns = seq.Take[float32](mem, rows*k.width)
	for i := range rows {
		p := k.evict.at(min(i, k.watch-1)) + seq.Pos(i*step)
		if c.ids != nil {
			p = c.ids.At(p)
		}
		c.pos.Row(k.turns[i*k.width:][:k.width], p)
	}
}

// at returns the position of a watched row's query, with Ahead that of the row to come.
func (k *evict) at(r int) seq.Pos {
	kept := k.s.kept
	if kept.what == Ahead {
		return kept.pos[kept.watch-1] + 1
	}
	return kept.pos[r]
}

// release lets go of the scratch.
func (k *kept) release() {
	k.evict = evict{count: k.count, moved: k.moved, runs: k.runs, merges: k.merges}
	clear(k.merges)
}

// evidenceStride is the numbers of a row of logits: one more than the rows held, for the logit of a sink.
func evidenceStride(rows int) int { return (rows+Tile)/Tile*Tile + apart }

// watchRoom is the scratch of a worker that multiplies queries: these, a tile of keys and two vectors.
func (c *Core) watchRoom() int { return (watchRows*c.group + Tile + 2) * c.shape.Dim }

// apart keeps rows of logits apart by a line of the cache, as powers of two fall on the same lines of it.
const apart = 16

// Do implements seq.Task.
func (k *evict) Do(worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		if k.moving {
			stay := k.stay[i*k.s.kept.stride:][:k.count[i]]
			if k.s.kept.Merge {
				k.merge(&k.merges[worker], i, stay)
			}
			k.move(i, stay)
			continue
		}
		k.watched(worker, i*watchRows, min((i+1)*watchRows, k.s.kept.watch))
	}
}

// watched computes what the queries of watched rows [lo, hi) have for each row of the KV head.
func (k *evict) watched(worker, lo, hi int) {
	c, kept, ev := k.s.core, k.s.kept, &k.ev
	dim, g := c.shape.Dim, c.group
	w := k.work[worker*k.room:][:k.room]
	q, key, x := w[:(hi-lo)*g*dim], w[watchRows*g*dim:][:Tile*dim], w[(watchRows*g+Tile)*dim:]
	for r := lo; r < hi; r++ {
		dst := q[(r-lo)*g*dim:][:g*dim]
		vec.F16ToF32(dst, kept.queries[(r*c.shape.Heads+ev.head*g)*dim:][:g*dim])
		for h := ev.head * g; len(dst) > 0; h, dst = h+1, dst[dim:] {
			k.place(dst[:dim], x[:dim], x[dim:2*dim], r)
			if c.keyTurn != nil {
				c.keyTurn.Meet(dst[:dim], x[:copy(x, dst[:dim])], ev.head)
			}
			scale := c.scale
			if c.layer.Temp != nil {
				scale *= c.layer.Temp.Factor(h, k.at(r))
			}
			vec.Scale(dst[:dim], scale)
		}
	}
	rows, n := (hi-lo)*g, len(ev.Rows)
	out := ev.logits[lo*g*ev.stride:]
	for t := range tiles(n) {
		tile, _ := k.s.tile(t, ev.head)
		c.key.Get(key, tile, min(Tile, n-t*Tile))
		for i := range rows {
			clear(out[i*ev.stride+t*Tile:][:Tile])
		}
		vec.MulAdd(out[t*Tile:], q, key, rows, dim, Tile, dim, Tile, ev.stride)
	}
	for i := range rows {
		k.weigh(out[i*ev.stride:][:n+1], worker, lo+i/g, ev.head*g+i%g)
	}
}

// place puts a position into the query x of watched row r, or the mean of some that come; sum and y are scratch.
func (k *evict) place(x, sum, y []float32, r int) {
	pos := k.s.core.pos
	switch {
	case pos == nil:
	case k.mean == 1:
		pos.Apply(x, k.turns[r*k.width:][:k.width])
	default:
		clear(sum)
		for i := range k.mean {
			copy(y, x)
			pos.Apply(y, k.turns[i*k.width:][:k.width])
			vec.Add(sum, y)
		}
		copy(x, sum)
		vec.Scale(x, 1/float32(k.mean))
	}
}

// weigh turns the products of a watched row's query head into what the keeper is given. The last of x is room for a sink.
func (k *evict) weigh(x []float32, worker, row, head int) {
	c, n := k.s.core, len(x)-1
	q := int(k.ev.End) - k.s.kept.watch + row
	hi, hide := q+1, k.s.kept.hide[row]
	if k.s.kept.what == Ahead {
		q = int(k.ev.End)
		hi, hide = q, seq.Run{}
	}
	if c.layer.Score.Softcap != 0 {
		vec.Softcap(x[:n], c.layer.Score.Softcap)
	}
	runs := k.span.Runs(k.runs[worker][:0], seq.Pos(q), seq.Pos(hi))
	if hide.Lo < hide.Hi {
		runs = without(runs, 0, hide)
	}
	runs = k.s.slots(runs, 0, k.ev.head)
	k.runs[worker] = runs
	done := 0
	for _, r := range runs {
		for ; done < int(r.Lo); done++ {
			x[done] = minusInf
		}
		done = int(r.Hi)
	}
	for ; done <= n; done++ {
		x[done] = minusInf
	}
	if k.s.kept.what == Ahead {
		return
	}
	if len(runs) == 0 {
		clear(x)
		return
	}
	if sinks := c.layer.Score.Sinks; sinks != nil {
		x[n] = sinks[head]
	}
	vec.Softmax(x)
}

// choose fills in the slots that stay.
func (k *kept) choose(s *state, mem *seq.Arena, end int) {
	heads := s.core.shape.KVHeads
	if _, ok := s.core.layer.Keep.(Sharer); ok { // all heads have as many
		for h := 1; h < heads; h++ {
			vec.Add(k.scores[:k.most], k.scores[h*k.most:][:k.most])
		}
		for h := 1; h < heads; h++ {
			copy(k.scores[h*k.most:][:k.most], k.scores[:k.most])
		}
	}
	for h := range heads {
		k.count[h] = min(s.slot(end, h), k.Rows)
	}
	if k.Ada != 0 {
		k.share(s, mem, end)
	}
	for h := range heads {
		n := s.slot(end, h)
		k.pick(k.stay[h*k.stride:][:k.count[h]], k.scores[h*k.most:][:n], h)
	}
}

// pick chooses len(stay) of a KV head's slots: the first rows and the newest, and of the others those of the highest scores, the
// older one where two are equal.
func (k *kept) pick(stay []int32, scores []float32, head int) {
	n := len(scores)
	first := min(int(k.from(seq.Pos(k.Sinks), head)), len(stay))
	recent := min(k.Recent, len(stay)-first)
	for i := range first {
		stay[i] = int32(i)
	}
	for i := range recent {
		stay[len(stay)-1-i] = int32(n - 1 - i)
	}
	order := k.ev.Spare[:0]
	for i := first; i < n-recent; i++ {
		order = append(order, uint64(^rank(scores[i]))<<32|uint64(i))
	}
	slices.Sort(order)
	free := stay[first : len(stay)-recent]
	for i := range free {
		free[i] = int32(uint32(order[i]))
	}
	slices.Sort(free)
}

// rank orders numbers as integers, NaN below all.
func rank(x float32) uint32 {
	b := math.Float32bits(x + 0) // −0 is 0
	switch {
	case x != x:
		return 0
	case b>>31 != 0:
		return ^b
	}
	return b | 1<<31
}

// move closes the gaps between the rows of a KV head that stay.
func (k *evict) move(head int, stay []int32) {
	s, kept, c := k.s, k.s.kept, k.s.core
	rows := kept.rows[head*kept.stride:]
	for to, from := range stay { // from ≥ to, so that nothing is overwritten that is still to move
		rows[to] = kept.row(int(from), head)
		if k.memory != nil {
			kept.memory[head*kept.stride+to] = k.memory[head*k.most+int(from)]
		}
		if int(from) == to {
			continue
		}
		key, value := s.tile(int(from)/Tile, head)
		toKey, toValue := s.tile(to/Tile, head)
		c.keyMove.Move(toKey, to%Tile, key, int(from)%Tile)
		c.valMove.Move(toValue, to%Tile, value, int(from)%Tile)
	}
	k.moved[head] = true
}
