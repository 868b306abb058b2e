package vec

import "math"

// FMA returns a·b + c rounded once to float32, the same bits on every CPU.
//
// The product of two float32 is exact in float64, so only the sum and its rounding to float32 can round twice. That
// matters only when the float64 sum lies exactly half way between two float32; then the sum's own rounding error, exact by
// Knuth's two-sum, says which side the true value is on.
func FMA(a, b, c float32) float32 {
	p, z := float64(a)*float64(b), float64(c)
	s := p + z
	bits := math.Float64bits(s)
	// Below float32's normal range the half-way point moves; results there are rare, so all of them take the slow way.
	if bits&0x1fffffff != 0x10000000 && (s >= 0x1p-126 || s <= -0x1p-126 || s == 0) || s-s != 0 {
		return float32(s)
	}
	t := s - p
	e := (p - (s - t)) + (z - t)
	if e != 0 && bits&1 == 0 { // round to odd: the lost part survives in the last bit
		if (e > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}
