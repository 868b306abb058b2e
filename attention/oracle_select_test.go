package attention

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"
)

// The oracle of selectors: choices from their definitions, in float64. A tile's rating is a sum over the query heads of a group.

// oracleSelectors rate the complete tiles of keys[rows][dim] for the scaled queries q[group][dim] of one row.
var oracleSelectors = map[string]func(p part, q, keys [][]float64) []float64{
	"bounds": func(_ part, q, keys [][]float64) []float64 {
		return sumOfShares(q, keys, func(q []float64, tile [][]float64) float64 {
			sum := 0.0
			for d, x := range q {
				high := math.Inf(-1)
				for _, k := range tile {
					high = math.Max(high, x*k[d])
				}
				sum += high
			}
			return sum
		})
	},
	"mean": func(_ part, q, keys [][]float64) []float64 {
		windows := len(keys)/16 - 1
		rate := make([]float64, len(keys)/Tile)
		all := make([]float64, windows+1)
		for _, q := range q {
			logits := make([]float64, windows+1)
			for m := range logits {
				for _, k := range keys[16*m : min(16*m+32, len(keys))] { // the last one is cut
					logits[m] += dot(q, k) / float64(min(32, len(keys)-16*m))
				}
			}
			softmax64(logits)
			for m, x := range logits {
				all[m] += x
			}
		}
		for t := range rate {
			rate[t] = slices.Max(all[max(0, 4*t-1):min(4*t+4, len(all))])
		}
		return rate
	},
	"mass": func(_ part, q, keys [][]float64) []float64 {
		return sumOfShares(q, keys, func(q []float64, tile [][]float64) float64 {
			sum := 0.0
			for d, x := range q {
				mean, square := 0.0, 0.0
				for _, k := range tile {
					mean, square = mean+k[d]/Tile, square+k[d]*k[d]/Tile
				}
				sum += x*mean + x*x*(square-mean*mean)/2
			}
			return sum
		})
	},
	"clusters": byClusters,
	"recycle":  func(_ part, q, keys [][]float64) []float64 { return byKeys(q, keys) },
	"louis": func(p part, q, keys [][]float64) []float64 {
		if p.get("of", 4) == 0 {
			return byKeys(q, keys)
		}
		return byClusters(p, q, keys)
	},
}

// byKeys rates tiles by all their keys.
func byKeys(q, keys [][]float64) []float64 {
	return sumOfShares(q, keys, func(q []float64, tile [][]float64) float64 {
		sum := 0.0
		for _, k := range tile {
			sum += math.Exp(dot(q, k))
		}
		return math.Log(sum)
	})
}

// byClusters rates tiles by clusters of their keys. Which keys belong together is not defined again: near a border between clusters it is a
// matter of the last bit. TestClusters judges it.
func byClusters(p part, q, keys [][]float64) []float64 {
	c := clusters{of: int(p.get("of", 4)), dim: len(keys[0])}
	return sumOfShares(q, keys, func(q []float64, tile [][]float64) float64 {
		columns, dst := make([]float32, c.dim*Tile), make([]float32, c.of*(c.dim+1))
		for i, k := range tile {
			for d, x := range k {
				columns[d*Tile+i] = float32(x)
			}
		}
		c.Put(dst, columns)
		sum := 0.0
		for v := range c.of {
			s := float64(dst[v*(c.dim+1)+c.dim])
			for d, x := range q {
				s += x * float64(dst[v*(c.dim+1)+d])
			}
			sum += math.Exp(s)
		}
		return math.Log(sum)
	})
}

