package quant

import "math"

// This file searches for the scales of block formats: given a few values and what an error in each of them costs, find
// a step (and an offset) and the integers to store. The searches are those with which GGUF files are usually made, down
// to the order of the float32 operations, so that Encode gives the same bytes. Products that feed a sum are converted
// explicitly, float32(x*y), which keeps compilers from fusing them: on arm64 and amd64 alike the result has the bits of
// separate multiplication and addition.

// tiny is the largest magnitude below which a group is stored as zeros.
const tiny = 1e-15

// nearestInt rounds to the nearest integer, ties to even, for |x| < 2^22. It is defined for every x, by the low bits of
// x + 1.5*2^23; for NaN it is 0.
func nearestInt(x float32) int {
	v := float32(x) + 0x1.8p23 // x is often a product
	if v != v {                // the payload of a NaN depends on the CPU
		return 0
	}
	return int(math.Float32bits(v)&0x7fffff) - 0x400000
}

// truncInt drops the fraction. What does not fit an int32, or is NaN, gives the smallest int32 on every CPU.
func truncInt(x float32) int32 {
	if !(x >= -0x1p31 && x < 0x1p31) {
		return math.MinInt32
	}
	return int32(x)
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// sumSquares adds the squares in order.
func sumSquares(x []float32) float32 {
	var s float32
	for _, v := range x {
		s += float32(v * v)
	}
	return s
}

// meanSquare is that of a row with importance; without, nothing needs it and it is 0.
func meanSquare(x, importance []float32) float32 {
	if importance == nil {
		return 0
	}
	return sumSquares(x) / float32(len(x))
}

// weigh turns the importance of columns into the cost of errors in the values x of those columns: large values
// cost more, with s2, a multiple of the mean square around them, as a floor.
func weigh(w, importance, x []float32, s2 float32) {
	for i, v := range x {
		w[i] = importance[i] * sqrt32(s2+float32(v*v))
	}
}

// extreme is the value of largest magnitude, the first of those if there are several, and its magnitude.
func extreme(x []float32) (v, magnitude float32) {
	for _, e := range x {
		if a := abs32(e); a > magnitude {
			v, magnitude = e, a
		}
	}
	return v, magnitude
}

// roundSymmetric quantises x to q in 0..2*half-1 for the value d*(q-half), and returns d. The value of largest
// magnitude becomes q=0.
func roundSymmetric(q *[32]uint8, x *[32]float32, half int32) float32 {
	v, _ := extreme(x[:])
	d := v / -float32(half)
	var inv float32
	if d != 0 {
		inv = 1 / d
	}
	for i, v := range x {
		q[i] = uint8(min(truncInt(float32(v*inv)+(float32(half)+0.5)), 2*half-1))
	}
	return d
}

// roundRange quantises x to q in 0..top for the value d*q+low, from the smallest to the largest x.
func roundRange(q *[32]uint8, x *[32]float32, top int32) (d, low float32) {
	low, high := float32(math.MaxFloat32), float32(-math.MaxFloat32)
	for _, v := range x {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	d = (high - low) / float32(top)
	var inv float32
	if d != 0 {
		inv = 1 / d
	}
	for i, v := range x {
		q[i] = uint8(min(truncInt(float32((v-low)*inv)+0.5), top))
	}
	return d, low
}

// fitScale finds the scale s and q in 0..2*half-1 that make the sum of w*(x - s*(q-half))^2 small, trying 19 scales
// around the one that just holds the largest value. Without weights, w = x^2. Values that are all tiny give 0 and q = 0.
func fitScale(q []uint8, x, w []float32, half int) float32 {
	top, magnitude := extreme(x)
	if magnitude < tiny {
		clear(q)
		return 0
	}
	// project is the best scale for the integers of step 1/inv, as a fraction: Σwxl / Σwl².
	project := func(inv float32) (xl, ll float32) {
		for i, v := range x {
			l := float32(max(-half, min(half-1, nearestInt(inv*v))))
			var c float32
			if w != nil {
				c = w[i]
			} else {
				c = v * v
			}
			xl += float32(c * v * l)
			ll += float32(c * l * l)
		}
		return xl, ll
	}
	store := func(inv float32) {
		for i, v := range x {
			q[i] = uint8(half + max(-half, min(half-1, nearestInt(inv*v))))
		}
	}
	inv := -float32(half) / top
	store(inv)
	xl, ll := project(inv)
	var scale float32
	if ll != 0 {
		scale = xl / ll
	}
	best := scale * xl
	for k := -9; k <= 9; k++ {
		if k == 0 {
			continue
		}
		inv := -(float32(half) + float32(0.1*float32(k))) / top
		xl, ll := project(inv)
		if ll > 0 && xl*xl > best*ll {
			store(inv)
			scale = xl / ll
			best = scale * xl
		}
	}
	return scale
}

// descendScale is fitScale with w = x^2 by another search: from the scale that just holds the largest value, it moves
// one integer at a time while that helps, in at most 5 rounds.
func descendScale(q []uint8, x []float32, half int) float32 {
	top, magnitude := extreme(x)
	if magnitude < tiny {
		clear(q)
		return 0
	}
	inv := -float32(half) / top
	var l [32]int
	var xl, ll float32
	for i, v := range x {
		l[i] = max(-half, min(half-1, nearestInt(inv*v)))
		w, n := v*v, float32(l[i])
		xl += float32(w * v * n)
		ll += float32(w * n * n)
	}
	for range 5 {
		changed := false
		for i, v := range x {
			w, n := v*v, float32(l[i])
			xl1 := xl - float32(w*v*n)
			if !(xl1 > 0) {
				continue
			}
			ll1 := ll - float32(w*n*n)
			k := max(-half, min(half-1, nearestInt(v*ll1/xl1)))
			if k == l[i] {
				continue
			}
			n = float32(k)
			xl1 += float32(w * v * n)
			ll1 += float32(w * n * n)
			if ll1 > 0 && xl1*xl1*ll > xl*xl*ll1 {
				l[i], xl, ll, changed = k, xl1, ll1, true
			}
		}
		if !changed {
			break
		}
	}
	for i := range q {
		q[i] = uint8(l[i] + half)
	}
	if ll > 0 {
		return xl / ll
	}
	return 0
}

// grid says which scales fitScaleMin tries: those for which the range of the values is first + i*step beyond the top
// integer, i from 0 to steps.
type grid struct {
	first, step float32
	steps       int
}

// weightedGrid is the finer grid for rows with importance.
var weightedGrid = grid{-0.9, 0.05, 36}

// fitScaleMin finds a scale s, a minimum low >= 0 and q in 0..top that make the sum of w*(x - (s*q - low))^2 small, or
// with linear the sum of w*|x - (s*q - low)|. For each scale of the grid it takes the integers and solves for the best
// scale and minimum by least squares. A constant that is not positive gives s = 0.
func fitScaleMin(q []uint8, x, w []float32, top int, g grid, linear bool) (s, low float32) {
	lo, hi := x[0], x[0]
	sw, sx := w[0], float32(w[0]*x[0])
	for i, v := range x[1:] {
		if v < lo {
			lo = v
		}
		if v > hi {
			hi = v
		}
		c := w[i+1]
		sw += c
		sx += float32(c * v)
	}
	if lo > 0 {
		lo = 0
	}
	if hi <= lo {
		clear(q)
		return 0, -lo
	}
	inv := float32(top) / (hi - lo)
	s = 1 / inv
	roundAbove(q, x, lo, inv, top)
	best := costOf(q, x, w, s, lo, linear)
	var buf [32]uint8
	l := buf[:len(x)]
	for k := 0; k <= g.steps; k++ { // with the best minimum so far, not the values' own
		inv := (g.first + float32(g.step*float32(k)) + float32(top)) / (hi - lo)
		roundAbove(l, x, lo, inv, top)
		var sl, sll, sxl float32
		for i, v := range x {
			n := float32(l[i])
			c := w[i] * n
			sl += float32(c) // not fused
			sll += float32(c * n)
			sxl += float32(c * v)
		}
		det := float32(sw*sll) - float32(sl*sl)
		if !(det > 0) {
			continue
		}
		s1 := (float32(sw*sxl) - float32(sx*sl)) / det
		lo1 := (float32(sll*sx) - float32(sl*sxl)) / det
		if lo1 > 0 {
			lo1, s1 = 0, sxl/sll
		}
		if e := costOf(l, x, w, s1, lo1, linear); e < best {
			copy(q, l)
			best, s, lo = e, s1, lo1
		}
	}
	return s, -lo
}

// roundAbove quantises x to 0..top with offset lo and scale 1/inv.
func roundAbove(q []uint8, x []float32, lo, inv float32, top int) {
	q = q[:len(x)]
	for i, v := range x {
		q[i] = uint8(max(0, min(top, nearestInt(inv*(v-lo)))))
	}
}

// costOf adds up w*(s*q + lo - x)^2, or with linear w*|s*q + lo - x|.
func costOf(q []uint8, x, w []float32, s, lo float32, linear bool) (sum float32) {
	q, w = q[:len(x)], w[:len(x)]
	for i, v := range x {
		e := float32(s*float32(q[i])) + lo - v
		if linear {
			e = abs32(e)
		} else {
			e *= e
		}
		sum += float32(w[i] * e)
	}
	return sum
}

// fitUnsigned finds a scale s and q in 0..top for values x >= 0 that make the sum of w*(x - s*q)^2 small: the best of 9
// scales, then single moves as in descendScale. Values that are all tiny give 0 and q = 0.
func fitUnsigned(q []uint8, x, w []float32, top int) float32 {
	var hi float32
	for _, v := range x {
		if !(hi > v) {
			hi = v
		}
	}
	if hi < tiny {
		clear(q)
		return 0
	}
	cost := func(inv float32) (sum float32) {
		s := 1 / inv
		for i, v := range x {
			e := v - float32(s*float32(min(top, nearestInt(inv*v))))
			sum += float32(w[i] * e * e)
		}
		return sum
	}
	inv := float32(top) / hi
	best := cost(inv)
	for k := -4; k <= 4; k++ {
		try := (float32(0.1*float32(k)) + float32(top)) / hi
		if k == 0 {
			continue
		}
		if e := cost(try); e < best {
			best, inv = e, try
		}
	}
	var xl, ll float32
	for i, v := range x {
		l := min(top, nearestInt(inv*v))
		q[i] = uint8(l)
		n := float32(l)
		xl += float32(w[i] * v * n)
		ll += float32(w[i] * n * n)
	}
	for range 5 {
		changed := false
		for i, v := range x {
			c, n := w[i], float32(q[i])
			xl1, ll1 := xl-float32(c*v*n), ll-float32(c*n*n)
			if !(xl1 > 0 && ll1 > 0) {
				continue
			}
			l := min(top, nearestInt(v*ll1/xl1))
			if l == int(q[i]) {
				continue
			}
			n = float32(l)
			xl1 += float32(c * v * n)
			ll1 += float32(c * n * n)
			if xl1*xl1*ll > xl*xl*ll1 {
				q[i], xl, ll, changed = uint8(l), xl1, ll1, true
			}
		}
		if !changed {
			break
		}
	}
	if ll > 0 {
		return xl / ll
	}
	return 0
}
