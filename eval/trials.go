package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
)

// HeadTrials measures what single KV heads of a model are worth: in its trial a head has less of a long text than the model's plan gives
// it, while all others have what they had, and what the model's predictions of the text's end differ by is what it loses.
type HeadTrials struct {
	Context int      // tokens that are read
	Score   int      // tokens of the end whose predictions are compared
	KVHeads int      // of the model
	Less    HeadLess // what a head has in its trial: a HeadWindow or HeadChoices
	Layers  []int    // whose heads; nil: the layers that see everything
	trials  []*trial
	trying  bool // a head has less; set while no step runs
}

// HeadLess is what a head can have instead of all that it sees.
type HeadLess interface {
	// words are those of plans: the key, what a head usually has, and what it has less.
	words() (key, usual, less string)
	// split gives each KV head of a layer a switch. It reports false if the layer has no use for them.
	split(l *attention.Layer, heads []*trial) bool
	// rows tells how many rows go together (those from a multiple of every on to the next have what the first of them has), and how many
	// a text must have at least.
	rows() (every, least int)
	// tiles returns how many tiles a row, a multiple of every, reads by the model's plan, and how many with less.
	tiles(t *trial, row int) (all, less int)
}

// HeadTrial is what was measured of one KV head.
type HeadTrial struct {
	Layer, Head int
	KL          float64 // KL(the model's plan ‖ less) of the predictions, the mean in nats
	Reads       float64 // how many tiles it reads by the model's plan, over the tiles of the past, for all rows of the text
	Saves       float64 // how many fewer it reads with less, likewise
	Less        bool    // it is to have less
}

// trial is the switch of a KV head.
type trial struct {
	of          *HeadTrials
	layer, head int
	span        attention.Span // what it sees by the model's plan
	on          bool           // it has less; set while no step runs
	saved       []int32        // [rows/every] tiles that choices pass over
}

// ErrChanged says that a model's plan is not the one that a measurement changes.
var ErrChanged = errors.New("the model's plan does not come from this measurement")

// ErrHeads says that a model has no heads to choose for.
var ErrHeads = errors.New("no layer of the model sees all of its past")

// Plan returns p with a switch for every head that has a trial.
func (w *HeadTrials) Plan(p attention.Plan) (attention.Plan, error) {
	if w.Less == nil {
		return p, fmt.Errorf("heads: neither windows nor choices are tried: %w", ErrChanged)
	}
	p.Layers = slices.Clone(p.Layers)
	w.trials = []*trial{}
	list := w.Layers
	if list == nil {
		list = p.WideLayers()
	}
	for _, i := range list {
		l := &p.Layers[i]
		var heads []*trial
		for h := range w.KVHeads {
			t := &trial{of: w, layer: i, head: h, span: attention.Full{}}
			if n := len(l.Span); n > 0 {
				t.span = l.Span[h%n]
			}
			heads = append(heads, t)
		}
		if w.Less.split(l, heads) {
			w.trials = append(w.trials, heads...)
		}
	}
	return p, nil
}

