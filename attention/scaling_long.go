package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

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

// Fixed implements Scaling.
func (l Long) Fixed() bool { return l.Len > 0 }

// Check implements Scaling.
func (l Long) Check(dims int) error {
	if l.Orig < 2 || l.Len < 0 || !(l.Attn >= 0) || math.IsInf(l.Attn, 0) {
		return fmt.Errorf("longrope: orig=%d, len=%d, attn=%v are not all positive", l.Orig, l.Len, l.Attn)
	}
	if len(l.Short) != dims/2 || len(l.Long) != dims/2 {
		return fmt.Errorf("longrope: %d short and %d long factors for %d pairs (they come from the model file)", len(l.Short), len(l.Long), dims/2)
	}
	for i := range l.Short {
		if s, g := float64(l.Short[i]), float64(l.Long[i]); !(s > 0) || !(g > 0) || math.IsInf(s+g, 0) {
			return fmt.Errorf("longrope: factors %v and %v of pair %d are not positive", s, g, i)
		}
	}
	return atLeastOne("longrope", l.Factor)
}

// WithLen returns the scaling with one set of factors for texts of n rows.
func (l Long) WithLen(n int) Scaling { l.Len = n; return l }

func (l Long) String() string {
	return fmt.Sprintf("longrope(factor=%s,orig=%d%s%s)", num(l.Factor), l.Orig, optNum("attn", l.Attn), optInt("len", l.Len, 0))
}
