package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	scalings.add("longrope", func(a *args, prev Scaling) (Scaling, error) {
		l, _ := prev.(Long) // the factors are tensors of the model and stay
		l.Factor, l.Orig = a.number("factor", 1), a.whole("orig", 0)
		l.Attn, l.Len = a.number("attn", 0), a.whole("len", 0)
		return l, nil
	}, "longrope(factor=4,orig=100)", "longrope(factor=4,orig=100,attn=1.5,len=180)")
}

// Long is long RoPE (arXiv 2402.13753, Phi-3): searched factors divide each pair's frequency, one set for texts
// within the trained context and one for longer ones. Which set a row gets depends on the declared length Len, or,
// when that is 0, on the row's own position, never on how the text was cut into chunks.
type Long struct {
	Factor float64   // how far the context was stretched; gives Attn's default
	Orig   int       // trained context
	Attn   float64   // factor of rotated queries and keys; 0: √(1 + ln Factor / ln Orig)
	Len    int       // declared length of the text; 0: each row's own
	Short  []float32 // [dims/2] divisors for texts up to Orig
	Long   []float32 // [dims/2] divisors for longer texts
}

// Freqs implements Scaling.
func (l Long) Freqs(dst []float64, _ float64, pos seq.Pos) {
	n := l.Len
	if n == 0 {
		n = int(pos) + 1
	}
	divisors := l.Short
	if n > l.Orig {
		divisors = l.Long
	}
	for i, d := range divisors {
		dst[i] /= float64(d)
	}
}

// Magnitude implements Scaling.
func (l Long) Magnitude(seq.Pos) float64 {
	if l.Attn != 0 {
		return l.Attn
	}
	if l.Factor <= 1 {
		return 1
	}
	return math.Sqrt(1 + math.Log(l.Factor)/math.Log(float64(l.Orig)))
}

// Check implements Scaling.
func (l Long) Check(dims int) (fixed bool, err error) {
	if l.Orig < 2 || l.Len < 0 || !(l.Attn >= 0 && l.Attn <= maxFactor) {
		return false, fmt.Errorf("orig=%d, len=%d, attn=%v are not all positive and reasonable", l.Orig, l.Len, l.Attn)
	}
	if len(l.Short) != dims/2 || len(l.Long) != dims/2 {
		return false, fmt.Errorf("%d short and %d long factors for %d pairs (they come from the model file)", len(l.Short), len(l.Long), dims/2)
	}
	for i := range l.Short {
		if s, g := float64(l.Short[i]), float64(l.Long[i]); !(s > 0) || !(g > 0) || math.IsInf(s+g, 0) {
			return false, fmt.Errorf("factors %v and %v of pair %d are not positive", s, g, i)
		}
	}
	return l.Len > 0, atLeastOne(l.Factor)
}

// WithLen returns the scaling with one set of factors for texts of n rows.
func (l Long) WithLen(n int) Scaling { l.Len = n; return l }

func (l Long) String() string {
	return term("longrope", "factor="+num(l.Factor), optInt("orig", l.Orig), optNum("attn", l.Attn), optInt("len", l.Len))
}
