// Package sample picks the next token from logits: an explicit chain of steps, each in its own file, then one draw. The same
// seed and logits give the same tokens on every platform: nothing here uses the parts of package math that differ between them.
package sample

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// ErrNoToken means that every logit is −∞ or NaN, before or after the steps of the chain.
var ErrNoToken = errors.New("no token can be sampled")

// step is one stage of the chain. It edits or narrows the candidates. There is at least one that can be sampled; a step that narrows
// must leave one, a step that edits may take the last to −∞.
type step interface{ apply(c *candidates) }

// observer is a step that wants to know which candidate was picked; the candidates carry the probabilities of the draw.
type observer interface{ picked(c *candidates, i int) }

// resetter is a step with state besides the history.
type resetter interface{ reset() }

// Chain samples tokens for one stream. It is not safe for concurrent use.
type Chain struct {
	seed   uint64
	greedy bool
	steps  []step
	last   observer // the step that learns from the draw; nil: none
	c      candidates
	past   *history // nil: no step looks back
	pcg    rand.PCG
}

// New returns a chain. Its error is a *ParamError or an *OrderError.
func New(p Params) (*Chain, error) {
	order, err := p.check()
	if err != nil {
		return nil, err
	}
	ch := &Chain{seed: p.Seed, greedy: p.Temperature == 0}
	ch.pcg.Seed(p.Seed, stream)
	for _, name := range order {
		s := kinds[name].make(&p, ch)
		if s == nil {
			continue
		}
		ch.steps = append(ch.steps, s)
		if o, ok := s.(observer); ok {
			ch.last = o
		}
	}
	return ch, nil
}

// stream is the second half of the generator's seed: an arbitrary constant that must never change.
const stream = 0x676f64776974 // "godwit"

// Next picks the next token. It does not change logits and does not record the token: that is Accept's part. NaN counts as
// −∞ and +∞ as the largest float32. [vocabulary]
func (ch *Chain) Next(logits []float32) (int32, error) {
	if len(ch.steps) == 0 && ch.greedy {
		id := best(logits)
		if id < 0 {
			return 0, fmt.Errorf("%w: all %d logits are -Inf or NaN", ErrNoToken, len(logits))
		}
		return id, nil
	}
	if err := ch.narrow(logits); err != nil {
		return 0, err
	}
	if ch.greedy { // no step learns from that
		return ch.c.best(), nil
	}
	ch.c.softmax()
	i := ch.c.draw(ch.float())
	if ch.last != nil {
		ch.last.picked(&ch.c, i)
	}
	return ch.c.id[i], nil
}

// narrow loads the logits and runs the steps.
func (ch *Chain) narrow(logits []float32) error {
	ch.c.load(logits)
	if !ch.c.live() {
		return fmt.Errorf("%w: all %d logits are -Inf or NaN", ErrNoToken, len(logits))
	}
	for _, s := range ch.steps {
		s.apply(&ch.c)
		if !ch.c.live() { // at once: the next step could not choose
			return fmt.Errorf("%w: biases and penalties took all %d logits to -Inf", ErrNoToken, len(logits))
		}
	}
	return nil
}

// float returns a uniform number in [0, 1): 53 random bits, exactly.
func (ch *Chain) float() float64 { return float64(ch.pcg.Uint64()>>11) * 0x1p-53 }

// Accept records a token of the stream, sampled or not; penalties and DRY look back at it.
func (ch *Chain) Accept(id int32) {
	if ch.past != nil {
		ch.past.push(id)
	}
}

// Prime records the tokens of a prompt.
func (ch *Chain) Prime(ids []int32) {
	for _, id := range ids {
		ch.Accept(id)
	}
}

// Reset forgets the past and starts the random numbers again.
func (ch *Chain) Reset() {
	ch.pcg.Seed(ch.seed, stream)
	if ch.past != nil {
		ch.past.clear()
	}
	for _, s := range ch.steps {
		if r, ok := s.(resetter); ok {
			r.reset()
		}
	}
}
