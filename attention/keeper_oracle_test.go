package attention

import (
	"cmp"
	"math"
	"slices"
	"testing"
)

// judged is what an oracle of a keeper knows of a KV head at a boundary, all in float64.
type judged struct {
	p        part
	group    int
	end      int
	rows     []int       // held, ascending
	keys     [][]float64 // of the rows, positions applied, as stored
	values   [][]float64
	memory   map[int]float64            // by row
	surprise []float32                  // by row
	weights  func(back int) [][]float64 // softmax over the rows of each head's query, of the row that many before the boundary
	ahead    func(back int) [][]float64 // logits of the query at the mean of the positions to come
}

// oracleKeepers are definitions of every keeper, from its paper: how much each row is worth.
var oracleKeepers = map[string]func(x *judged) []float64{
	"snapkv": func(x *judged) []float64 {
		votes := make([]float64, len(x.rows))
		for back := 1; back <= int(x.p.get("window", 32)); back++ {
			for _, w := range x.weights(back) {
				for i, v := range w {
					votes[i] += v
				}
			}
		}
		out, half := make([]float64, len(votes)), int(x.p.get("pool", 7))/2
		for i := range out {
			for j := max(0, i-half); j <= min(len(votes)-1, i+half); j++ {
				out[i] = max(out[i], votes[j])
			}
		}
		return out
	},
}

func init() {
	sum := func(x *judged, window int) []float64 {
		votes := make([]float64, len(x.rows))
		for back := window; back >= 1; back-- {
			for _, w := range x.weights(back) {
				for i, v := range w {
					votes[i] += v
				}
			}
		}
		return votes
	}
	oracleKeepers["h2o"] = func(x *judged) []float64 {
		votes := sum(x, int(x.p.get("window", x.p.get("every", 256))))
		for i, r := range x.rows {
			x.memory[r] += votes[i]
			votes[i] = x.memory[r]
		}
		return votes
	}
	oracleKeepers["tova"] = func(x *judged) []float64 { return sum(x, 1) }
	oracleKeepers["keynorm"] = func(x *judged) (out []float64) {
		for _, k := range x.keys {
			out = append(out, -norm(k))
		}
		return out
	}
	oracleKeepers["keydiff"] = func(x *judged) (out []float64) {
		mean := make([]float64, len(x.keys[0]))
		for _, k := range x.keys {
			for d, v := range k {
				mean[d] += v / norm(k) / float64(len(x.keys))
			}
		}
		for _, k := range x.keys {
			cos := 0.0
			for d, v := range k {
				cos += v * mean[d] / norm(k) / norm(mean)
			}
			out = append(out, -cos)
		}
		return out
	}
	oracleKeepers["expected"] = func(x *judged) []float64 {
		out, n := make([]float64, len(x.rows)), x.p.get("window", 64)
		logits := make([][][]float64, int(n))
		for i := range logits {
			logits[i] = x.ahead(i + 1)
		}
		for h := range x.group {
			total, ps := 0.0, make([]float64, len(x.rows))
			for j := range ps {
				mean, square := 0.0, 0.0
				for i := range logits {
					mean += logits[i][h][j] / n
				}
				for i := range logits {
					square += (logits[i][h][j] - mean) * (logits[i][h][j] - mean) / n
				}
				ps[j] = math.Exp(mean + square/2)
				total += ps[j]
			}
			for j, p := range ps {
				out[j] += p / total * norm(x.values[j])
			}
		}
		return out
	}
	oracleKeepers["fifo"] = func(x *judged) (out []float64) {
		for _, r := range x.rows {
			out = append(out, float64(r))
		}
		return out
	}
	oracleKeepers["entropy"] = func(x *judged) (out []float64) {
		for _, r := range x.rows {
			if old, ok := x.memory[r]; ok {
				x.memory[r] = old * x.p.get("decay", 1)
			} else {
				x.memory[r] = float64(x.surprise[r])
			}
			out = append(out, x.memory[r])
		}
		return out
	}
	used := func(often bool) func(x *judged) []float64 {
		return func(x *judged) (out []float64) {
			for back := int(x.p.get("window", 32)); back >= 1; back-- {
				for _, w := range x.weights(back) {
					sorted := slices.Clone(w)
					slices.Sort(sorted)
					for i, r := range x.rows {
						if w[i] == 0 || w[i] < sorted[max(0, len(w)-int(x.p.get("top", 64)))] {
							continue
						}
						if x.memory[r]++; !often {
							x.memory[r] = float64(x.end - back)
						}
					}
				}
			}
			for _, r := range x.rows {
				if !often {
					x.memory[r] = max(x.memory[r], float64(r))
				}
				out = append(out, x.memory[r])
			}
			return out
		}
	}
	oracleKeepers["lra"], oracleKeepers["lfa"] = used(false), used(true)
}

