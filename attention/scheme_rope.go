package attention

import (
	"errors"
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	schemes.add("rope", parseRope, "rope(base=10000)", "rope(base=10000,dims=4,adjacent)")
}

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
	// Check says whether the scaling can serve dims rotated values, and whether Freqs and Magnitude are the same for
	// every pos.
	Check(dims int) (fixed bool, err error)
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
		return nil, fmt.Errorf("rope: %d rotated values do not fit heads of %d", dims, dim)
	}
	if b := r.base(); !(b > 1) || math.IsInf(b, 0) {
		return nil, fmt.Errorf("rope: base %v is not above 1", r.Base)
	}
	if r.Factors != nil && len(r.Factors) != dims/2 {
		return nil, fmt.Errorf("rope: %d frequency factors for %d pairs", len(r.Factors), dims/2)
	}
	for _, f := range r.Factors {
		if !(f > 0) || math.IsInf(float64(f), 0) {
			return nil, fmt.Errorf("rope: frequency factor %v is not positive", f)
		}
	}
	fixed := true
	if r.Scaling != nil {
		var err error
		if fixed, err = r.Scaling.Check(dims); err != nil {
			return nil, fmt.Errorf("rope: %s: %w", r.Scaling, err)
		}
	}
	return newRotor(r, dims, fixed), nil
}

func (r Rope) String() string {
	s := term("rope", "base="+num(r.base()), optInt("dims", r.Dims), optFlag("adjacent", r.Adjacent), optFlag("factors", r.Factors != nil))
	if r.Scaling != nil {
		s += "+" + r.Scaling.String()
	}
	return s
}

// parseRope reads rope(…). Base, dims and the order of pairs describe the weights: they stay as prev has them unless
// named. Frequency factors are a tensor of the model: the word keeps them, its absence drops them.
func parseRope(a *args, prev Scheme) (Scheme, error) {
	r, _ := prev.(Rope)
	r.Base, r.Dims = a.number("base", r.base()), a.whole("dims", r.Dims)
	adjacent, halves, factors := a.flag("adjacent"), a.flag("halves"), a.flag("factors")
	if adjacent && halves {
		return nil, errors.New("pairs are adjacent or halves, not both")
	}
	r.Adjacent = adjacent || r.Adjacent && !halves
	if !factors {
		r.Factors = nil
	} else if r.Factors == nil {
		return nil, errors.New("the model has no frequency factors")
	}
	r.Scaling = nil
	return r, nil
}

// scalingOf returns the scaling that a new one replaces.
func scalingOf(prev Scheme) Scaling {
	r, _ := prev.(Rope)
	return r.Scaling
}
