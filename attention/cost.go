package attention

import "github.com/godwit-ai/godwit/seq"

// Cost returns what n tokens from position first on take: the rows that they see, each multiplied by all query heads of its KV
// head. It takes n steps for each span.
func (c *Core) Cost(first, n int, exact bool) (cost seq.Cost) {
	var rows int64 // that are seen, over tokens and KV heads
	var runs [8]seq.Run
	for _, s := range c.layer.Span {
		var seen int64
		for q := first; q < first+n; q++ {
			for _, r := range s.Runs(runs[:0], seq.Pos(q), seq.Pos(q+1)) {
				seen += int64(r.Hi - r.Lo)
			}
		}
		rows += seen * int64(c.shape.KVHeads/len(c.layer.Span))
	}
	part := func(of Rows, ints bool, dim int) {
		cost.Cache += rows * int64(of.Size()) / Tile
		if ops := 2 * rows * int64(c.group) * int64(dim); ints && !exact {
			cost.IntOps += ops
		} else {
			cost.FloatOps += ops
		}
	}
	part(c.key, c.keyInts != nil, c.shape.Dim)
	part(c.value, c.valInts != nil, c.shape.VDim)
	return cost
}
