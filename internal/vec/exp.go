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
	for i, v := range x {
		y[i] = v - shift
	}
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

// sigmoid sets y = 1/(1 + e^(−a·x)).
func sigmoid(y, x []float32, a float32) {
	for i, v := range x {
		y[i] = -a * v
	}
	Exp(y, y)
	for i, v := range y {
		y[i] = 1 / (1 + v)
	}
}

// SiLU sets y = x·σ(x); y and x may be the same.
func SiLU(y, x []float32) {
	var s [strip]float32
	for len(x) > 0 {
		n := min(strip, len(x))
		sigmoid(s[:n], x[:n], 1)
		for i, v := range x[:n] {
			y[i] = v * s[i]
		}
		y, x = y[n:], x[n:]
	}
}

// SiLUMul sets y = silu(gate)·up; y may be either.
func SiLUMul(y, gate, up []float32) {
	var s [strip]float32
	for len(gate) > 0 {
		n := min(strip, len(gate))
		SiLU(s[:n], gate[:n])
		for i, v := range up[:n] {
			y[i] = s[i] * v
		}
		y, gate, up = y[n:], gate[n:], up[n:]
	}
}

// Constants of GELU's tanh form: ½x(1 + tanh(√(2/π)(x + 0.044715x³))) = x·σ(2√(2/π)(x + 0.044715x³)).
const (
	geluA = 1.5957691216057308 // 2√(2/π)
	geluB = 0.044715
)

// GELU sets y = gelu(x) in the tanh form; y and x may be the same.
func GELU(y, x []float32) {
	var s [strip]float32
	for len(x) > 0 {
		n := min(strip, len(x))
		for i, v := range x[:n] {
			s[i] = float32(v * FMA(float32(v*v), geluB, 1))
		}
		sigmoid(s[:n], s[:n], geluA)
		for i, v := range x[:n] {
			y[i] = v * s[i]
		}
		y, x = y[n:], x[n:]
	}
}

// GELUMul sets y = gelu(gate)·up; y may be either.
func GELUMul(y, gate, up []float32) {
	var s [strip]float32
	for len(gate) > 0 {
		n := min(strip, len(gate))
		GELU(s[:n], gate[:n])
		for i, v := range up[:n] {
			y[i] = s[i] * v
		}
		y, gate, up = y[n:], gate[n:], up[n:]
	}
}

// GELUErf sets y = ½x(1 + erf(x/√2)), computed in float64; y and x may be the same.
func GELUErf(y, x []float32) {
	for i, v := range x {
		y[i] = float32(float64(0.5*float64(v)) * (1 + math.Erf(float64(v)*(1/math.Sqrt2))))
	}
}

// ReLU sets y = max(x, 0); y and x may be the same.
func ReLU(y, x []float32) {
	for i, v := range x {
		y[i] = max(v, 0)
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
