package attention

import "github.com/godwit-ai/godwit/seq"

func init() {
	scalings.add("linear", func(a *args, _ Scaling) (Scaling, error) { return Linear{a.number("factor", 1)}, nil },
		"linear(factor=4)")
}

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

// Check implements Scaling.
func (l Linear) Check(int) (bool, error) { return true, atLeastOne(l.Factor) }

func (l Linear) String() string { return term("linear", "factor="+num(l.Factor)) }
