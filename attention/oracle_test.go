package attention

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// The oracle is attention with a dense mask in float64. It reads the plan's text itself and has definitions of its own for
// every part that the package has today, so that it shares nothing with what it judges. A part that is added later is
// judged by its own definition (Span.Sees, Rows, Positioner) until it gets one here; TestOracleKnows keeps these honest.

// part is a term of a plan's text as the oracle reads it.
type part struct {
	name string
	num  map[string]float64 // key=x, a flag as 1, the last number under ""
	list []float64          // the numbers
}

// whole is number i of the list.
func (p part) whole(i int) int { return int(p.list[i]) }

func (p part) get(key string, usual float64) float64 {
	if x, ok := p.num[key]; ok {
		return x
	}
	return usual
}

// readSum reads a+b(…)+c.
func readSum(text string) (sum []part) {
	for term := range strings.SplitSeq(text, "+") {
		name, rest, _ := strings.Cut(term, "(")
		p := part{name: name, num: map[string]float64{}}
		for a := range strings.SplitSeq(strings.TrimSuffix(rest, ")"), ",") {
			key, val, has := strings.Cut(a, "=")
			if x, err := strconv.ParseFloat(key, 64); err == nil && !has {
				p.num[""], p.list = x, append(p.list, x)
			} else if x, err := strconv.ParseFloat(val, 64); err == nil {
				p.num[key] = x
			} else {
				p.num[key] = 1
			}
		}
		sum = append(sum, p)
	}
	return sum
}

// readPlan returns the values of a plan of one group.
func readPlan(text string) map[string]string {
	values := map[string]string{"span": "full", "pos": "none", "key": "f16", "value": "f16"}
	for word := range strings.FieldsSeq(text) {
		key, val, _ := strings.Cut(word, "=")
		if key == "kv" {
			values["key"], values["value"] = val, val
			continue
		}
		values[key] = val
	}
	return values
}

// oracleSpans say which keys k ≤ q a query sees.
var oracleSpans = map[string]func(p part, q, k int) bool{
	"full":   func(part, int, int) bool { return true },
	"window": func(p part, q, k int) bool { return k > q-int(p.num[""]) },
	"sinks":  func(p part, _, k int) bool { return k < int(p.num[""]) },
	"blocks": func(p part, q, k int) bool {
		block := func(i int) int { return (i + int(p.num["shift"])) / p.whole(0) }
		return block(q)-block(k) <= int(p.get("back", 1))
	},
	"dilated": func(p part, q, k int) bool {
		in := func(i int) (segment, residue int) { return i / p.whole(0), i % p.whole(0) % p.whole(1) }
		sq, rq := in(q)
		sk, rk := in(k)
		return sq == sk && rq == rk && p.get("offset", float64(rq)) == float64(rq)
	},
	"globals": func(p part, _, k int) bool { return slices.Contains(p.list, float64(k)) },
	"strided": func(p part, q, k int) bool {
		if p.num["fixed"] == 1 {
			return (k+1)%p.whole(0) == 0
		}
		return (q-k)%p.whole(0) == 0
	},
}

// oracleCodecs say what becomes of a number.
var oracleCodecs = map[string]func(x float64) float64{
	"f32": func(x float64) float64 { return float64(float32(x)) },
	"f16": func(x float64) float64 {
		if x == 0 || x-x != 0 {
			return x
		}
		_, e := math.Frexp(x)                      // |x| in [2^(e−1), 2^e)
		quantum := math.Ldexp(1, max(e-1, -14)-10) // 10 bits after the first; subnormal below 2⁻¹⁴
		y := math.RoundToEven(float64(float32(x))/quantum) * quantum
		if math.Abs(y) >= 65536 {
			return math.Copysign(math.Inf(1), x)
		}
		return y
	},
}

