package vec

import (
	"math"
	"math/big"
)

// fmaExact computes a·b + c with enough bits to be exact, and rounds once.
func fmaExact(a, b, c float32) float32 {
	for _, v := range []float32{a, b, c} {
		if v-v != 0 { // infinite or NaN: no rounding
			return float32(float64(a)*float64(b) + float64(c))
		}
	}
	bf := func(v float32) *big.Float { return new(big.Float).SetPrec(700).SetFloat64(float64(v)) }
	p := bf(a)
	p.Mul(p, bf(b))
	p.Add(p, bf(c))
	if p.Sign() == 0 { // big.Float has its own rule for the sign of zero
		return float32(math.FMA(float64(a), float64(b), float64(c)))
	}
	f, _ := p.Float32()
	return f
}
