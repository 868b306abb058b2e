package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	scalings.add("power", func(a *args, _ Scaling) (Scaling, error) { return Power{a.number("k", 0)}, nil },
		"power(k=0.5)")
}

// Power slows pair i of h to (1 − i/h)^K of its frequency (Giraffe's power basis, arXiv 2308.10882): fast pairs hardly, the
// slowest almost to a stop. K of 0 is plain RoPE.
type Power struct{ K float64 } // in thousandths, so that every CPU has the same bits

// Freqs implements Scaling.
func (p Power) Freqs(dst []float64, _ float64, _ seq.Pos) {
	for i := range dst {
		dst[i] *= ratPow(1-float64(i)/float64(len(dst)), int(math.Round(1000*p.K)), 1000)
	}
}

// Magnitude implements Scaling.
func (Power) Magnitude(seq.Pos) float64 { return 1 }

// Check implements Scaling.
func (p Power) Check(int) (fixed bool, err error) {
	if k := 1000 * p.K; !(p.K >= 0 && p.K <= 10) || math.Abs(k-math.Round(k)) > 1e-6 {
		return false, fmt.Errorf("k=%v is not from 0 to 10 in steps of 0.001", p.K)
	}
	return true, nil
}

func (p Power) String() string { return term("power", "k="+num(p.K)) }