// oracleScalings return the frequency of pair i of dims/2 and the factor of rotated vectors, from the papers and
// transformers' modeling_rope_utils.
var oracleScalings = map[string]func(f *fixture, p part, base, dims float64, i, pos int) (freq, mag float64){
	"": func(_ *fixture, _ part, base, dims float64, i, _ int) (float64, float64) {
		return math.Pow(base, -2*float64(i)/dims), 1
	},
	"linear": func(_ *fixture, p part, base, dims float64, i, _ int) (float64, float64) {
		return math.Pow(base, -2*float64(i)/dims) / p.num["factor"], 1
	},
	"ntk": func(_ *fixture, p part, base, dims float64, i, _ int) (float64, float64) {
		return math.Pow(base*math.Pow(p.num["factor"], dims/(dims-2)), -2*float64(i)/dims), 1
	},
	"dynamic": func(_ *fixture, p part, base, dims float64, i, pos int) (float64, float64) {
		n := math.Max(p.get("len", float64(pos+1)), p.num["orig"])
		grown := p.num["factor"]*n/p.num["orig"] - (p.num["factor"] - 1)
		return math.Pow(base*math.Pow(grown, dims/(dims-2)), -2*float64(i)/dims), 1
	},
	"yarn": func(_ *fixture, p part, base, dims float64, i, _ int) (float64, float64) {
		where := func(turns float64) float64 {
			return float64(float32(dims * math.Log(p.num["orig"]/(turns*2*math.Pi)) / (2 * math.Log(base))))
		}
		lo, hi := where(p.get("fast", 32)), where(p.get("slow", 1))
		if p.num["exact"] == 0 {
			lo, hi = math.Floor(lo), math.Ceil(hi)
		}
		lo, hi = math.Max(lo, 0), math.Min(hi, dims-1)
		slowed := math.Min(math.Max((float64(i)-lo)/math.Max(hi-lo, 0.001), 0), 1)
		f := math.Pow(base, -2*float64(i)/dims)
		return f*(1-slowed) + f/p.num["factor"]*slowed, p.get("attn", 0.1*math.Log(p.num["factor"])+1)
	},
	"llama3": func(_ *fixture, p part, base, dims float64, i, _ int) (float64, float64) {
		f := math.Pow(base, -2*float64(i)/dims)
		wave, low, high := 2*math.Pi/f, p.get("low", 1), p.get("high", 4)
		switch {
		case wave < p.num["orig"]/high:
			return f, 1
		case wave > p.num["orig"]/low:
			return f / p.num["factor"], 1
		}
		smooth := (p.num["orig"]/wave - low) / (high - low)
		return (1-smooth)*f/p.num["factor"] + smooth*f, 1
	},
	"longrope": func(x *fixture, p part, base, dims float64, i, pos int) (float64, float64) {
		by := x.short
		if p.get("len", float64(pos+1)) > p.num["orig"] {
			by = x.long
		}
		usual := math.Sqrt(1 + math.Log(p.num["factor"])/math.Log(p.num["orig"]))
		return math.Pow(base, -2*float64(i)/dims) / float64(by[i]), p.get("attn", usual)
	},
	"power": func(_ *fixture, p part, base, dims float64, i, _ int) (float64, float64) {
		return math.Pow(base, -2*float64(i)/dims) * math.Pow(1-2*float64(i)/dims, p.num["k"]), 1
	},
	"truncated": func(_ *fixture, p part, base, dims float64, i, _ int) (float64, float64) {
		f, t := math.Pow(base, -2*float64(i)/dims), 2*math.Pi/p.num["orig"]
		if f < t/8 {
			return 0, 1
		} else if f < t {
			return 2 * math.Pi / (16 * p.num["orig"]), 1
		}
		return f, 1
	},
}

// known reports whether the oracle has its own definition of every term.
func known[D any](defs map[string]D, sum []part) bool {
	for _, p := range sum {
		if _, ok := defs[p.name]; !ok {
			return false
		}
	}
	return true
}

// sees returns the mask of a KV head, which is worked out once for all heads of a span.
func (f *fixture) sees(head int) func(q, k int) bool {
	text := readPlan(f.text)["span"]
	if heads, ok := strings.CutPrefix(text, "["); ok {
		text = strings.Split(strings.TrimSuffix(heads, "]"), ",")[head]
	}
	sum := readSum(text)
	first := f.first()
	if !known(oracleSpans, sum) {
		span := f.layer.Span[head%len(f.layer.Span)]
		return f.mask(span.String(), func(q, k int) bool { return k >= first(q) && span.Sees(seq.Pos(q), seq.Pos(k)) })
	}
	return f.mask(text, func(q, k int) bool { return k >= first(q) && anySees(sum, q, k) })
}

// anySees tells whether a term of a union of spans sees a key.
func anySees(sum []part, q, k int) bool {
	for _, p := range sum {
		if oracleSpans[p.name](p, q, k) {
			return true
		}
	}
	return false
}

// mask returns sees from a table of all queries and the keys up to theirs.
func (f *fixture) mask(text string, sees func(q, k int) bool) func(q, k int) bool {
	table := f.masks[text]
	if table == nil {
		for q := range f.n {
			for k := range q + 1 {
				table = append(table, sees(q, k))
			}
		}
		if f.masks == nil {
			f.masks = map[string][]bool{}
		}
		f.masks[text] = table
	}
	return func(q, k int) bool { return k <= q && table[q*(q+1)/2+k] }
}