func norm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum)
}

// oracleKept is attention with a keeper: what stays of each KV head is found row by row. It returns out[n, Heads, VDim] and which
// rows are held before each boundary's eviction and after the last, for each head.
func (f *fixture) oracleKept(t testing.TB) (out []float64, held [][]int) {
	t.Helper()
	text := readPlan(f.text)["keep"]
	p, l, sh := readSum(text)[0], f.layer.filled(), f.shape
	budget := f.layer.Keep.Budget()
	keep := int(p.num[""])
	every, sinks := int(p.get("every", 256)), int(p.get("sinks", 4))
	recent := int(p.get("recent", float64(budget.Recent)))
	turn := f.positions(t)
	half, temper := oracleCodecs["f16"], f.temper()
	scale, unit := f.scale(), f.units(t, 0)
	out, group := make([]float64, f.n*sh.Heads*sh.VDim), sh.Heads/sh.KVHeads
	ks, vs := make([][][]float64, sh.KVHeads), make([][][]float64, sh.KVHeads)
	held = make([][]int, sh.KVHeads)
	memory := make([]map[int]float64, sh.KVHeads)
	rows := make([][]*oracleRow, sh.KVHeads) // of those held
	for kv := range sh.KVHeads {
		memory[kv] = map[int]float64{}
		putKey, putValue := f.stored(t, l.Key, true, kv), f.stored(t, l.Value, false, kv)
		for i := range f.n {
			ks[kv] = append(ks[kv], wide(f.k[(i*sh.KVHeads+kv)*sh.Dim:][:sh.Dim], func(x []float64) { turn(x, i) }, putKey))
			vs[kv] = append(vs[kv], wide(f.v[(i*sh.KVHeads+kv)*sh.VDim:][:sh.VDim], putValue))
		}
	}
	score := func(kv, end int) []float64 {
		x := &judged{surprise: f.surprise, p: p, group: group, end: end, rows: held[kv], memory: memory[kv]}
		for _, r := range held[kv] {
			x.keys, x.values = append(x.keys, ks[kv][r]), append(x.values, vs[kv][r])
		}
		query := func(h, q int, temp float64, place func(x []float64)) []float64 {
			y := wide(f.q[(q*sh.Heads+h)*sh.Dim:][:sh.Dim], func(x []float64) {
				for i := range x {
					x[i] = half(x[i])
				}
			}, place)
			logits := make([]float64, len(x.rows))
			for i, k := range x.keys {
				for d, v := range y {
					logits[i] += v * k[d] * scale * temp
				}
				if c := float64(f.layer.Score.Softcap); c != 0 {
					logits[i] = c * math.Tanh(logits[i]/c)
				}
			}
			return logits
		}
		sees := f.sees(kv)
		x.weights = func(back int) (all [][]float64) {
			q := end - back
			for h := kv * group; h < (kv+1)*group; h++ {
				logits := query(h, q, temper(h, q), func(x []float64) { turn(x, q) })
				high, sum := math.Inf(-1), 0.0
				if f.layer.Score.Sinks != nil {
					high = float64(f.layer.Score.Sinks[h])
				}
				for i, r := range x.rows {
					if r > q || !sees(q, r) {
						logits[i] = math.Inf(-1)
					}
					high = max(high, logits[i])
				}
				if f.layer.Score.Sinks != nil {
					sum = math.Exp(float64(f.layer.Score.Sinks[h]) - high)
				}
				for i := range logits {
					logits[i] = math.Exp(logits[i] - high)
					sum += logits[i]
				}
				for i := range logits {
					logits[i] /= sum
				}
				all = append(all, logits)
			}
			return all
		}
		x.ahead = func(back int) (all [][]float64) {
			for h := kv * group; h < (kv+1)*group; h++ {
				all = append(all, query(h, end-back, temper(h, end), func(x []float64) {
					sum := make([]float64, len(x))
					for i := range 32 {
						y := slices.Clone(x)
						turn(y, end+16*i)
						for d, v := range y {
							sum[d] += v / 32
						}
					}
					copy(x, sum)
				}))
			}
			return all
		}
		return oracleKeepers[p.name](x)
	}
	shares := map[string]bool{"tova": true, "entropy": true}
	for i := range f.n {
		if i%every == 0 && i > keep {
			var scores [][]float64
			for kv := range sh.KVHeads {
				scores = append(scores, score(kv, i))
			}
			if shares[p.name] {
				for j := range scores[0] {
					sum := 0.0
					for kv := range scores {
						sum += scores[kv][j]
					}
					for kv := range scores {
						scores[kv][j] = sum
					}
				}
			}
			quota := make([]int, sh.KVHeads)
			ada := p.get("ada", 0)
			type scored struct {
				head  int
				score float64
			}
			var others []scored // of all heads, beyond the safe ones
			left := 0
			for kv := range quota {
				if quota[kv] = keep; ada == 0 {
					continue
				}
				quota[kv] = min(max(int(ada*float64(keep)), sinks+recent), len(held[kv]))
				left += keep - quota[kv]
				var rest []float64
				for j, r := range held[kv] {
					if r >= sinks && j < len(held[kv])-recent {
						rest = append(rest, scores[kv][j])
					}
				}
				slices.Sort(rest)
				for _, x := range rest[:len(held[kv])-quota[kv]] {
					others = append(others, scored{kv, x})
				}
			}
			slices.SortStableFunc(others, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
			for _, o := range others[:min(left, len(others))] {
				quota[o.head]++
			}
			for kv := range sh.KVHeads {
				var safe, rest []int
				for j, r := range held[kv] {
					if r < sinks || j >= len(held[kv])-recent {
						safe = append(safe, j)
					} else {
						rest = append(rest, j)
					}
				}
				slices.SortStableFunc(rest, func(a, b int) int { return cmp.Compare(scores[kv][b], scores[kv][a]) })
				safe = append(safe, rest[:quota[kv]-len(safe)]...)
				slices.Sort(safe)
				var stay []int
				for _, j := range safe {
					stay = append(stay, held[kv][j])
				}
				if _, merges := p.num["merge"]; merges {
					f.oracleMerge(ks[kv], vs[kv], held[kv], stay, sinks, recent, f.stored(t, l.Key, true, kv), f.stored(t, l.Value, false, kv))
				}
				held[kv] = stay
				rows[kv] = rows[kv][:0]
				for _, r := range stay {
					rows[kv] = append(rows[kv], (&oracleRow{k: ks[kv][r], v: vs[kv][r]}).weighed(unit))
				}
			}
		}
		for kv := range sh.KVHeads {
			held[kv] = append(held[kv], i)
			rows[kv] = append(rows[kv], (&oracleRow{k: ks[kv][i], v: vs[kv][i]}).weighed(unit))
			sees, seen := f.sees(kv), make([]*oracleRow, len(held[kv]))
			for j, r := range held[kv] {
				if sees(i, r) {
					seen[j] = rows[kv][j]
				}
			}
			for h := kv * group; h < (kv+1)*group; h++ {
				q := wide(f.q[(i*sh.Heads+h)*sh.Dim:][:sh.Dim], func(x []float64) { turn(x, i) })
				// Weights are rounded in groups of 32 places in memory, as the rows lie there.
				f.softmax(t, out[(i*sh.Heads+h)*sh.VDim:][:sh.VDim], q, q, seen, nil, scale*temper(h, i), h)
			}
		}
	}
	return out, held
}

// oracleMerge merges the rows of held that are not in stay.
func (f *fixture) oracleMerge(ks, vs [][]float64, held, stay []int, sinks, recent int, putKey, putValue func([]float64)) {
	type pair struct {
		from, to int
		cos      float64
	}
	var pairs []pair
	mean := 0.0
	for _, r := range held {
		if slices.Contains(stay, r) {
			continue
		}
		best := pair{from: r, cos: math.Inf(-1)}
		for i, s := range stay {
			if s < sinks || i >= len(stay)-recent {
				continue
			}
			cos := 0.0
			for d, x := range ks[r] {
				cos += x * ks[s][d] / norm(ks[r]) / norm(ks[s])
			}
			if cos > best.cos {
				best.to, best.cos = s, cos
			}
		}
		pairs = append(pairs, best)
		mean += best.cos
	}
	mean /= float64(len(pairs))
	for _, x := range []struct {
		rows [][]float64
		put  func([]float64)
	}{{ks, putKey}, {vs, putValue}} {
		for _, s := range stay {
			sum, w := make([]float64, len(x.rows[s])), math.E
			for d, v := range x.rows[s] {
				sum[d] = math.E * v
			}
			for _, p := range pairs {
				if p.to == s && p.cos >= mean {
					w += math.Exp(p.cos)
					for d, v := range x.rows[p.from] {
						sum[d] += math.Exp(p.cos) * v
					}
				}
			}
			if w == math.E {
				continue
			}
			for d := range sum {
				sum[d] /= w
			}
			x.put(sum)
			x.rows[s] = sum
		}
	}
}
