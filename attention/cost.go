package attention

import "github.com/godwit-ai/godwit/seq"

// Cost returns what n tokens from position first on take: the rows that they see, each multiplied by all query heads of its KV
// head. It takes n steps for each span.
func (c *Core) Cost(first, n int, exact bool) (cost seq.Cost) {
	var far, near int64 // rows that are seen, over tokens and KV heads
	var a, b sight
	for _, s := range c.layer.Span {
		var seen, close int64
		for q := first; q < first+n; q++ {
			a.runs = s.Runs(a.runs[:0], seq.Pos(q), seq.Pos(q+1))
			if c.near != nil {
				b.runs = b.runs[:0]
				c.split(&a, &b, 0, seq.Pos(q))
			}
			seen, close = seen+length(a.runs), close+length(b.runs)
		}
		far += seen * int64(c.shape.KVHeads/len(c.layer.Span))
		near += close * int64(c.shape.KVHeads/len(c.layer.Span))
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
		part(near, c.near.key, false, c.shape.Dim)
		part(near, c.near.value, false, c.shape.VDim)
	}
	return cost
}

func length(runs []seq.Run) (n int64) {
	for _, r := range runs {
		n += int64(r.Len())
	}
	return n
}