// stored returns what a codec keeps of a row.
func (f *fixture) stored(t testing.TB, codec Codec, keys bool, head int) func(x []float64) {
	sum := readSum(codec.String())
	if known(oracleCodecs, sum) {
		return func(x []float64) {
			for i, v := range x {
				x[i] = oracleCodecs[sum[0].name](v)
			}
		}
	}
	return func(x []float64) {
		rows := f.rows(t, codec, keys)
		step, first := 1, 5*len(x)
		if keys {
			step, first = Tile, 5
		}
		tile, all := make([]byte, rows.Size()), make([]float32, len(x)*Tile)
		rows.Put(tile, 5, turned32(rows, x, head))
		rows.Get(all, tile, Tile)
		for i := range x {
			x[i] = float64(all[first+i*step])
		}
		copy(x, f.basis(t, codec, keys, head).back(x))
	}
}

// oracle returns out[n, Heads, VDim].
func (f *fixture) oracle(t testing.TB) []float64 {
	t.Helper()
	l, sh := f.layer.filled(), f.shape
	bias := f.biases(t)
	turn, scale, far := f.positions(t), f.scale(), f.far()
	out, group, temper := make([]float64, f.n*sh.Heads*sh.VDim), sh.Heads/sh.KVHeads, f.temper()
	for kv := range sh.KVHeads {
		var ks, vs, nearKs, nearVs [][]float64
		putKey, putValue, unit := f.stored(t, l.Key, true, kv), f.stored(t, l.Value, false, kv), f.units(t, kv)
		for i := range f.n {
			k, v := f.k[(i*sh.KVHeads+kv)*sh.Dim:][:sh.Dim], f.v[(i*sh.KVHeads+kv)*sh.VDim:][:sh.VDim]
			ks = append(ks, wide(k, func(x []float64) { turn(x, far.key(i)) }, putKey))
			vs = append(vs, wide(v, putValue))
			nearKs = append(nearKs, wide(k, func(x []float64) { turn(x, i) }, f.nearRow(t, l.Key, true, kv)))
			nearVs = append(nearVs, wide(v, f.nearRow(t, l.Value, false, kv)))
		}
		sees, near := f.sees(kv), f.near()
		nearKeys, nearValues := f.nearInts()
		keySeals, valSeals := f.sealed(t, l.Key, true, kv, nearKs), f.sealed(t, l.Value, false, kv, nearVs)
		query := func(h, i int) []float64 {
			return wide(f.q[(i*sh.Heads+h)*sh.Dim:][:sh.Dim], func(x []float64) { turn(x, far.query(i)) })
		}
		known := ks // the keys that a selector goes by
		if keySeals != nil {
			known = nil
			for _, r := range keySeals {
				known = append(known, f.basis(t, l.Key, true, kv).back(r.x))
			}
		}
		var farRows, nearRows, midRows []*oracleRow // midRows: of the near store, beyond the far positions' window
		for j := range f.n {
			r := &oracleRow{k: ks[j], v: vs[j]}
			if keySeals != nil {
				r.k, r.scale, r.low = keySeals[j].x, keySeals[j].scale, keySeals[j].low
			}
			if valSeals != nil {
				r.v, r.weight = valSeals[j].x, valSeals[j].weight
			}
			n := &oracleRow{k: nearKs[j], v: nearVs[j], near: !nearKeys, own: !nearKeys}
			if nearValues { // the row's largest value is 127
				n.nearWeight = mostOf(f.basis(t, l.Value, false, kv).turn(n.v)) / 127
			}
			farRows, nearRows = append(farRows, r.weighed(unit)), append(nearRows, n)
			midRows = append(midRows, &oracleRow{k: nearKs[j], v: nearVs[j], near: true})
		}
		reads := f.reads(t, kv, known, scale, query, sees)
		infused := f.infused(t, kv)
		rows, biases := make([]*oracleRow, f.n), make([]float64, f.n)
		for i := range f.n {
			ownAny := false
			for j := range i + 1 {
				rows[j] = nil
				if near(i, j) && sees(i, j) {
					if rows[j] = nearRows[j]; i-j >= far.window {
						rows[j] = midRows[j]
					} else {
						ownAny = true
					}
				} else if reads(i, j) {
					rows[j] = farRows[j]
				}
				if rows[j] != nil && infused != nil {
					rows[j] = infused(rows[j], i, j)
				}
			}
			for h := kv * group; h < (kv+1)*group; h++ {
				var own []float64
				if ownAny {
					own = wide(f.q[(i*sh.Heads+h)*sh.Dim:][:sh.Dim], func(x []float64) { turn(x, i) })
				}
				for j := range i + 1 {
					if rows[j] != nil {
						biases[j] = bias(h, i, j)
					}
				}
				f.softmax(t, out[(i*sh.Heads+h)*sh.VDim:][:sh.VDim], query(h, i), own, rows[:i+1], biases, scale*temper(h, i), h)
			}
		}
	}
	return out
}

