package sample

import (
	"fmt"
	"math"
)

func init() {
	register("dry", kind{
		check: func(p *Params) error {
			for i, b := range p.DRYBreakers {
				if len(b) == 0 {
					return &ParamError{fmt.Sprintf("dry_breakers[%d]", i), b, "at least one token"}
				}
			}
			return first(
				between("dry_multiplier", p.DRYMultiplier, 0, 1e3),
				between("dry_base", or(p.DRYBase, 1), 1, 1e3),
				between("dry_length", p.DRYLength, 0, math.MaxInt32/4),
				between("dry_window", p.DRYWindow, -1, math.MaxInt32/4))
		},
		make: func(p *Params, ch *Chain) step {
			if p.DRYMultiplier == 0 {
				return nil
			}
			s := &dry{multiplier: p.DRYMultiplier, base: or(p.DRYBase, 1.75), length: int32(or(p.DRYLength, 2)), window: or(p.DRYWindow, -1)}
			s.past = ch.look(s.window)
			s.breakers = map[int32][][]int32{}
			for _, b := range p.DRYBreakers {
				s.breakers[b[0]] = append(s.breakers[b[0]], b[1:])
			}
			s.edit = s.penalise
			return s
		},
	})
}

// dry ("don't repeat yourself") makes a token less probable the longer the passage is that it would continue to repeat. It
// is linear in the window, by the Z-algorithm, as in koboldcpp (pull request 982) and llama.cpp. A length of 0 is 2 here; there it
// penalises every token of the past.
type dry struct {
	multiplier, base float32
	length           int32 // repetitions shorter than this are free
	window           int
	breakers         map[int32][][]int32 // by their first token, the rest of each
	past             *history
	z                []int32 // [window] z[k]: how many of the last tokens also end k tokens before the end
	repeat           counts  // by token: the longest repetition that it would continue
	edit             func(logit float32, id, n int32) float32
}

func (s *dry) apply(c *candidates) {
	ids := s.past.last(s.window)
	n := len(ids)
	limit := s.limit(ids)
	if n <= int(s.length) || limit < int(s.length) {
		return
	}
	s.overlaps(ids)
	s.repeat.fit(c.vocab)
	s.repeat.clear()
	for k := 1; k < n; k++ {
		id := ids[n-k] // what came after the earlier occurrence
		if r := min(s.z[k], int32(limit)); r >= s.length && id >= 0 && int(id) < c.vocab {
			s.repeat.raise(id, r)
		}
	}
	s.repeat.edit(c, s.edit)
}

func (s *dry) penalise(l float32, id, n int32) float32 {
	for _, rest := range s.breakers[id] {
		if len(rest) == 0 { // breakers are meant to recur
			return l
		}
	}
	return l - float32(min(float64(s.multiplier)*power(float64(s.base), n-s.length), math.MaxFloat32))
}

// power is x^n by squaring; products alone have the same bits everywhere.
func power(x float64, n int32) float64 {
	y := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			y *= x
		}
		x *= x
	}
	return y
}

// limit returns how many tokens there are since the last breaker: no repetition reaches further back.
func (s *dry) limit(ids []int32) int {
	n := len(ids)
	if len(s.breakers) == 0 {
		return n
	}
	for i := range n {
		longest := -1
		for _, rest := range s.breakers[ids[n-1-i]] {
			if len(rest) > longest && len(rest) <= i && equal(rest, ids[n-i:]) {
				longest = len(rest)
			}
		}
		if longest >= 0 {
			return i - longest
		}
	}
	return n
}

// equal tells whether ids begins with prefix.
func equal(prefix, ids []int32) bool {
	for i, id := range prefix {
		if ids[i] != id {
			return false
		}
	}
	return true
}

// overlaps computes z of the reversed ids.
func (s *dry) overlaps(ids []int32) {
	n := len(ids)
	if cap(s.z) < n {
		s.z = make([]int32, n, 2*n)
	}
	s.z = s.z[:n]
	at := func(i int) int32 { return ids[n-1-i] }
	lo, hi := 0, 0 // the match that reaches furthest: [lo, hi) equals [0, hi−lo)
	for k := 1; k < n; k++ {
		m := 0
		if k < hi {
			m = min(hi-k, int(s.z[k-lo]))
		}
		for k+m < n && at(m) == at(k+m) {
			m++
		}
		if k+m > hi {
			lo, hi = k, k+m
		}
		s.z[k] = int32(m)
	}
}
