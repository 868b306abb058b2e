package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

// Rope is rotary position embedding (arXiv 2104.09864): pair i of a head's first Dims values is turned by the angle
// pos·Base^(−2i/Dims), rescaled by Scaling.
type Rope struct {
	Base     float64   // θ; 0: 10000
	Dims     int       // leading values that are rotated; 0: all
	Adjacent bool      // pairs are (2i, 2i+1) ("interleaved", GGUF's llama order); false: (i, i+Dims/2) ("NeoX")
	Factors  []float32 // [Dims/2] divisors of the frequencies, from the model file; nil: none
	Scaling  Scaling   // stretches positions beyond the trained context; nil: none
}

// Scaling is one of RoPE's context extensions.
type Scaling interface {
	// Freqs turns dst[dims/2], the frequencies base^(−2i/dims), into those of the row at pos.
	Freqs(dst []float64, base float64, pos seq.Pos)
	// Magnitude is the factor of rotated queries and keys at pos.
	Magnitude(pos seq.Pos) float64
	// Fixed reports that neither depends on pos.
	Fixed() bool
	// Check says whether the scaling can serve dims rotated values.
	Check(dims int) error
	String() string // name(arguments)
}

func (r Rope) base() float64 {
	if r.Base == 0 {
		return 10000
	}
	return r.Base
}

// Fit implements Scheme.
func (r Rope) Fit(dim int) (Positioner, error) {
	dims := r.Dims
	if dims == 0 {
		dims = dim
	}
	if dims < 2 || dims > dim || dims%2 != 0 {
		return nil, fmt.Errorf("rope: %d rotated values do not fit heads of %d: %w", dims, dim, ErrCompose)
	}
	if b := r.base(); !(b > 1) || math.IsInf(b, 0) {
		return nil, fmt.Errorf("rope: base %v is not above 1: %w", r.Base, ErrCompose)
	}
	if r.Factors != nil && len(r.Factors) != dims/2 {
		return nil, fmt.Errorf("rope: %d frequency factors for %d pairs: %w", len(r.Factors), dims/2, ErrCompose)
	}
	for _, f := range r.Factors {
		if !(f > 0) || math.IsInf(float64(f), 0) {
			return nil, fmt.Errorf("rope: frequency factor %v is not positive: %w", f, ErrCompose)
		}
	}
	if r.Scaling != nil {
		if err := r.Scaling.Check(dims); err != nil {
			return nil, fmt.Errorf("rope: %w: %w", err, ErrCompose)
		}
	}
	return newRotor(r, dims), nil
}

func (r Rope) String() string { return "rope" }
