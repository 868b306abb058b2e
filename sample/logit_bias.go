package sample

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

func init() {
	register("logit_bias", kind{
		check: func(p *Params) error {
			for _, id := range slices.Sorted(maps.Keys(p.LogitBias)) {
				name := fmt.Sprintf("logit_bias[%d]", id)
				b := p.LogitBias[id]
				if id < 0 {
					return &ParamError{name, b, "an id of at least 0"}
				}
				if !(b <= math.MaxFloat32) { // NaN and +∞; −∞ bans
					return &ParamError{name, b, "a finite number or -Inf"}
				}
			}
			return nil
		},
		make: func(p *Params, _ *Chain) step {
			if len(p.LogitBias) == 0 {
				return nil
			}
			s := &logitBias{id: slices.Sorted(maps.Keys(p.LogitBias))}
			for _, id := range s.id {
				s.bias = append(s.bias, p.LogitBias[id])
			}
			return s
		},
	})
}

// logitBias adds a constant to chosen tokens. Ids beyond the vocabulary have no candidate to change.
type logitBias struct {
	id   []int32   // [biased] ascending
	bias []float32 // [biased]
}

func (s *logitBias) apply(c *candidates) {
	if c.dense {
		for k, id := range s.id {
			if int(id) < c.n {
				c.set(id, tame(c.at(id)+s.bias[k]))
			}
		}
	} else {
		for i, id := range c.id {
			if k, ok := slices.BinarySearch(s.id, id); ok {
				c.logit[i] = tame(c.logit[i] + s.bias[k])
			}
		}
	}
}