func dot(a, b []float64) (sum float64) {
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

func softmax64(x []float64) {
	high, sum := slices.Max(x), 0.0
	for i := range x {
		x[i] = math.Exp(x[i] - high)
		sum += x[i]
	}
	for i := range x {
		x[i] /= sum
	}
}

// sumOfShares adds up, over queries, the shares that tiles have of the sum of exponentials of logit.
func sumOfShares(q, keys [][]float64, logit func(q []float64, tile [][]float64) float64) []float64 {
	sum := make([]float64, len(keys)/Tile)
	for _, q := range q {
		x := make([]float64, len(sum))
		for t := range x {
			x[t] = logit(q, keys[t*Tile:][:Tile])
		}
		softmax64(x)
		for t, s := range x {
			sum[t] += s
		}
	}
	return sum
}

// reads returns what the rows of a KV head read of what they see, and notes where another choice is nearly as good.
func (f *fixture) reads(t testing.TB, kv int, keys [][]float64, scale float64, query func(head, row int) []float64, sees func(q, k int) bool) func(q, k int) bool {
	text := readPlan(f.text)["select"]
	if heads, ok := strings.CutPrefix(text, "["); ok {
		depth := 0
		text = strings.FieldsFunc(strings.TrimSuffix(heads, "]"), func(r rune) bool { // commas that are not in parentheses
			depth += strings.Count("(", string(r)) - strings.Count(")", string(r))
			return r == ',' && depth == 0
		})[kv]
	}
	if text == "" || text == "all" {
		return sees
	}
	p, group := readSum(text)[0], f.shape.Heads/f.shape.KVHeads
	basis := f.basis(t, f.layer.filled().Key, true, kv)
	turned := make([][]float64, len(keys))
	for i, k := range keys {
		turned[i] = basis.turn(k)
	}
	near := 0.97 // of a rate: another is nearly as good
	if ints, _ := f.integers(); ints && p.name == "hip" {
		near = 0.9 // products of rounded queries decide on every level of the tree
	}
	choices := make([]map[int]bool, f.n)
	for i := range f.n {
		every := int(p.get("every", oracleUsual[p.name]["every"]))
		if from := int(p.get("from", 0)); from > 0 && i/every*every < from {
			every = Tile
		}
		turns, sure := f.turns(p, kv, i)
		if every > 1 && i%every != 0 && !sure {
			f.unclear = append(f.unclear, i)
		} else if every > 1 && i%every != 0 && !turns {
			choices[i] = choices[i-1]
			if n := len(f.unclear); n > 0 && f.unclear[n-1] == i-1 {
				f.unclear = append(f.unclear, i)
			}
			continue
		}
		var q [][]float64
		for g := range group {
			q = append(q, basis.meet(query(kv*group+g, i)))
			for d := range q[g] {
				q[g][d] *= scale
			}
		}
		choice, clear := p.choose(i, near, q, turned[:i/Tile*Tile], func(k int) bool { return sees(i, k) })
		if choices[i] = choice; !clear {
			f.unclear = append(f.unclear, i)
		}
	}
	return func(q, k int) bool { return sees(q, k) && (choices[q] == nil || choices[q][k/Tile]) }
}

// turns reports whether the queries of row i for a KV head are less like those of the row before than tau; not sure: it is near.
func (f *fixture) turns(p part, kv, i int) (yes, sure bool) {
	tau, sum := p.get("tau", oracleUsual[p.name]["tau"]), 0.0
	if tau == 0 || i < int(p.get("dense", 2048)) || i == 0 {
		return false, true
	}
	group, dim := f.shape.Heads/f.shape.KVHeads, f.shape.Dim
	for g := range group {
		var ab, aa, bb float64
		for d := range dim {
			at := (kv*group+g)*dim + d
			a, b := float64(f.q[i*f.shape.Heads*dim+at]), float64(f.q[(i-1)*f.shape.Heads*dim+at])
			ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
		}
		sum += ab / math.Sqrt(aa*bb) / float64(group)
	}
	return sum < tau, math.Abs(sum-tau) > 0.001 // halves
}

// oracleUsual are arguments that selectors have without being named.
var oracleUsual = map[string]map[string]float64{
	"louis": {"k": 32, "every": 64, "tau": 0.7}, "bounds": {"k": 32}, "hip": {"k": 32}, "clusters": {"k": 32}, "mean": {"k": 32}, "recycle": {"k": 32, "every": 16}, "mass": {"share": 1, "p": 0.9},
}

// choose returns the tiles that row i reads, nil: all. clear is false if others are nearly as good, by a rate of near of theirs or more.
func (p part) choose(i int, near float64, q, keys [][]float64, sees func(k int) bool) (chosen map[int]bool, clear bool) {
	usual := oracleUsual[p.name]
	if i < int(p.get("dense", 2048)) || len(keys) == 0 {
		return nil, true
	}
	own, rate := i/Tile, make([]float64, len(keys)/Tile)
	if p.name != "hip" {
		rate = oracleSelectors[p.name](p, q, keys)
	}
	var candidates, also []int
	all, needed, total, sum := 0, 0, 0.0, 0.0
	chosen = map[int]bool{}
	for t := range own + 1 {
		seen := false
		for k := t * Tile; k <= min(i, t*Tile+Tile-1); k++ {
			seen = seen || sees(k)
		}
		if t < own {
			total += rate[t]
		}
		if seen {
			all++
		}
		if seen && t >= int(p.get("sink", 1)) && t <= own-int(p.get("local", 4)) {
			candidates = append(candidates, t)
			continue
		}
		if chosen[t] = true; seen { // others may be seen by later rows
			needed++
			if t < own {
				also = append(also, t)
			}
		}
		if t < own {
			sum += rate[t]
		}
	}
	k, share := p.num["k"], p.num["share"]
	if k == 0 && share == 0 {
		k, share = usual["k"], usual["share"]
	}
	n := min(len(candidates), max(int(k), int(math.Ceil(share*float64(all)))-needed))
	if p.num["blind"] == 1 && i < int(p.get("from", 0)) {
		n = 0
	}
	clear = true
	if p.name == "hip" && n > 0 {
		clear = p.descend(rate, near, q, keys, candidates, also, n)
		for t, x := range rate {
			total += x
			if slices.Contains(also, t) {
				sum += x
			}
		}
	}
	slices.SortStableFunc(candidates, func(a, b int) int { return cmp.Compare(rate[b], rate[a]) })
	if want := total * p.get("p", usual["p"]); want > 0 && want < total {
		enough := 0
		for ; enough < len(candidates) && sum < want; enough++ {
			clear = clear && math.Abs(sum-want) > 0.01*total
			sum += rate[candidates[enough]]
		}
		clear = clear && math.Abs(sum-want) > 0.01*total
		n = min(n, max(enough, int(p.get("least", 4))))
	}
	for _, t := range candidates[:n] {
		chosen[t] = true
	}
	return chosen, clear && (n == 0 || n == len(candidates) || rate[candidates[n]] < near*rate[candidates[n-1]])
}

// descend rates candidates as a binary tree of intervals finds them; false: others are nearly as good somewhere.
func (p part) descend(rate []float64, near float64, q, keys [][]float64, candidates, also []int, k int) (clear bool) {
	shares := func(of []int) []float64 {
		var some [][]float64
		for _, t := range of {
			some = append(some, keys[t*Tile:][:Tile]...)
		}
		return byKeys(q, some)
	}
	type node struct {
		of   []int
		rate float64
	}
	beam, nodes := min(max(int(p.get("beam", 32)), k), len(candidates)), []node(nil)
	for i := range beam {
		nodes = append(nodes, node{of: candidates[i*len(candidates)/beam : (i+1)*len(candidates)/beam]})
	}
	clear = true
	for slices.ContainsFunc(nodes, func(n node) bool { return len(n.of) > 1 }) {
		var halves []node
		var middles []int
		for _, n := range nodes {
			parts := [][]int{n.of}
			if len(n.of) > 1 {
				// The second half is the longer one, unless the interval begins at an odd place: the ends are halved, not the length.
				first := slices.Index(candidates, n.of[0])
				cut := (first+first+len(n.of))/2 - first
				parts = [][]int{n.of[:cut], n.of[cut:]}
			}
			for _, of := range parts {
				first := slices.Index(candidates, of[0])
				halves, middles = append(halves, node{of: of}), append(middles, of[(first+first+len(of))/2-first])
			}
		}
		for i, x := range shares(middles) {
			halves[i].rate = x
		}
		order := slices.Clone(halves)
		slices.SortStableFunc(order, func(a, b node) int { return cmp.Compare(b.rate, a.rate) })
		n := min(beam, len(order))
		clear = clear && (n == len(order) || order[n].rate < near*order[n-1].rate)
		nodes = order[:n]
		slices.SortFunc(nodes, func(a, b node) int { return cmp.Compare(a.of[0], b.of[0]) })
	}
	var leaves []int
	for _, n := range nodes {
		leaves = append(leaves, n.of[0])
	}
	if p.get("p", 0) > 0 {
		leaves = append(leaves, also...)
	}
	for i, x := range shares(leaves) {
		rate[leaves[i]] = x
	}
	return clear
}
