package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	scalings.add("ntk", func(a *args, _ Scaling) (Scaling, error) { return NTK{a.number("factor", 1)}, nil },
		"ntk(factor=4)")
}

// NTK raises the base to base·Factor^(d/(d−2)), so that the slowest pair is stretched by Factor and the fastest not
// at all ("NTK-aware" scaling).
type NTK struct{ Factor float64 }

// Freqs implements Scaling.
func (n NTK) Freqs(dst []float64, _ float64, _ seq.Pos) { rebase(dst, n.Factor) }

// rebase multiplies the base behind freqs by ratio^(d/(d−2)): pair i of h slows by ratio^(−i/(h−1)).
func rebase(freqs []float64, ratio float64) {
	step, f := 1/root(ratio, len(freqs)-1), 1.0
	for i := range freqs {
		freqs[i] *= f
		f = float64(f * step)
	}
}

// Magnitude implements Scaling.
func (NTK) Magnitude(seq.Pos) float64 { return 1 }

// Check implements Scaling.
func (n NTK) Check(dims int) (fixed bool, err error) {
	if dims < 4 {
		return false, fmt.Errorf("at least 4 rotated values are needed, not %d", dims)
	}
	return true, atLeastOne(n.Factor)
}

func (n NTK) String() string { return term("ntk", "factor="+num(n.Factor)) }
