package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	scalings.add("yarn", func(a *args, _ Scaling) (Scaling, error) {
		return YaRN{a.number("factor", 1), a.whole("orig", 0), a.number("fast", 0), a.number("slow", 0), a.number("attn", 0), a.flag("exact")}, nil
	}, "yarn(factor=4,orig=64)", "yarn(factor=4,orig=64,fast=16,slow=2,attn=1,exact)")
}

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

// Check implements Scaling.
func (y YaRN) Check(int) (fixed bool, err error) {
	fast, slow := y.betas()
	if y.Orig < 1 || !(fast > 0) || !(slow > 0) || !(y.Attn >= 0 && y.Attn <= maxFactor) || math.IsInf(fast+slow, 0) {
		return false, fmt.Errorf("orig=%d, fast=%v, slow=%v, attn=%v are not all positive and reasonable", y.Orig, fast, slow, y.Attn)
	}
	return true, atLeastOne(y.Factor)
}

func (y YaRN) String() string {
	return term("yarn", "factor="+num(y.Factor), optInt("orig", y.Orig), optNum("fast", y.Fast), optNum("slow", y.Slow),
		optNum("attn", y.Attn), optFlag("exact", y.Exact))
}
