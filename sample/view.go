package sample

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

// view is a vocabulary's logits as the steps that edit them left them: the caller's, but for the strips that were changed, and the
// largest of each strip. So an edit costs a strip, whatever the vocabulary's size, and to find the tokens above some logit takes a
// look at a 64th of it.
type view struct {
	raw   []float32 // the caller's. [vocabulary]
	high  []float32 // [strips]
	peak  float32   // the largest; NaN after a change
	slot  []int32   // 1 + the strip's place in patch; 0: it is as the caller gave it. [strips]
	patch []float32 // [patched strips, 64]
	dirty []int32   // which they are. [patched strips]
}

// load looks at all logits once. The last strip, if it is not a whole one, is filled up with −∞.
func (v *view) load(logits []float32) {
	whole := len(logits) / vec.Strip
	strips := (len(logits) + vec.Strip - 1) / vec.Strip
	if cap(v.high) < strips {
		v.high, v.slot, v.dirty = make([]float32, strips), make([]int32, strips), nil
	}
	for _, s := range v.dirty {
		v.slot[:cap(v.slot)][s] = 0
	}
	v.raw, v.high, v.slot, v.dirty = logits, v.high[:strips], v.slot[:strips], v.dirty[:0]
	vec.StripMax(v.high[:whole], logits)
	if strips > whole {
		v.copy(whole)
	}
	if v.peak = vec.Max(v.high); v.peak > math.MaxFloat32 {
		v.peak = math.MaxFloat32
		for s, h := range v.high {
			if h > math.MaxFloat32 {
				v.copy(s)
			}
		}
	}
}

// copy makes a strip one that can be changed.
func (v *view) copy(s int) []float32 {
	if v.slot[s] == 0 {
		n := len(v.dirty)
		v.dirty = append(v.dirty, int32(s))
		v.slot[s] = int32(n + 1)
		if need := len(v.dirty) * vec.Strip; need > len(v.patch) {
			v.patch = append(v.patch, make([]float32, max(need, 64*vec.Strip))...)
		}
		x := v.strip(s)
		from := v.raw[s*vec.Strip:]
		for i := range x {
			if x[i] = negInf; i < len(from) {
				x[i] = tame(from[i])
			}
		}
		v.high[s] = vec.Max(x)
	}
	return v.strip(s)
}

// strip returns 64 logits. It is the caller's to read only where slot is 0.
func (v *view) strip(s int) []float32 {
	if k := int(v.slot[s]); k > 0 {
		return v.patch[(k-1)*vec.Strip : k*vec.Strip]
	}
	return v.raw[s*vec.Strip : (s+1)*vec.Strip]
}

func (v *view) at(id int32) float32 { return tame(v.strip(int(id) / vec.Strip)[id%vec.Strip]) }

func (v *view) set(id int32, l float32) {
	s := int(id) / vec.Strip
	x := v.copy(s)
	x[id%vec.Strip] = l
	v.high[s] = vec.Max(x)
	v.peak = float32(math.NaN())
}

// max returns the largest logit.
func (v *view) max() float32 {
	if v.peak != v.peak {
		v.peak = vec.Max(v.high)
	}
	return v.peak
}

// best returns the token of the largest logit, of several the lowest.
func (v *view) best() int32 {
	top := v.max()
	for s, h := range v.high {
		if h == top {
			for i, l := range v.strip(s) {
				if l == top {
					return int32(s*vec.Strip + i)
				}
			}
		}
	}
	return 0
}

// sumExp returns Σ e^(logit − top), top being the largest.
func (v *view) sumExp(top float32) float64 {
	var sum vec.Lanes
	for s := 0; s < len(v.high); {
		from, x := s, v.strip(s)
		if s++; v.slot[from] == 0 {
			for s < len(v.high) && v.slot[s] == 0 {
				s++
			}
			x = v.raw[from*vec.Strip : s*vec.Strip]
		}
		vec.SumExp(&sum, x, top)
	}
	return sum.Total()
}