// oracleRow is a key and a value as a query reads them.
type oracleRow struct {
	k, v []float64
	near bool // read from the near store, by a query that is not rounded
	own  bool // by the query at its own position

	scale, low []float64 // of the channels of a sealed key, which is in the codec's basis
	weight     float64   // scale of a value that is multiplied as integers
	nearWeight float64   // the same of the near store
}

// weighed gives a row the scale of its value that no Sealer told.
func (r *oracleRow) weighed(unit func(v []float64) float64) *oracleRow {
	if r.weight == 0 {
		r.weight = unit(r.v)
	}
	return r
}

// units returns what tells the scale of a value that is multiplied as integers, 0 for others.
func (f *fixture) units(t testing.TB, head int) func(v []float64) float64 {
	codec := f.layer.filled().Value
	turn, levels := f.basis(t, codec, false, head).turn, oracleLevels[codec.String()]
	_, ints := f.integers()
	return func(v []float64) (unit float64) {
		if !ints || levels == 0 { // a Sealer told its scales, this one that there is none
			return 0
		}
		for _, x := range turn(v) { // the row's largest value is so many of these
			unit = max(unit, math.Abs(x)/levels)
		}
		return unit
	}
}

// softmax is one query: o = Σ p·v / Σ p over the keys that it sees. It is q for all rows but those which it reads as own. Rows that it does not see are nil; their places count.
func (f *fixture) softmax(t testing.TB, o, q, own []float64, rows []*oracleRow, biases []float64, scale float64, head int) {
	ps, high, sum, score := make([]float64, len(rows)), math.Inf(-1), 0.0, f.layer.Score
	exact, turnedQ := q, q
	intKeys, intValues := f.integers()
	if intKeys {
		keys := f.basis(t, f.layer.filled().Key, true, head*f.shape.KVHeads/f.shape.Heads)
		turnedQ = keys.meet(q)
		q = keys.unmeet(rounded(turnedQ))
	}
	if score.Sinks != nil {
		high = float64(score.Sinks[head])
	}
	var tile, rounding []float64 // the scales of a tile's channels, and the query times them, rounded
	lows := 0.0
	for j, r := range rows {
		if r == nil {
			continue
		}
		dot, q := 0.0, q
		if r.own {
			q = own
		} else if r.near {
			q = exact
		}
		if r.scale != nil { // the query takes the scales, and is rounded then
			if tile == nil || &tile[0] != &r.scale[0] {
				tile, lows = r.scale, 0
				scaled := make([]float64, len(q))
				for d, x := range turnedQ {
					scaled[d] = x * r.scale[d]
					lows += x * r.low[d]
				}
				rounding = rounded(scaled)
			}
			dot = lows
			for d, x := range rounding {
				if r.scale[d] != 0 {
					dot += x * (r.k[d] - r.low[d]) / r.scale[d]
				}
			}
		} else {
			for d, x := range q {
				dot += x * r.k[d]
			}
		}
		dot *= scale
		if c := float64(score.Softcap); c != 0 {
			dot = c * math.Tanh(dot/c)
		}
		if biases != nil {
			dot += biases[j]
		}
		ps[j], high = dot, max(high, dot)
	}
	if score.Sinks != nil {
		sum = math.Exp(float64(score.Sinks[head]) - high)
	}
	for j, r := range rows {
		if r != nil {
			ps[j] = math.Exp(ps[j] - high)
			sum += ps[j]
		}
	}
	if intValues {
		roundWeights(ps, rows, func(r *oracleRow) float64 { return r.weight })
		roundWeights(ps, rows, func(r *oracleRow) float64 { return r.nearWeight })
	}
	for j, p := range ps {
		if p != 0 {
			for d, v := range rows[j].v {
				o[d] += p * v
			}
		}
	}
	for d := range o {
		if sum != 0 {
			o[d] /= sum
		}
	}
}

