package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	temps.add("floor", func(a *args, _ Temperature) (Temperature, error) {
		return Floor{a.number("scale", 0.1), a.whole("orig", 0)}, nil
	}, "floor(scale=0.1,orig=64)")
}

// Floor sharpens attention by 1 + Scale·ln(⌊n/Orig⌋ + 1) at the n-th position: in steps of Orig positions (Llama 4's tuning of
// the temperature of its layers without RoPE).
type Floor struct {
	Scale float64 // attn_scale
	Orig  int     // floor_scale
}

// Factor implements Temperature.
func (f Floor) Factor(_ int, pos seq.Pos) float32 {
	steps := (int64(pos) + 1) / int64(f.Orig)
	return float32(1 + float64(f.Scale*ln(float64(steps+1))))
}

// Check implements Temperature.
func (f Floor) Check(int) error {
	if f.Orig < 1 || !(f.Scale >= 0 && f.Scale <= maxTemp) {
		return fmt.Errorf("scale=%v, orig=%d are not positive and reasonable", f.Scale, f.Orig)
	}
	return nil
}

func (f Floor) String() string { return term("floor", "scale="+num(f.Scale), optInt("orig", f.Orig)) }
