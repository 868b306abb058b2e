package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
)

// Mix finds out what each layer of a model loses by some changes of its plan when it alone is changed, so that a budget of bytes can be spent
// where it matters. What layers lose, as the divergence of the predictions, adds up as long as it is little, since their errors have
// nothing to do with each other.
type Mix struct {
	Edits   []string // of one layer, without its number
	Context int      // length in tokens, for which bytes count too
	Books   []Book
	Windows int // contexts whose ends are scored
	Score   int // tokens scored at the end of each
	Chunk   int // as in Plans
	Seed    uint64
	Exact   bool
}

// Mixed is what was measured.
type Mixed struct {
	Own    int64      // bytes of keys and values with the model's own plan
	Layers [][]Choice // of each layer, in the order of Edits; those that it refuses are missing
}

// Choice is an edit of one layer.
type Choice struct {
	Edits string  // "": the layer stays as it is
	KL    float64 // mean of KL(own ‖ changed) over the scored tokens, nats
	Bytes int64   // more than the own plan takes, or less
}

// mixTogether is how many models are held at once.
const mixTogether = 12

// Run measures. Open opens the model with edits of its plan; what it opens is closed at the end. Progress counts tokens.
func (x Mix) Run(ctx context.Context, open func(edits string) (*godwit.Model, error), progress godwit.Progress) (mixed *Mixed, err error) {
	p := Plans{Contexts: []int{x.Context}, Books: x.Books, Windows: x.Windows, Score: x.Score, Chunk: x.Chunk, Seed: x.Seed, Exact: x.Exact,
		Documents: 1, Needles: 1, Pairs: 1, Decode: 1}
	if err := p.check(); err != nil {
		return nil, err
	}
	for _, e := range x.Edits {
		if strings.Contains(e, ";") {
			return nil, fmt.Errorf("%w: %q is not of one layer", ErrPlans, e)
		}
	}
	r, err := p.start(open, progress)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close(0)) }()
	windows, err := r.windows()
	if err != nil {
		return nil, err
	}
	layers := len(r.models[0].Info().Plan.Layers)
	mixed = &Mixed{Layers: make([][]Choice, layers)}
	every := max(1, mixTogether/max(1, len(x.Edits)))
	r.meter.total = (layers*len(x.Edits) + (layers+every-1)/every) * len(windows) * (x.Context - 1)
	for l := 0; l < layers; l += every {
		if err := x.some(ctx, r, mixed, windows, l, min(l+every, layers)); err != nil {
			return nil, err
		}
	}
	return mixed, nil
}

// some measures layers [l, end).
func (x Mix) some(ctx context.Context, r *planRun, mixed *Mixed, windows []place, l, end int) error {
	if err := r.close(1); err != nil {
		return err
	}
	var of []int // [models but the first] their layers
	rows := []PlanResult{{}}
	for ; l < end; l++ {
		for _, e := range x.Edits {
			err := r.add(fmt.Sprintf("%d: %s", l, e))
			if errors.Is(err, attention.ErrCompose) {
				r.meter.add(len(windows) * (x.Context - 1))
				continue
			}
			if err != nil {
				return err
			}
			of, rows = append(of, l), append(rows, PlanResult{Edits: e})
		}
	}
	if err := r.agree(ctx, x.Context, windows, rows); err != nil {
		return err
	}
	mixed.Own = rows[0].KVBytes
	for i, l := range of {
		mixed.Layers[l] = append(mixed.Layers[l], Choice{rows[i+1].Edits, rows[i+1].KL, rows[i+1].KVBytes - mixed.Own})
	}
	return nil
}

// Pick returns the edit of each layer with which all together take at most so many bytes and lose the least, about, and their sum. If none
// are that few, it is what takes the least. From the best of each layer on, the next change is always that which loses the least for a byte.
func (m *Mixed) Pick(bytes int64) (picks []Choice, sum Choice) {
	sum.Bytes = m.Own
	for _, of := range m.Layers {
		best := Choice{}
		for _, c := range of {
			if c.KL <= best.KL && c.Bytes < best.Bytes {
				best = c
			}
		}
		picks = append(picks, best)
		sum.KL, sum.Bytes = sum.KL+best.KL, sum.Bytes+best.Bytes
	}
	for sum.Bytes > bytes {
		at, to, least := -1, Choice{}, math.Inf(1)
		for l, of := range m.Layers {
			for _, c := range of {
				if saved := picks[l].Bytes - c.Bytes; saved > 0 && (c.KL-picks[l].KL)/float64(saved) < least {
					at, to, least = l, c, (c.KL-picks[l].KL)/float64(saved)
				}
			}
		}
		if at < 0 {
			break
		}
		sum.KL, sum.Bytes = sum.KL+to.KL-picks[at].KL, sum.Bytes+to.Bytes-picks[at].Bytes
		picks[at] = to
	}
	return picks, sum
}

// MixEdits is the text of a plan in which each layer has its edit.
func MixEdits(picks []Choice) string {
	var order []string
	layers := map[string][]int{}
	for l, c := range picks {
		if c.Edits == "" {
			continue
		}
		if layers[c.Edits] == nil {
			order = append(order, c.Edits)
		}
		layers[c.Edits] = append(layers[c.Edits], l)
	}
	for i, e := range order {
		order[i] = attention.LayerRanges(layers[e]) + ": " + e
	}
	return strings.Join(order, "; ")
}
