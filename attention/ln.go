package attention

import "math"

// ln returns the natural logarithm of x ≥ 1, by FreeBSD's polynomials (relative error 2e-16). math.Log has other last bits on some
// CPUs.
func ln(x float64) float64 {
	f, exp := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f *= 2
		exp--
	}
	f--
	k := float64(exp)
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	a := float64(s4*1.479819860511658591e-01) + 1.818357216161805012e-01
	a = float64(s4*a) + 2.857142874366239149e-01
	a = float64(s4*a) + 6.666666666666735130e-01
	b := float64(s4*1.531383769920937332e-01) + 2.222219843214978396e-01
	b = float64(s4*b) + 3.999999999940941908e-01
	r := float64(s2*a) + float64(s4*b)
	half := float64(float64(0.5*f) * f)
	low := float64(s*(half+r)) + float64(k*1.90821492927058770002e-10)
	return float64(k*6.93147180369123816490e-01) - ((half - low) - f)
}
