package main

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/sample"
	"github.com/godwit-ai/godwit/tokenizer"
)

// The sampling of `run` and `chat` when no flag says otherwise: what the default model's makers recommend, which keeps small
// models to the point.
const (
	defaultTemp = 0.2
	defaultTopP = 0.9
)

// sampling are the flags of the sampler chain.
type sampling struct {
	p     godwit.Sampling
	seed  int64
	order string
	bias  []string
	flags *pflag.FlagSet
}

// add registers the flags. They are named as in other programs of this kind.
func (s *sampling) add(c *cobra.Command) {
	f := c.Flags()
	s.flags = f
	p := &s.p
	f.Int64Var(&s.seed, "seed", -1, "seed of the random numbers; -1: another one each time")
	float := func(v *float32, name string, value float32, help string) { f.Float32Var(v, name, value, help) }
	whole := func(v *int, name, help string) { f.IntVar(v, name, 0, help) }
	float(&p.Temperature, "temp", defaultTemp, "temperature; 0: always the most probable token")
	float(&p.DynaTempRange, "dynatemp-range", 0, "temperature moves this far around --temp, with the entropy")
	float(&p.DynaTempPower, "dynatemp-power", 0, "exponent of the entropy in that; 0: 1")
	whole(&p.TopK, "top-k", "only the k most probable tokens; 0: off")
	float(&p.TopP, "top-p", defaultTopP, "only the fewest tokens whose probabilities reach p; 1: off")
	float(&p.MinP, "min-p", 0, "only tokens at least p times as probable as the best; 0: off")
	float(&p.Typical, "typical", 0, "only the tokens of most typical surprise that reach this probability; 0: off")
	float(&p.TopNSigma, "top-nsigma", 0, "only logits within n standard deviations of the largest; 0: off")
	float(&p.XTCProbability, "xtc-probability", 0, "how often the most probable tokens but the last are excluded")
	float(&p.XTCThreshold, "xtc-threshold", 0, "how probable a token must be for that")
	float(&p.RepeatPenalty, "repeat-penalty", 0, "divides the logits of past tokens; 0 or 1: off")
	float(&p.PresencePenalty, "presence-penalty", 0, "taken off the logits of past tokens, once")
	float(&p.FrequencyPenalty, "frequency-penalty", 0, "taken off for every occurrence")
	whole(&p.PenaltyWindow, "repeat-last-n", "tokens that the three penalties look back; 0: 64, -1: all")
	float(&p.DRYMultiplier, "dry-multiplier", 0, "strength of the penalty on repeated sequences; 0: off")
	float(&p.DRYBase, "dry-base", 0, "base of its growth with the length; 0: 1.75")
	whole(&p.DRYLength, "dry-allowed-length", "repetitions shorter than this cost nothing; 0: 2")
	whole(&p.DRYWindow, "dry-penalty-last-n", "tokens that it looks back; 0: all")
	float(&p.MirostatTau, "mirostat-tau", 0, "surprise in bits that mirostat 2 steers to; 0: off")
	float(&p.MirostatEta, "mirostat-eta", 0, "its learning rate; 0: 0.1")
	f.StringArrayVar(&s.bias, "logit-bias", nil, "`ID=BIAS` added to a token's logit, -inf bans it; may be repeated")
	f.StringVar(&s.order, "samplers", "", "`ORDER` of the steps (default "+sample.DefaultOrder+")")
}

// params returns the parameters, with a seed chosen when none was given.
func (s *sampling) params(m *godwit.Model) (godwit.Sampling, error) {
	p := s.p
	switch {
	case s.seed < -1:
		return p, usage("--seed %d is not a number from 0 on, or -1", s.seed)
	case s.seed >= 0:
		p.Seed = uint64(s.seed)
	case p.Temperature > 0:
		p.Seed = uint64(rand.Uint32()) // short enough to type again
	}
	if s.order != "" {
		order, err := sample.ParseOrder(s.order)
		if err != nil {
			return p, usageError{err}
		}
		p.Order = order
	}
	// The default of --top-p gives way to greedy decoding, which it cannot change, to mirostat, which cuts by itself, and to
	// an order without it.
	if !s.flags.Changed("top-p") && (p.Temperature == 0 || p.MirostatTau > 0 || p.Order != nil && !strings.Contains(s.order, "top_p")) {
		p.TopP = 0
	}
	if !s.flags.Changed("temp") && p.Order != nil && !strings.Contains(s.order, "temperature") {
		p.Temperature = 1
	}
	for _, b := range s.bias {
		if err := addBias(&p, b); err != nil {
			return p, err
		}
	}
	if p.DRYMultiplier > 0 {
		if tok, err := m.Tokenizer(); err == nil {
			encode := func(text string) []int32 { return tok.Encode(nil, text, tokenizer.Options{BOS: tokenizer.BOSNever}) }
			err := m.Guard(func() error {
				p.DRYBreakers = sample.Breakers([]string{"\n", ":", "\"", "*"}, tok.Size(), tok.Piece, encode)
				return nil
			})
			if err != nil {
				return p, err
			}
		}
	}
	if _, err := sample.New(p); err != nil {
		return p, usageError{err}
	}
	return p, nil
}

func addBias(p *godwit.Sampling, text string) error {
	id, value, ok := strings.Cut(text, "=")
	n, err1 := strconv.ParseInt(strings.TrimSpace(id), 10, 32)
	v, err2 := strconv.ParseFloat(strings.TrimSpace(value), 32)
	if !ok || err1 != nil || err2 != nil || n < 0 || math.IsNaN(v) {
		return usage("--logit-bias %q is not ID=BIAS, such as 42=-1.5 or 42=-inf", text)
	}
	if p.LogitBias == nil {
		p.LogitBias = map[int32]float32{}
	}
	p.LogitBias[int32(n)] = float32(v)
	return nil
}
