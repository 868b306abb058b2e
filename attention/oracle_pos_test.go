package attention

import (
	"math"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// oracleTemps say by what the dot products of a query head are multiplied.
var oracleTemps = map[string]func(p part, head int, pos float64) float64{
	"log": func(p part, _ int, pos float64) float64 {
		return math.Max(1, math.Log(pos+1)/math.Log(p.num["orig"]))
	},
	"floor": func(p part, _ int, pos float64) float64 { // transformers' Llama4TextAttention
		return math.Log(math.Floor((pos+1)/p.num["orig"])+1)*p.get("scale", 0.1) + 1
	},
	"affine": func(p part, _ int, pos float64) float64 { return p.num["slope"]*math.Log(pos+1) + p.get("first", 1) },
	"heads": func(p part, head int, _ float64) float64 {
		if len(p.list) == 1 {
			head = 0
		}
		return p.list[head]
	},
}

// temper returns the factor of a query head's dot products at a position.
func (f *fixture) temper() func(head, pos int) float64 {
	text := readPlan(f.text)["temp"]
	if text == "" {
		return func(int, int) float64 { return 1 }
	}
	if p := readSum(text)[0]; oracleTemps[p.name] != nil {
		return func(head, pos int) float64 { return oracleTemps[p.name](p, head, float64(pos)) }
	}
	return func(head, pos int) float64 { return float64(f.layer.Temp.Factor(head, seq.Pos(pos))) }
}

// oracleBiases are what schemes add to the logit of a query at q for the key at k ≤ q.
var oracleBiases = map[string]func(f *fixture, p part, head, q, k int) float64{
	"alibi": func(f *fixture, p part, head, q, k int) float64 {
		// Closest powers of two as in the authors' code and transformers' build_alibi_tensor.
		n := math.Exp2(math.Floor(math.Log2(float64(f.shape.Heads))))
		slope := math.Pow(2, -p.get("max", 8)/n*float64(head+1))
		if head >= int(n) {
			slope = math.Pow(2, -p.get("max", 8)/(2*n)*float64(2*(head-int(n))+1))
		}
		return -slope * math.Min(float64(q-k), p.get("cap", math.Inf(1)))
	},
	"t5": func(f *fixture, p part, head, q, k int) float64 {
		buckets, d := p.get("buckets", 32), float64(q-k)
		if exact := buckets / 2; d >= exact {
			d = math.Min(exact+math.Floor(math.Log(d/exact)/math.Log(p.get("max", 128)/exact)*(buckets-exact)), buckets-1)
		}
		return float64(f.layer.Pos.(T5).Biases[int(d)*f.shape.Heads+head])
	},
	"fire": func(f *fixture, _ part, head, q, k int) float64 {
		// The network itself, as the authors' code has it.
		m := f.layer.Pos.(FIRE)
		psi := func(x float64) float64 { return math.Log(math.Abs(m.C*x) + 1) }
		x, y := psi(float64(q-k))/(psi(math.Max(float64(q), m.From))+1e-6), float64(m.OutBias[head])
		for i, w := range m.In {
			y += float64(m.Out[head*len(m.In)+i]) * math.Max(0, float64(w)*x+float64(m.InBias[i]))
		}
		return y
	},
}

// oracleInfused are the rows that have position 0 for a query, in schemes that add positions to keys as they are read.
var oracleInfused = map[string]func(p part, q int) int{
	"pia": func(p part, q int) int {
		segment := 0
		for segment+int(p.get("segment", 512)) <= q {
			segment += int(p.get("segment", 512))
		}
		return max(0, segment-int(p.get("cache", 512)))
	},
}

// first returns the row that has position 0 for a query, which sees none before; with other schemes 0.
func (f *fixture) first() func(q int) int {
	p := readSum(readPlan(f.text)["pos"])[0]
	if of := oracleInfused[p.name]; of != nil {
		return func(q int) int { return of(p, q) }
	}
	return func(int) int { return 0 }
}

// infused returns what makes row k of a KV head as the query at q reads it; nil: that is how it is stored.
func (f *fixture) infused(t testing.TB, head int) func(r *oracleRow, q, k int) *oracleRow {
	of, ok := f.layer.Pos.(Infused)
	if !ok {
		return nil
	}
	first, keys, norm := f.first(), of.Projected().Keys, of.Projected().Norm
	back := f.basis(t, f.layer.filled().Key, true, head).back
	return func(r *oracleRow, q, k int) *oracleRow {
		n := *r
		if n.scale != nil { // a sealed key is in the basis of its tile
			n.k, n.scale, n.low = back(n.k), nil, nil
		}
		at := keys[((k-first(q))*f.shape.KVHeads+head)*f.shape.Dim:]
		x := make([]float32, len(n.k))
		for d, v := range n.k {
			x[d] = float32(v + float64(at[d]))
		}
		if norm != nil {
			norm(x)
		}
		n.k = wide(x)
		return &n
	}
}

// oracleNumberings are the positions of rows.
var oracleNumberings = map[string]func(p part, row float64) float64{
	"even": func(p part, row float64) float64 {
		if row >= p.num["len"] {
			return p.num["max"] - p.num["len"] + row
		}
		return math.Floor(row * (p.num["max"] - 1) / (p.num["len"] - 1))
	},
	"skip": func(p part, row float64) float64 {
		if row < p.num["from"] {
			return row
		}
		return row + p.num["by"]
	},
}

// posSum returns the terms of pos without a numbering, and the numbering, nil if there is none.
func (f *fixture) posSum(t testing.TB) (sum []part, ids func(row int) int) {
	sum = readSum(readPlan(f.text)["pos"])
	last := sum[len(sum)-1]
	if !numberings.has(last.name) {
		return sum, func(row int) int { return row }
	}
	sum = sum[:len(sum)-1]
	if oracleNumberings[last.name] != nil {
		return sum, func(row int) int { return int(oracleNumberings[last.name](last, float64(row))) }
	}
	n, err := f.layer.Ids.Fit()
	if err != nil {
		t.Fatal(err)
	}
	return sum, func(row int) int { return int(n.At(seq.Pos(row))) }
}

// biases returns what is added to the logits of a query head.
func (f *fixture) biases(t testing.TB) func(head, q, k int) float64 {
	sum, at := f.posSum(t)
	if p := sum[0]; oracleBiases[p.name] != nil {
		return func(head, q, k int) float64 { return oracleBiases[p.name](f, p, head, at(q), at(k)) }
	}
	biased, ok := f.layer.Pos.(Biased)
	if !ok {
		return func(int, int, int) float64 { return 0 }
	}
	b, err := biased.Bias(f.shape.Heads)
	if err != nil {
		t.Fatal(err)
	}
	row, y := make([]float32, b.Width()), make([]float32, 1)
	return func(head, q, k int) float64 {
		b.Row(row, seq.Pos(at(q)), []seq.Pos{seq.Pos(at(k))})
		y[0] = 0
		b.Add(y, head, row)
		return float64(y[0])
	}
}

// oraclePositions are the schemes: each turns x, the vector of row pos.
var oraclePositions = map[string]func(f *fixture, sum []part, x []float64, pos int){
	"none":  func(*fixture, []part, []float64, int) {},
	"pia":   func(*fixture, []part, []float64, int) {},
	"alibi": func(*fixture, []part, []float64, int) {},
	"t5":    func(*fixture, []part, []float64, int) {},
	"fire":  func(*fixture, []part, []float64, int) {},
	"rope": func(f *fixture, sum []part, x []float64, pos int) {
		scaling := part{}
		if len(sum) > 1 {
			scaling = sum[1]
		}
		base, dims := sum[0].get("base", 10000), sum[0].get("dims", float64(len(x)))
		half := int(dims) / 2
		for i := range half {
			freq, mag := oracleScalings[scaling.name](f, scaling, base, dims, i, pos)
			a, b := i, i+half
			if sum[0].num["adjacent"] == 1 {
				a, b = 2*i, 2*i+1
			}
			// In float32 as models were trained; a last bit more would make f16 round some keys elsewhere, which is
			// 2⁻¹¹ of a product, more than all that is to be noticed.
			r := func(x float64) float64 { return float64(float32(x)) }
			sin, cos := math.Sincos(float64(pos) * freq)
			sin, cos = r(mag*sin), r(mag*cos)
			x[a], x[b] = r(r(x[a]*cos)-r(x[b]*sin)), r(r(x[b]*cos)+r(x[a]*sin))
		}
	},
}

// positions returns what puts the position of a row into a vector.
func (f *fixture) positions(t testing.TB) func(x []float64, pos int) {
	sum, at := f.posSum(t)
	if known(oraclePositions, sum[:1]) && known(oracleScalings, sum[1:]) {
		return func(x []float64, row int) { oraclePositions[sum[0].name](f, sum, x, at(row)) }
	}
	p, err := f.layer.Pos.Fit(f.shape.Dim)
	if err != nil {
		t.Fatal(err)
	}
	return func(x []float64, pos int) {
		if p == nil {
			return
		}
		row, y := make([]float32, p.Width()), make([]float32, len(x))
		for i, v := range x {
			y[i] = float32(v)
		}
		p.Row(row, seq.Pos(at(pos)))
		p.Apply(y, row)
		for i, v := range y {
			x[i] = float64(v)
		}
	}
}