// roundWeights rounds the weights of values that are integers, times the values' scales. Each store's are by themselves.
func roundWeights(ps []float64, rows []*oracleRow, scale func(*oracleRow) float64) {
	weighed := make([]float64, len(rows))
	for j, r := range rows {
		if r != nil {
			weighed[j] = ps[j] * scale(r)
		}
	}
	for j, p := range rounded(weighed) {
		if r := rows[j]; r != nil && scale(r) != 0 {
			ps[j] = p / scale(r)
		}
	}
}

func mostOf(x []float64) (most float64) {
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	return most
}

// oracleLevels are the integers that the largest value of a row has.
var oracleLevels = map[string]float64{"q8_0": 127, "q4": 8, "kivi(bits=4)": 8}

// integers tells whether keys and values are multiplied as integers, where queries and weights are rounded.
func (f *fixture) integers() (keys, values bool) {
	if f.ints == nil {
		l := f.layer.filled()
		k, _ := l.keys(f.shape)
		v, _ := l.values(f.shape)
		_, keys = k.(Integers)
		if _, ok := l.Pos.(Infused); ok {
			keys = false // they are read as numbers, which get positions
		}
		_, values = v.(Integers)
		f.ints = &[2]bool{keys, values}
	}
	return f.ints[0], f.ints[1]
}

// rounded rounds every 32 numbers to multiples of 1/127 of the largest.
func rounded(x []float64) []float64 {
	y := make([]float64, len(x))
	for lo := 0; lo < len(x); lo += 32 {
		top := 0.0
		for _, v := range x[lo:min(lo+32, len(x))] {
			top = max(top, math.Abs(v))
		}
		for i := lo; i < min(lo+32, len(x)) && top > 0; i++ {
			y[i] = math.RoundToEven(x[i]/top*127) * top / 127
		}
	}
	return y
}

// TestOracleKnows: every definition of the oracle is of a part that exists, so that none is passed over by a new name.
func TestOracleKnows(t *testing.T) {
	check := func(what string, have []string, defined int, has func(string) bool) {
		n := 0
		for _, name := range have {
			if has(name) {
				n++
			}
		}
		if n != defined {
			t.Errorf("%s: the oracle defines %d, %d of which exist", what, defined, n)
		}
	}
	check("spans", spans.names(), len(oracleSpans), func(s string) bool { return oracleSpans[s] != nil })
	check("codecs", codecs.names(), len(oracleCodecs), func(s string) bool { return oracleCodecs[s] != nil })
	check("schemes", schemes.names(), len(oraclePositions), func(s string) bool { return oraclePositions[s] != nil })
	check("numberings", numberings.names(), len(oracleNumberings), func(s string) bool { return oracleNumberings[s] != nil })
	check("far positions", fars.names(), len(oracleFars), func(s string) bool { return oracleFars[s] != nil })
	check("infusions", schemes.names(), len(oracleInfused), func(s string) bool { return oracleInfused[s] != nil })
	check("biases", schemes.names(), len(oracleBiases), func(s string) bool { return oracleBiases[s] != nil })
	check("temperatures", temps.names(), len(oracleTemps), func(s string) bool { return oracleTemps[s] != nil })
	check("scalings", append(scalings.names(), ""), len(oracleScalings), func(s string) bool { return oracleScalings[s] != nil })
}

// TestOracleRejects: the oracle notices a wrong mask, scale, position and value; it can fail.
func TestOracleRejects(t *testing.T) {
	right := newFixture(t, "span=window(24) pos=rope kv=f32", Shape{Heads: 2, KVHeads: 1, Dim: 8}, 100, 1)
	want := right.oracle(t)
	for _, text := range []string{"span=window(23) pos=rope kv=f32", "span=window(24) pos=rope(adjacent) kv=f32",
		"span=window(24) pos=rope(base=10500) kv=f32", "span=window(24) pos=rope temp=heads(1.01) kv=f32", "span=window(24) pos=rope key=f32 value=f16"} {
		wrong := newFixture(t, text, right.shape, right.n, 1)
		r := wrong.runner(t, right.n, right.n)
		if err := r.all([]int{right.n}); err != nil {
			t.Fatal(err)
		}
		if differ(r.out, want, bound) == nil {
			t.Errorf("%s passes for %s", text, right.text)
		}
	}
	wrong := newFixture(t, right.text, right.shape, right.n, 1)
	wrong.layer.Score.Scale = 0.355
	r := wrong.runner(t, right.n, right.n)
	if err := r.all([]int{right.n}); err != nil {
		t.Fatal(err)
	}
	if differ(r.out, want, bound) == nil {
		t.Errorf("a scale of %v passes for 0.3536", wrong.layer.Score.Scale)
	}
}
