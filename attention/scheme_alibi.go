package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	schemes.add("alibi", func(a *args, _ Scheme) (Scheme, error) { return ALiBi{a.whole("max", 0), a.whole("cap", 0)}, nil },
		"alibi", "alibi(cap=40)")
}

// ALiBi subtracts from each logit the distance times a slope of the head (arXiv 2108.12409). With p the largest power of two
// that is no more than the heads, the first p heads have 2^(−Max/p), 2^(−2·Max/p) and so on; the others every second of
// the slopes that 2·p heads would have.
type ALiBi struct {
	Max int // the last slope of p heads is 2^−Max; 0: 8
	Cap int // no distance counts for more than this one (LM-Infinite, arXiv 2308.16137); 0: none
}

func (a ALiBi) max() int {
	if a.Max == 0 {
		return 8
	}
	return a.Max
}

// Fit implements Scheme.
func (ALiBi) Fit(int) (Positioner, error) { return nil, nil }

// Bias implements Biased.
func (a ALiBi) Bias(heads int) (Biaser, error) {
	if a.max() < 1 || a.max() > 64 || a.Cap < 0 {
		return nil, fmt.Errorf("alibi: max=%d, cap=%d are not from 1 to 64 and from 0", a.max(), a.Cap)
	}
	p := 1
	for 2*p <= heads {
		p *= 2
	}
	s := slopes{farthest: maxDistance, of: make([]float32, heads)}
	if a.Cap > 0 {
		s.farthest = min(a.Cap, maxDistance)
	}
	for h := range s.of {
		if h < p {
			s.of[h] = float32(ratPow(2, -a.max()*(h+1), p))
		} else {
			s.of[h] = float32(ratPow(2, -a.max()*(2*(h-p)+1), 2*p))
		}
	}
	return s, nil
}

func (a ALiBi) String() string { return term("alibi", optInt("max", a.Max), optInt("cap", a.Cap)) }

// slopes are those of all query heads.
type slopes struct {
	of       []float32 // [heads]
	farthest int
}

// Width implements Biaser: distances.
func (slopes) Width() int { return 1 }

// Row implements Biaser.
func (s slopes) Row(dst []float32, q seq.Pos, keys []seq.Pos) {
	for i, k := range keys {
		dst[i] = float32(-min(distance(q, k), s.farthest))
	}
}

// Add implements Biaser.
func (s slopes) Add(logits []float32, head int, row []float32) {
	vec.Axpy(logits, s.of[head], row)
}
