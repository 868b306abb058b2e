package vec

import (
	"math"
	"math/bits"
)

// Passes over the logits of a whole vocabulary: what a sampler needs to know of 262,144 numbers before it looks at a few.

// Strip is how many neighbours StripMax and SumExp take together: a strip is 256 bytes.
const Strip = 64

// StripMax sets high[s] to the largest of x[64s : 64s+64], as Max does. len(x) ≥ 64·len(high).
func StripMax(high, x []float32) {
	if len(high) == 0 {
		return
	}
	_ = x[len(high)*Strip-1]
	if simd {
		stripMaxLoop(&high[0], &x[0], len(high))
		return
	}
	stripMaxGo(high, x)
}

func stripMaxGo(high, x []float32) {
	for s := range high {
		high[s] = maxGo(x[s*Strip:(s+1)*Strip]) + 0
	}
}

// Lanes are partial sums in float64: element k belongs to lane k mod 16.
type Lanes [lanes]float64

// Total adds the lanes, halving as tree does.
func (l *Lanes) Total() float64 {
	t := *l
	for n := lanes / 2; n > 0; n /= 2 {
		for i := range n {
			t[i] += t[i+n]
		}
	}
	return t[0]
}

// Constants of SumExp: e^r = 1 + r + r²(c0 + c1·r + c2·r² + c3·r³) within 1.1e-7 of its value on |r| ≤ ln2/2 (minimax).
const (
	sumLo = -86 // a normal float32 still, with all that it is multiplied by
	ln2   = 0.693147182464599609375
	sumC0 = 0.4999923
	sumC1 = 0.16667114
	sumC2 = 0.041890156
	sumC3 = 0.008312521
)

// SumExp adds e^(x−shift) of every element to the lanes; len(x) is a multiple of 64 and no element is above shift. It is for
// normalisers: within 2e-7 of what Exp would give, at less than two thirds of the time. What is below shift − 86, and NaN, adds
// e^−86. The four terms of a lane in a strip are added in float32 first.
func SumExp(sum *Lanes, x []float32, shift float32) {
	if n := len(x) / Strip; n > 0 {
		if simd {
			sumExpLoop(sum, &x[0], n, shift)
		} else {
			sumExpGo(sum, x, shift)
		}
	}
}

func sumExpGo(sum *Lanes, x []float32, shift float32) {
	for ; len(x) >= Strip; x = x[Strip:] {
		for i := range sum {
			a, b := sumExp1(x[i]-shift), sumExp1(x[i+lanes]-shift)
			c, d := sumExp1(x[i+2*lanes]-shift), sumExp1(x[i+3*lanes]-shift)
			sum[i] += float64((a + b) + (c + d))
		}
	}
}

func sumExp1(x float32) float32 {
	if !(x > sumLo) {
		x = sumLo
	}
	t := FMA(x, log2e, magic)
	r := FMA(t-magic, -ln2, x)
	p := FMA(sumC3, r, sumC2)
	p = FMA(p, r, sumC1)
	p = FMA(p, r, sumC0)
	p = FMA(p, r, 1)
	p = FMA(p, r, 1)
	return math.Float32frombits(math.Float32bits(p) + math.Float32bits(t)<<23)
}

// SumFrom returns how many of key are at least least, and the sum of their p, in lanes. len(p) ≥ len(key).
func SumFrom(key, p []float32, least float32) (n int, sum float64) {
	var l Lanes
	p = p[:len(key)]
	if m := len(key) &^ (lanes - 1); simd && m > 0 {
		n = sumFromLoop(&l, &key[0], &p[0], m, least)
		key, p = key[m:], p[m:]
	}
	n += sumFromGo(&l, key, p, least)
	return n, l.Total()
}

func sumFromGo(sum *Lanes, key, p []float32, least float32) (n int) {
	for i, k := range key {
		if k >= least {
			n++
			sum[i%lanes] += float64(p[i])
		}
	}
	return n
}

// SumProd returns Σ p·(x − shift), fused in float64 lanes; x − shift is float32 and at least the lowest number, so that a p of 0 adds
// nothing where x is −∞. len(x) ≥ len(p).
func SumProd(p, x []float32, shift float32) float64 {
	var l Lanes
	x = x[:len(p)]
	if m := len(p) &^ (lanes - 1); simd && m > 0 {
		sumProdLoop(&l, &p[0], &x[0], m, shift)
		p, x = p[m:], x[m:]
	}
	sumProdGo(&l, p, x, shift)
	return l.Total()
}

func sumProdGo(sum *Lanes, p, x []float32, shift float32) {
	for i, q := range p {
		d := x[i] - shift
		if !(d > -math.MaxFloat32) {
			d = -math.MaxFloat32
		}
		sum[i%lanes] = math.FMA(float64(q), float64(d), sum[i%lanes])
	}
}

// Near sets y = −|at − x|, computed in float64.
func Near(y, x []float32, at float64) {
	y = y[:len(x)]
	n := 0
	if simd {
		if n = len(x) &^ 7; n > 0 {
			nearLoop(&y[0], &x[0], n, at)
		}
	}
	nearGo(y[n:], x[n:], at)
}

func nearGo(y, x []float32, at float64) {
	for i, v := range x {
		y[i] = -float32(math.Abs(at - float64(v)))
	}
}

// Pick copies the pairs id[i], x[i] with lo ≤ key[i] < hi to the front of ids and xs, in order, and returns how many there are.
// All have the length of key; what follows the pairs is overwritten. ids may be id, and xs may be x.
func Pick(ids []int32, xs []float32, id []int32, x, key []float32, lo, hi float32) int {
	n := len(key)
	ids, xs, id, x = ids[:n], xs[:n], id[:n], x[:n]
	have, from := 0, 0
	if m := n &^ (lanes - 1); simd && m > 0 {
		have = pickLoop(&ids[0], &xs[0], &id[0], &x[0], &key[0], m, lo, hi)
		from = m
	}
	return have + pickGo(ids[have:], xs[have:], id[from:], x[from:], key[from:], lo, hi)
}

func pickGo(ids []int32, xs []float32, id []int32, x, key []float32, lo, hi float32) int {
	n := 0
	for i, k := range key {
		ids[n], xs[n] = id[i], x[i]
		if k >= lo && k < hi {
			n++
		}
	}
	return n
}

// packs[m] are the places of the bits set in m, in order: the permutation that brings the elements chosen by m to the front.
var packs = func() (t [256][8]int32) {
	for m := range t {
		for i, b := 0, uint8(m); b != 0; i, b = i+1, b&(b-1) {
			t[m][i] = int32(bits.TrailingZeros8(b))
		}
	}
	return t
}()
