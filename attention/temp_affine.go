package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	temps.add("affine", func(a *args, _ Temperature) (Temperature, error) {
		return Affine{a.number("slope", 0), a.number("first", 1)}, nil
	}, "affine(slope=0.1,first=0.8)")
}

// Affine multiplies by First + Slope·ln n at the n-th position: a line in ln n, as it is fitted to the temperatures that predict
// best at each length (SWAN-GPT).
type Affine struct {
	Slope float64
	First float64 // at the first position
}

// Factor implements Temperature.
func (a Affine) Factor(_ int, pos seq.Pos) float32 {
	return float32(a.First + float64(a.Slope*ln(float64(pos)+1)))
}

// Check implements Temperature.
func (a Affine) Check(int) error {
	if !(a.First > 0 && a.First <= maxTemp) || !(a.Slope >= 0 && a.Slope <= maxTemp) {
		return fmt.Errorf("slope=%v, first=%v are not from 0 to %d, first above 0", a.Slope, a.First, maxTemp)
	}
	return nil
}

func (a Affine) String() string {
	return term("affine", "slope="+num(a.Slope), "first="+num(a.First))
}
