package sample

import "math"

// ln is the natural logarithm, within 2 ulp, of finite x > 0. math.Log has assembly versions, and Go may fuse its products
// with its sums; this one gives the same bits everywhere: each product is rounded by a conversion.
func ln(x float64) float64 {
	if x <= 0 {
		return math.Inf(-1)
	}
	m, e := math.Frexp(x) // ½ ≤ m < 1
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	// ln m = 2 artanh s = 2 (s + s³/3 + s⁵/5 + …) with |s| ≤ 0.1716: 11 terms leave 2⁻⁵⁹.
	s := (m - 1) / (m + 1)
	s2 := s * s
	sum := 0.0
	for k := 23; k >= 3; k -= 2 {
		sum = float64(sum*s2) + 1/float64(k)
	}
	sum = float64(sum*s2) + 1
	return float64(float64(e)*math.Ln2) + float64(2*float64(s*sum))
}

// exp is e^x for x ≤ 0, with relative error below 1e-14 (that is |x|·ε at worst), for the same reason as ln.
func exp(x float64) float64 {
	if x < -700 {
		return 0
	}
	n := math.Floor(x/math.Ln2 + 0.5)
	r := x - float64(n*math.Ln2)
	sum := 1.0
	for k := 14; k >= 1; k-- {
		sum = float64(sum*r)/float64(k) + 1
	}
	return math.Ldexp(sum, int(n))
}

// pow is x^y for 0 ≤ x ≤ 1, y ≥ 0.
func pow(x, y float64) float64 {
	switch {
	case y == 0 || x >= 1:
		return 1
	case x <= 0:
		return 0
	}
	return exp(y * ln(x))
}