// Run reads a text with m, whose plan must come from Plan. The first half of the scored tokens goes on with the text, the other half
// repeats a passage from the middle: what copies from afar is seldom needed in a text, and its lack is noticed only there. Tokens are
// scored in blocks of at most 64; before its block a head has had what the model's plan gives it. Progress counts tokens.
func (w *HeadTrials) Run(ctx context.Context, m *godwit.Model, tokens []int32, progress godwit.Progress) ([]HeadTrial, error) {
	switch {
	case w.trials == nil:
		return nil, ErrChanged
	case len(w.trials) == 0:
		return nil, ErrHeads
	}
	every, least := w.Less.rows()
	if least = max(least, 4*w.Score); w.Score < 2 || w.Context < least || len(tokens) < w.Context {
		return nil, fmt.Errorf("heads: %d tokens of a text of %d, %d of them scored, and %d are the least: %w", w.Context, len(tokens), w.Score, least, ErrShort)
	}
	// Rounded activations differ by 0.001 to 0.005 nats whatever is changed, more than most heads do (smollm2:135m).
	s, err := m.NewSession(godwit.SessionOptions{Context: w.Context, Exact: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	half := w.Score / 2
	text := slices.Concat(tokens[:w.Context-half], tokens[w.Context/2:][:half])
	last := w.Context - 1   // it predicts nothing that is known
	first := last - w.Score // the row that predicts the first scored token
	start := first - first%every
	for _, t := range w.trials {
		t.saved = make([]int32, last/every+1)
	}
	done, all := 0, start+(last-start)*(len(w.trials)+1)
	part := func(n, _ int) {
		if progress != nil {
			progress(done+n, all)
		}
	}
	if err := s.Feed(ctx, text[:start], part); err != nil {
		return nil, err
	}
	done = start
	// Rows that go together are in one block. A rewind of more than a tile may compute all of the text again.
	block := newReference(m.Info().Vocab, max(16, every), attention.Tile)
	rows := block.rows / every * every
	sums := make([]PlanWindow, len(w.trials)+1) // the model's own first
	try := func(k, at, end int) error {
		if err := s.Rewind(ctx, at, nil); err != nil {
			return err
		}
		if k > 0 {
			t := w.trials[k-1]
			w.trying, t.on = true, true
			defer func() { w.trying, t.on = false, false }()
		}
		return s.Each(ctx, text[at:end], func(i int, logits []float32) error {
			if at+i >= first {
				block.see(&sums[k], k == 0, i, logits, text[at+i+1])
			}
			return nil
		})
	}
	for at := start; at < last; at += rows {
		end := min(at+rows, last)
		for k := range sums {
			if err := try(k, at, end); err != nil {
				return nil, err
			}
			done += end - at
			part(0, 0)
		}
		if end == last {
			break
		}
		if err := s.Rewind(ctx, at, nil); err != nil {
			return nil, err
		}
		if err := s.Feed(ctx, text[at:end], nil); err != nil {
			return nil, err
		}
	}
	heads := make([]HeadTrial, len(w.trials))
	for k, t := range w.trials {
		heads[k] = HeadTrial{Layer: t.layer, Head: t.head, KL: sums[k+1].KL / float64(w.Score)}
		heads[k].Reads, heads[k].Saves = t.reads(last, every)
	}
	return heads, nil
}

// reads counts tiles of the first n rows.
func (t *trial) reads(n, every int) (reads, saves float64) {
	past := 0
	for row := 0; row < n; row += every {
		rows := min(every, n-row)
		all, less := t.of.Less.tiles(t, row)
		past += (row/attention.Tile + 1) * rows
		reads += float64(all * rows)
		saves += float64((all - less) * rows)
	}
	return reads / float64(past), saves / float64(past)
}

// Edits is the plan that follows.
func (w *HeadTrials) Edits(heads []HeadTrial) string {
	key, usual, less := w.Less.words()
	return headEdits(key, usual, len(heads), func(i int) (layer int, text string) {
		if text = usual; heads[i].Less {
			text = less
		}
		return heads[i].Layer, text
	})
}

// headEdits is a plan's text, key=… for n KV heads in the order of their layers, all but the layers whose heads all have the usual text.
func headEdits(key, usual string, n int, of func(i int) (layer int, text string)) string {
	var texts []string // of layers, each once
	var layers [][]int
	for i := 0; i < n; {
		layer, _ := of(i)
		var heads []string
		for ; i < n; i++ {
			l, text := of(i)
			if l != layer {
				break
			}
			heads = append(heads, text)
		}
		text := heads[0]
		if len(slices.Compact(slices.Clone(heads))) > 1 {
			text = "[" + strings.Join(heads, ",") + "]"
		}
		if k := slices.Index(texts, text); k >= 0 {
			layers[k] = append(layers[k], layer)
		} else {
			texts, layers = append(texts, text), append(layers, []int{layer})
		}
	}
	var groups []string
	for i, text := range texts {
		if text != usual {
			groups = append(groups, attention.LayerRanges(layers[i])+": "+key+"="+text)
		}
	}
	return strings.Join(groups, "; ")
}
