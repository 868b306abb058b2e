package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

// YaRN (arXiv 2309.00071) interpolates pairs that turn fewer than Slow times within the trained context, leaves those
// that turn more than Fast times, ramps between, and makes attention sharper by Attn.
type YaRN struct {
	Factor float64
	Orig   int     // trained context
	Fast   float64 // β_fast; 0: 32
	Slow   float64 // β_slow; 0: 1
	Attn   float64 // factor of rotated queries and keys; 0: 0.1·ln(Factor) + 1
	Exact  bool    // the ramp's ends are not rounded to whole pairs ("truncate": false)
}

func (y YaRN) betas() (fast, slow float64) {
	fast, slow = y.Fast, y.Slow
	if fast == 0 {
		fast = 32
	}
	if slow == 0 {
		slow = 1
	}
	return fast, slow
}

// Freqs implements Scaling.
func (y YaRN) Freqs(dst []float64, base float64, _ seq.Pos) {
	dims := 2 * len(dst)
	// pair is the (fractional) pair that turns n times within Orig rows.
	pair := func(n float64) float64 {
		return float64(float32(float64(dims) * math.Log(float64(y.Orig)/(n*2*math.Pi)) / (2 * math.Log(base))))
	}
	fast, slow := y.betas()
	lo, hi := pair(fast), pair(slow)
	if !y.Exact {
		lo, hi = math.Floor(lo), math.Ceil(hi)
	}
	lo, hi = max(lo, 0), min(hi, float64(dims-1))
	if lo == hi {
		hi += 0.001
	}
	for i := range dst {
		ramp := min(max((float64(i)-lo)/(hi-lo), 0), 1)
		dst[i] = float64(dst[i]/y.Factor*ramp) + float64(dst[i]*(1-ramp))
	}
}

// Magnitude implements Scaling.
func (y YaRN) Magnitude(seq.Pos) float64 {
	if y.Attn != 0 {
		return y.Attn
	}
	if y.Factor <= 1 {
		return 1
	}
	return 1 + float64(0.1*math.Log(y.Factor))
}

// Fixed implements Scaling.
func (YaRN) Fixed() bool { return true }

// Check implements Scaling.
func (y YaRN) Check(int) error {
	fast, slow := y.betas()
	if y.Orig < 1 || !(fast > 0) || !(slow > 0) || !(y.Attn >= 0) || math.IsInf(fast+slow+y.Attn, 0) {
		return fmt.Errorf("yarn: orig=%d, fast=%v, slow=%v, attn=%v are not all positive", y.Orig, fast, slow, y.Attn)
	}
	return atLeastOne("yarn", y.Factor)
}

func (y YaRN) String() string {
	exact := ""
	if y.Exact {
		exact = ",exact"
	}
	return fmt.Sprintf("yarn(factor=%s,orig=%d%s%s%s%s)", num(y.Factor), y.Orig, optNum("fast", y.Fast), optNum("slow", y.Slow),
		optNum("attn", y.Attn), exact)
}
