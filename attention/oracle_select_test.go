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
	// Which keys belong together is not defined again: near a border between clusters it is a matter of the last bit. TestClusters
	// judges it.
	"clusters": func(p part, q, keys [][]float64) []float64 {
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
	},
	"recycle": func(_ part, q, keys [][]float64) []float64 {
		return sumOfShares(q, keys, func(q []float64, tile [][]float64) float64 {
			sum := 0.0
			for _, k := range tile {
				sum += math.Exp(dot(q, k))
			}
			return math.Log(sum)
		})
	},
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
	choices := make([]map[int]bool, f.n)
	for i := range f.n {
		if every := int(p.get("every", oracleUsual[p.name]["every"])); every > 1 && i%every != 0 {
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
		choice, clear := p.choose(i, q, turned[:i/Tile*Tile], func(k int) bool { return sees(i, k) })
		if choices[i] = choice; !clear {
			f.unclear = append(f.unclear, i)
		}
	}
	return func(q, k int) bool { return sees(q, k) && (choices[q] == nil || choices[q][k/Tile]) }
}

// oracleUsual are arguments that selectors have without being named.
var oracleUsual = map[string]map[string]float64{
	"bounds": {"k": 32}, "clusters": {"k": 32}, "mean": {"k": 32}, "recycle": {"k": 32, "every": 16}, "mass": {"share": 1, "p": 0.9},
}

// choose returns the tiles that row i reads, nil: all. clear is false if others are nearly as good.
func (p part) choose(i int, q, keys [][]float64, sees func(k int) bool) (chosen map[int]bool, clear bool) {
	usual := oracleUsual[p.name]
	if i < int(p.get("dense", 2048)) || len(keys) == 0 {
		return nil, true
	}
	own, rate := i/Tile, oracleSelectors[p.name](p, q, keys)
	var candidates []int
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
	slices.SortStableFunc(candidates, func(a, b int) int { return cmp.Compare(rate[b], rate[a]) })
	clear = true
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
	return chosen, clear && (n == 0 || n == len(candidates) || rate[candidates[n]] < 0.97*rate[candidates[n-1]])
}
