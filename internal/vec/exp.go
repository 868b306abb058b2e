package vec

import "math"

// Exp's constants. Its result is within 2 ulp of e^x. Below expLo, where float32 would become subnormal (and slow), it is 0;
// above expHi, a little before float32 ends, it is +∞.
const (
	expLo = -87.33654
	expHi = 88.37626
	log2e = 1.44269504088896341
	magic = 12582912 // 1.5·2²³: adding it rounds to an integer, held in the low bits
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
	expC0 = 1.9875691500e-4 // minimax coefficients of (e^r − 1 − r)/r² on |r| ≤ ln2/2 (Cephes expf)
	expC1 = 1.3981999507e-3
	expC2 = 8.3334519073e-3
	expC3 = 4.1665795894e-2
	expC4 = 1.6666665459e-1
	expC5 = 5.0000001201e-1
)

func exp1(x float32) float32 {
	switch {
	case x < expLo:
		return 0
	case x > expHi:
		return float32(math.Inf(1))
	case x != x:
		return x
	}
	t := FMA(x, log2e, magic)
	n := t - magic
	r := FMA(n, -ln2Hi, x)
	r = FMA(n, -ln2Lo, r)
	p := FMA(expC0, r, expC1)
	p = FMA(p, r, expC2)
	p = FMA(p, r, expC3)
	p = FMA(p, r, expC4)
	p = FMA(p, r, expC5)
	p = FMA(p, float32(r*r), r) + 1
	return p * math.Float32frombits((math.Float32bits(t)+127)<<23)
}

func expGo(y, x []float32) {
	for i, v := range x {
		y[i] = exp1(v)
	}
}

// Exp sets y = e^x; y and x may be the same.
func Exp(y, x []float32) {
	if simd {
		expSIMD(y[:len(x)], x)
		return
	}
	expGo(y[:len(x)], x)
}

// ExpSum sets y = e^(x−shift) and returns Sum(y); y and x may be the same.
func ExpSum(y, x []float32, shift float32) float32 {
	y = y[:len(x)]
	shiftTo(y, x, shift)
	Exp(y, y)
	return Sum(y)
}

// Softmax turns x into probabilities.
func Softmax(x []float32) {
	if len(x) > 0 {
		Scale(x, 1/ExpSum(x, x, Max(x)))
	}
}

// strip is how many elements the activations keep on the stack.
const strip = 256

// SiLUMul sets y = gate·σ(gate)·up; y may be either.
func SiLUMul(y, gated, up []float32) {
	var s [strip]float32
	for len(gated) > 0 {
		n := min(strip, len(gated))
		scaleTo(s[:n], gated[:n], -1)
		Exp(s[:n], s[:n])
		gate(y[:n], gated[:n], s[:n], up[:n])
		y, gated, up = y[n:], gated[n:], up[n:]
	}
}

// Constants of GELU's tanh form: ½x(1 + tanh(√(2/π)(x + 0.044715x³))) = x·σ(2√(2/π)(x + 0.044715x³)).
const (
	geluA = 1.5957691216057308 // 2√(2/π)
	geluB = 0.044715
)

// GELUMul sets y = gelu(gate)·up, gelu in the tanh form; y may be either.
func GELUMul(y, gated, up []float32) {
	var s [strip]float32
	for len(gated) > 0 {
		n := min(strip, len(gated))
		cubic(s[:n], gated[:n], geluA, geluB)
		Exp(s[:n], s[:n])
		gate(y[:n], gated[:n], s[:n], up[:n])
		y, gated, up = y[n:], gated[n:], up[n:]
	}
}

// Tanh sets y = tanh(x) = 1 − 2/(e^(2x) + 1); y and x may be the same. Near 0 its absolute error is 1e-7.
func Tanh(y, x []float32) {
	for i, v := range x {
		y[i] = 2 * v
	}
	Exp(y[:len(x)], y[:len(x)])
	for i, v := range y[:len(x)] {
		y[i] = 1 - 2/(v+1)
	}
}

// Softcap sets x = c·tanh(x/c).
func Softcap(x []float32, c float32) {
	Scale(x, 1/c)
	Tanh(x, x)
	Scale(x, c)
}
