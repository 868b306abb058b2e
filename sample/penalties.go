package sample

import "math"

func init() {
	register("penalties", kind{
		check: func(p *Params) error {
			return first(
				between("repeat_penalty", or(p.RepeatPenalty, 1), 1e-3, 1e3),
				between("frequency_penalty", p.FrequencyPenalty, -1e3, 1e3),
				between("presence_penalty", p.PresencePenalty, -1e3, 1e3),
				between("penalty_window", p.PenaltyWindow, -1, math.MaxInt32/4))
		},
		make: func(p *Params, ch *Chain) step {
			s := &penalties{repeat: or(p.RepeatPenalty, 1), frequency: p.FrequencyPenalty, presence: p.PresencePenalty, window: or(p.PenaltyWindow, 64)}
			if s.repeat == 1 && s.frequency == 0 && s.presence == 0 {
				return nil
			}
			s.past = ch.look(s.window)
			s.edit = s.penalise
			return s
		},
	})
}

// penalties make the tokens of the recent past less probable: the repetition penalty of CTRL (Keskar and others, arXiv 1909.05858),
// then OpenAI's frequency and presence penalties. The prompt counts as past when the chain is primed with it, as in llama.cpp.
type penalties struct {
	repeat, frequency, presence float32
	window                      int
	past                        *history
	seen                        counts
	edit                        func(logit float32, id, n int32) float32
}

func (s *penalties) apply(c *candidates) {
	vocab := int32(c.vocab)
	s.seen.fit(c.vocab)
	s.seen.clear()
	for _, id := range s.past.last(s.window) {
		if id >= 0 && id < vocab { // a stream may hold ids that this head cannot give
			s.seen.raise(id, s.seen.n[id]+1)
		}
	}
	s.seen.edit(c, s.edit)
}

// penalise divides positive logits and multiplies negative ones: dividing both, as the paper had it, would make improbable
// tokens more probable.
func (s *penalties) penalise(l float32, _, n int32) float32 {
	if l <= 0 {
		l *= s.repeat
	} else {
		l /= s.repeat
	}
	return l - (float32(float32(n)*s.frequency) + s.presence)
}
