package attention

import (
	"fmt"
	"strings"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	temps.add("heads", func(a *args, _ Temperature) (Temperature, error) {
		of := a.numbers()
		for _, f := range of {
			if f != 1 {
				return Heads{of}, nil
			}
		}
		return nil, nil
	}, "heads(1.25)")
}

// Heads multiplies by a constant: one for each query head, or one for all. Models without positions read longer texts
// with a temperature that was found for the length, uniform or by head (arXiv 2404.12224).
type Heads struct {
	Of []float32 // [heads], or [1]
}

// Factor implements Temperature.
func (h Heads) Factor(head int, _ seq.Pos) float32 { return h.Of[head%len(h.Of)] }

// Check implements Temperature.
func (h Heads) Check(heads int) error {
	if n := len(h.Of); n != 1 && n != heads {
		return fmt.Errorf("%d factors for %d query heads", n, heads)
	}
	for _, f := range h.Of {
		if !(f > 0 && f <= maxTemp) {
			return fmt.Errorf("a factor of %v is not above 0 and up to %d", f, maxTemp)
		}
	}
	return nil
}

func (h Heads) String() string {
	of := make([]string, len(h.Of))
	for i, f := range h.Of {
		of[i] = num32(f)
	}
	return "heads(" + strings.Join(of, ",") + ")"
}
