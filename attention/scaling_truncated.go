package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	scalings.add("truncated", func(a *args, _ Scaling) (Scaling, error) { return Truncated{a.whole("orig", 0)}, nil },
		"truncated(orig=64)")
}

// Truncated keeps the pairs that turn once or more within Orig rows, so that no angle is beyond those of training (Giraffe's
// truncated basis, arXiv 2308.10882). Those that turn less, down to an eighth, all turn once within 16·Orig rows; slower ones
// stand still.
type Truncated struct{ Orig int } // trained context

// Freqs implements Scaling.
func (t Truncated) Freqs(dst []float64, _ float64, _ seq.Pos) {
	once := 2 * math.Pi / float64(t.Orig)
	for i, f := range dst {
		switch {
		case f < once/8:
			dst[i] = 0
		case f < once:
			dst[i] = once / 16
		}
	}
}

// Magnitude implements Scaling.
func (Truncated) Magnitude(seq.Pos) float64 { return 1 }

// Check implements Scaling.
func (t Truncated) Check(int) (fixed bool, err error) {
	if t.Orig < 1 {
		return false, fmt.Errorf("orig=%d is not positive", t.Orig)
	}
	return true, nil
}

func (t Truncated) String() string { return term("truncated", optInt("orig", t.Orig)) }
