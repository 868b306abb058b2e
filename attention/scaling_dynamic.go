package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	scalings.add("dynamic", func(a *args, _ Scaling) (Scaling, error) {
		return Dynamic{a.number("factor", 1), a.whole("orig", 0), a.whole("len", 0)}, nil
	}, "dynamic(factor=2,orig=100)", "dynamic(factor=2,orig=100,len=180)")
}

// Dynamic is NTK scaling that grows with the length n of the text: the ratio is Factor·n/Orig − (Factor − 1), and 1
// up to Orig. Recomputing it for a prompt's total length would make results depend on how the prompt was cut, so n
// is the row's own position + 1 (which is what token-by-token generation with cached keys gives elsewhere), or, for
// one base throughout, the declared length Len.
type Dynamic struct {
	Factor float64
	Orig   int // trained context
	Len    int // declared length of the text; 0: each row's own
}

// Freqs implements Scaling.
func (d Dynamic) Freqs(dst []float64, _ float64, pos seq.Pos) {
	n := d.Len
	if n == 0 {
		n = int(pos) + 1
	}
	if n > d.Orig {
		rebase(dst, float64(d.Factor*float64(n))/float64(d.Orig)-(d.Factor-1))
	}
}

// Magnitude implements Scaling.
func (Dynamic) Magnitude(seq.Pos) float64 { return 1 }

// Check implements Scaling.
func (d Dynamic) Check(dims int) (fixed bool, err error) {
	if dims < 4 || d.Orig < 1 || d.Len < 0 {
		return false, fmt.Errorf("orig ≥ 1, len ≥ 0 and 4 rotated values are needed, not orig=%d, len=%d, %d", d.Orig, d.Len, dims)
	}
	return d.Len > 0, atLeastOne(d.Factor)
}

// WithLen returns the scaling with one base for texts of n rows.
func (d Dynamic) WithLen(n int) Scaling { d.Len = n; return d }

func (d Dynamic) String() string {
	return term("dynamic", "factor="+num(d.Factor), optInt("orig", d.Orig), optInt("len", d.Len))
}
