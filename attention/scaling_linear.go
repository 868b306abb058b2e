package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// Linear divides every position by Factor (position interpolation, arXiv 2306.15595).
type Linear struct{ Factor float64 }

// Freqs implements Scaling.
func (l Linear) Freqs(dst []float64, _ float64, _ seq.Pos) {
	for i := range dst {
		dst[i] /= l.Factor
	}
}

// Magnitude implements Scaling.
func (Linear) Magnitude(seq.Pos) float64 { return 1 }

// Fixed implements Scaling.
func (Linear) Fixed() bool { return true }

// Check implements Scaling.
func (l Linear) Check(int) error { return atLeastOne("linear", l.Factor) }

func (l Linear) String() string { return fmt.Sprintf("linear(factor=%s)", num(l.Factor)) }
