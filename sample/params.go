package sample

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// ErrParam is the sentinel of *ParamError and *OrderError.
var ErrParam = errors.New("bad sampling parameter")

// ParamError names a parameter outside its range.
type ParamError struct {
	Name  string // as in the JSON form: "top_p"
	Value any
	Want  string // what would be right: "0 to 1"
}

func (e *ParamError) Error() string {
	return fmt.Sprintf("sampling parameter %s is %v, want %s", e.Name, e.Value, e.Want)
}

// Unwrap makes errors.Is(err, ErrParam) true.
func (e *ParamError) Unwrap() error { return ErrParam }

// OrderError says what is wrong with the order of a chain.
type OrderError struct {
	Step   string
	Reason string
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("order of the sampling chain: %q %s", e.Step, e.Reason)
}

// Unwrap makes errors.Is(err, ErrParam) true.
func (e *OrderError) Unwrap() error { return ErrParam }

// Params are the parameters of a chain. The zero value is greedy: every step is off where its parameter is 0.
type Params struct {
	Seed uint64 `json:"seed,omitempty"` // any number is a seed, 0 too: callers who want variety choose one at random

	Temperature   float32 `json:"temperature,omitempty"`    // logits are divided by it; 0: always the most probable token
	DynaTempRange float32 `json:"dynatemp_range,omitempty"` // temperature moves this far around Temperature, with the entropy
	DynaTempPower float32 `json:"dynatemp_power,omitempty"` // exponent of the normalised entropy; 0: 1

	TopK      int     `json:"top_k,omitempty"`       // the k most probable tokens
	TopP      float32 `json:"top_p,omitempty"`       // the fewest tokens whose probabilities reach p; 0 or 1: off
	MinP      float32 `json:"min_p,omitempty"`       // tokens at least p times as probable as the best one
	Typical   float32 `json:"typical,omitempty"`     // the tokens of most typical surprise that exceed this probability; 0 or 1: off
	TopNSigma float32 `json:"top_n_sigma,omitempty"` // logits within n standard deviations of the largest

	XTCProbability float32 `json:"xtc_probability,omitempty"` // how often XTC applies
	XTCThreshold   float32 `json:"xtc_threshold,omitempty"`   // all tokens this probable go, except the last of them; 0: 0.1, above 0.5: off

	RepeatPenalty    float32 `json:"repeat_penalty,omitempty"`    // divides positive logits of past tokens, multiplies negative ones; 1: off
	FrequencyPenalty float32 `json:"frequency_penalty,omitempty"` // taken off for every occurrence
	PresencePenalty  float32 `json:"presence_penalty,omitempty"`  // taken off once
	PenaltyWindow    int     `json:"penalty_window,omitempty"`    // tokens that the three look back; 0: 64, -1: all

	DRYMultiplier float32   `json:"dry_multiplier,omitempty"` // penalty = multiplier · base^(repeated length − DRYLength)
	DRYBase       float32   `json:"dry_base,omitempty"`       // 0: 1.75
	DRYLength     int       `json:"dry_length,omitempty"`     // repetitions shorter than this cost nothing; 0: 2
	DRYWindow     int       `json:"dry_window,omitempty"`     // tokens it looks back; 0 or -1: all
	DRYBreakers   [][]int32 `json:"dry_breakers,omitempty"`   // sequences that end a repetition; see Breakers

	MirostatTau float32 `json:"mirostat_tau,omitempty"` // surprise to steer to, in bits
	MirostatEta float32 `json:"mirostat_eta,omitempty"` // learning rate; 0: 0.1

	LogitBias map[int32]float32 `json:"logit_bias,omitempty"` // added to logits; −∞ bans a token

	Order []Step `json:"order,omitempty"` // nil: DefaultOrder
}

// Step names one step of the chain.
type Step string

// DefaultOrder is the order of a chain that does not name its own. Steps whose parameters are zero do nothing.
const DefaultOrder = "logit_bias,penalties,dry,top_n_sigma,top_k,typical,top_p,min_p,xtc,temperature,mirostat"

// ParseOrder reads the text form of an order: names separated by commas. Its error is an *OrderError.
func ParseOrder(text string) ([]Step, error) {
	var order []Step
	for name := range strings.SplitSeq(text, ",") {
		order = append(order, Step(strings.TrimSpace(name)))
	}
	return order, checkOrder(order)
}

// FormatOrder returns the text form of an order.
func FormatOrder(order []Step) string {
	names := make([]string, len(order))
	for i, s := range order {
		names[i] = string(s)
	}
	return strings.Join(names, ",")
}

// Steps lists the names that an order may have, sorted.
func Steps() []Step { return slices.Sorted(maps.Keys(kinds)) }

func checkOrder(order []Step) error {
	seen := map[Step]bool{}
	for i, s := range order {
		switch k, ok := kinds[s]; {
		case !ok:
			return &OrderError{string(s), "is not a step; there are " + FormatOrder(Steps())}
		case seen[s]:
			return &OrderError{string(s), "occurs twice"}
		case k.last && i != len(order)-1:
			return &OrderError{string(s), "must be the last step"}
		}
		seen[s] = true
	}
	return nil
}

// kind is a registered step.
type kind struct {
	check func(p *Params) error           // parameters in range?
	make  func(p *Params, ch *Chain) step // nil: its parameters turn it off
	last  bool                            // must be the last of the chain
}

var kinds = map[Step]kind{}

// register adds a step; it is called by init functions and panics when the name is taken.
func register(name Step, k kind) {
	if _, ok := kinds[name]; ok {
		panic("sample: step " + string(name) + " registered twice")
	}
	kinds[name] = k
}

// check returns the order of the chain if everything is in range.
func (p *Params) check() ([]Step, error) {
	for _, name := range Steps() {
		if err := kinds[name].check(p); err != nil {
			return nil, err
		}
	}
	if p.Order == nil {
		return ParseOrder(DefaultOrder)
	}
	if err := checkOrder(p.Order); err != nil {
		return nil, err
	}
	for _, name := range Steps() {
		if !slices.Contains(p.Order, name) && kinds[name].make(p, &Chain{}) != nil {
			return nil, &OrderError{string(name), "has parameters but no place in the order"}
		}
	}
	return p.Order, nil
}

// between checks lo ≤ v ≤ hi; NaN is never between.
func between[T int | float32](name string, v, lo, hi T) error {
	if v >= lo && v <= hi {
		return nil
	}
	if float64(hi) >= math.MaxInt32 {
		return &ParamError{name, v, fmt.Sprintf("at least %v and finite", lo)}
	}
	return &ParamError{name, v, fmt.Sprintf("%v to %v", lo, hi)}
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// or returns v, or what 0 stands for.
func or[T comparable](v, zero T) T {
	var none T
	if v == none {
		return zero
	}
	return v
}
