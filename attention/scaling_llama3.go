package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	scalings.add("llama3", func(a *args, _ Scaling) (Scaling, error) {
		return Llama3{a.number("factor", 1), a.number("low", 0), a.number("high", 0), a.whole("orig", 0)}, nil
	}, "llama3(factor=8,orig=64)")
}

// Llama3 is Llama 3.1's scaling: pairs that turn fewer than Low times within the trained context are slowed by
// Factor, those that turn more than High times are left, and between it interpolates.
type Llama3 struct {
	Factor    float64
	Low, High float64 // 0: 1 and 4
	Orig      int     // trained context
}

func (l Llama3) turns() (low, high float64) {
	low, high = l.Low, l.High
	if low == 0 {
		low = 1
	}
	if high == 0 {
		high = 4
	}
	return low, high
}

// Freqs implements Scaling.
func (l Llama3) Freqs(dst []float64, _ float64, _ seq.Pos) {
	low, high := l.turns()
	for i, f := range dst {
		turns := float64(l.Orig) * f / (2 * math.Pi)
		smooth := min(max((turns-low)/(high-low), 0), 1)
		dst[i] = float64(f/l.Factor*(1-smooth)) + float64(f*smooth)
	}
}

// Magnitude implements Scaling.
func (Llama3) Magnitude(seq.Pos) float64 { return 1 }

// Check implements Scaling.
func (l Llama3) Check(int) (fixed bool, err error) {
	low, high := l.turns()
	if l.Orig < 1 || !(low > 0) || !(high > low) || math.IsInf(high, 0) {
		return false, fmt.Errorf("orig=%d, low=%v, high=%v are not positive and rising", l.Orig, low, high)
	}
	return true, atLeastOne(l.Factor)
}

func (l Llama3) String() string {
	return term("llama3", "factor="+num(l.Factor), optInt("orig", l.Orig), optNum("low", l.Low), optNum("high", l.High))
}
