package attention

import (
	"slices"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// finding is what the Products of a Finder multiply with.
type finding struct {
	j      *job
	w      *worker
	choose []int32 // [1] the row
}

// seek is a worker's scratch for a Finder.
type seek struct {
	from   []int32   // [stride] tiles of which some are to be found
	also   []int32   // [stride] those that are read in any case
	nodes  []int32   // [3, stride] for the Finder
	rate   []float32 // [stride] likewise
	x      []float32 // [stride] the same of one head
	look   []float32 // [Group, 2, stride] of tiles that were looked at: their largest logits, and Σ e^(logit − that)
	seen   []uint64  // [words] which ones those are
	looked int       // how many, in the session
}

// turns reports whether there is a KV head of which queries tell which rows choose.
func (c *Core) turns() bool {
	return slices.ContainsFunc(c.sel, func(s *selection) bool { return s != nil && s.turns() })
}

// finds reports whether a KV head has a Finder.
func (c *Core) finds() bool {
	return slices.ContainsFunc(c.sel, func(s *selection) bool { return s != nil && s.finder != nil })
}

func takeSeek(mem *seq.Arena, group, stride, looked int) seek {
	return seek{from: seq.Take[int32](mem, stride), also: seq.Take[int32](mem, stride), nodes: seq.Take[int32](mem, 3*stride),
		rate: seq.Take[float32](mem, stride), x: seq.Take[float32](mem, stride), look: seq.Take[float32](mem, 2*group*stride),
		seen: seq.Take[uint64](mem, stride/64), looked: looked}
}

func sizeSeek(mem *seq.Sizer, group, stride int) {
	for _, n := range [...]int{1, 1, 3} {
		seq.Size[int32](mem, n*stride)
	}
	for _, n := range [...]int{1, 1, 2 * group} {
		seq.Size[float32](mem, n*stride)
	}
	seq.Size[uint64](mem, stride/64)
}

// find has a Finder rate the tiles of the one row that chooses, of whose candidates [lo, hi) k are wanted.
func (j *job) find(w *worker, sel *selection, choose []int32, lo, hi, k int) {
	share, s := w.share[:w.of.Tiles], &w.seek
	if k == 0 || vec.Sum(share) != 0 { // a key is no number
		return
	}
	from, also, next := s.from[:0], s.also[:0], 0
	for _, r := range w.far.runs {
		for t := max(next, int(r.Lo)/Tile); t < min(len(share), tiles(int(r.Hi))); t++ {
			if next = t + 1; lo <= t && t < hi {
				from = append(from, int32(t))
			} else if sel.adapts() {
				also = append(also, int32(t))
			}
		}
	}
	clear(s.seen)
	j.loadFor(w, w.of.Head, choose)
	w.of.find = finding{j, w, choose}
	sel.finder.Find(share, from, also, k, &w.of)
}

// Look multiplies the queries with the keys of a tile, if that was not done yet.
func (p *Products) Look(t int) {
	s := &p.find.w.seek
	if has(s.seen, t) {
		return
	}
	s.seen[t/64] |= 1 << (t % 64)
	s.looked++
	m := p.find.w.part.first(p.Group)
	p.find.j.sums(p.find.w, m, p.Head, p.find.choose, t)
	for g, sum := range m.sum {
		look := s.look[2*g*p.stride+t:]
		look[0], look[p.stride] = m.max[g], sum
	}
}

// Shares sets dst[len(of)] to the shares that tiles have of the sums of exponentials of all these, added up over the group, after looking
// at them.
func (p *Products) Shares(dst []float32, of []int32) {
	s := &p.find.w.seek
	for _, t := range of {
		p.Look(int(t))
	}
	clear(dst)
	x := s.x[:len(of)]
	for g := range p.Group {
		high, sum := s.look[2*g*p.stride:][:p.stride], s.look[(2*g+1)*p.stride:]
		for i, t := range of {
			x[i] = high[t]
		}
		vec.ExpSum(x, x, vec.Max(x))
		for i, t := range of {
			x[i] *= sum[t]
		}
		vec.Scale(x, 1/vec.Sum(x))
		vec.Add(dst, x)
	}
}
