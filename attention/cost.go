package attention

import (
	"math"

	"github.com/godwit-ai/godwit/seq"
)

// Cost returns what n tokens from position first on take: the rows that they see, each multiplied by all query heads of its KV
// head; with a selector as many as it may choose, and the choice; with a keeper as many as are held, not what choosing them takes.
// It takes n steps for each span.
func (c *Core) Cost(first, n int, exact bool) (cost seq.Cost) {
	var far, near int64 // rows that are seen, over tokens and KV heads
	var a, b sight
	loops := 1 // heads that differ
	if len(c.spans) > 1 || len(c.layer.Select) > 1 {
		loops = c.shape.KVHeads
	}
	for h := range loops {
		s, sel := c.spans[h%len(c.spans)], c.selects(h)
		var seen, close int64
		for q := first; q < first+n; q++ {
			a.runs = s.Runs(a.runs[:0], seq.Pos(q), seq.Pos(q+1))
			if c.near != nil {
				b.runs = b.runs[:0]
				c.split(&a, &b, 0, seq.Pos(q))
			}
			all := length(a.runs)
			if sel != nil {
				all = min(all, sel.rows(q))
			}
			if c.layer.Keep != nil {
				all = min(all, int64(c.layer.Keep.Budget().usual().held(q)))
			}
			seen, close = seen+all, close+length(b.runs)
		}
		far += seen * int64(c.shape.KVHeads/loops)
		near += close * int64(c.shape.KVHeads/loops)
	}
	part := func(rows int64, of Rows, ints bool, dim int) {
		cost.Cache += rows * int64(of.Size()) / Tile
		if ops := 2 * rows * int64(c.group) * int64(dim); ints && !exact {
			cost.IntOps += ops
		} else {
			cost.FloatOps += ops
		}
	}
	part(far, c.key, c.keyInts != nil, c.shape.Dim)
	part(far, c.value, c.valInts != nil, c.shape.VDim)
	if c.near != nil {
		part(near, c.near.key, c.near.keyInts != nil, c.shape.Dim)
		part(near, c.near.value, c.near.valInts != nil, c.shape.VDim)
	}
	for _, s := range c.sel {
		if s != nil {
			cost.Add(c.choiceCost(s, first, n))
		}
	}
	return cost
}

func length(runs []seq.Run) (n int64) {
	for _, r := range runs {
		n += int64(r.Len())
	}
	return n
}

// rows is how many rows the query at q reads at most.
func (s *selection) rows(q int) int64 {
	if q < s.Dense {
		return math.MaxInt64
	}
	all := q/Tile + 1
	read := min(min(s.Sink, all)+min(s.Local, all), all)
	return (int64(read) + int64(s.most(all, read))) * Tile
}

// choiceCost is the cost of the choices of n tokens from position first on for a KV head.
func (c *Core) choiceCost(s *selection, first, n int) (cost seq.Cost) {
	var known, looks int64 // tiles whose vectors, and whose keys are multiplied, over the rows that choose
	if s.Dense >= first+n {
		return cost
	}
	every := s.spacing()
	for q := (max(first, s.Dense) + every - 1) / every * every; q < first+n; q += every {
		t := q / Tile
		known += int64(t)
		switch {
		case s.finder != nil:
			read := min(s.Sink+s.Local, t+1)
			looks += int64(min(t, s.finder.Looks(t+1-read, s.most(t+1, read))))
		case s.vectors == 0:
			looks += int64(t)
		}
	}
	numbers := int64(s.vectors * s.width)
	cost.Cache = 2*known*numbers + looks*int64(c.key.Size())
	cost.FloatOps = 2 * int64(c.group) * (known*numbers + looks*Tile*int64(c.shape.Dim))
	return cost
}
