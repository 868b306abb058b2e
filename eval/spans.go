package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/seq"
)

// HeadSpans measures which KV heads of a model can do with the first tokens and the last ones of a long text. Their caches are then as
// small as a window (attention.Mixed), and what they read too. DuoAttention (arXiv 2410.10819) and RazorAttention (2407.15891) divide
// heads so; here it is by what the model's predictions lose when a single head sees no more.
type HeadSpans struct {
	Context int     // tokens that are read
	Window  int     // tokens
	Score   int     // tokens of the end whose predictions are compared
	Most    float64 // what the predictions may differ by, the sum over the heads that get a window: divergence in nats per token
}

// HeadSpan is what was measured of one KV head.
type HeadSpan struct {
	Layer, Head int
	KL          float64 // KL(dense ‖ window) of the predictions, the mean in nats
	Bounded     bool    // it can do with a window
}

// spanSinks is how many first tokens every head sees (StreamingLLM, arXiv 2309.17453).
const spanSinks = 4

// ErrChanged says that a model's plan is not the one that a measurement changes.
var ErrChanged = errors.New("the model's plan does not come from this measurement")

// span is what a head with a window sees.
func (h HeadSpans) span() attention.Span {
	return attention.NewUnion(attention.Sinks{N: spanSinks}, attention.Window{N: int32(h.Window)})
}

// Run reads a text with m, whose plan must come from Plan. The first half of the scored tokens goes on with the text, the other half
// repeats a passage from the middle: what copies from afar is seldom needed in a text, and its lack is noticed only there.
// Progress counts tokens.
func (w *SpanWatch) Run(ctx context.Context, m *godwit.Model, tokens []int32, progress godwit.Progress) ([]HeadSpan, error) {
	h := w.HeadSpans
	if h.Score < 2 || h.Context < 2*h.Window || h.Context < 4*h.Score || len(tokens) < h.Context {
		return nil, fmt.Errorf("heads: %d tokens of a text of %d, for windows of %d and %d scored tokens: %w", h.Context, len(tokens), h.Window, h.Score, ErrShort)
	}
	switch {
	case w.spans == nil:
		return nil, ErrChanged
	case len(w.spans) == 0:
		return nil, ErrHeads
	}
	// Rounded activations differ by 0.001 to 0.005 nats whatever is changed, more than most heads do (smollm2:135m).
	s, err := m.NewSession(godwit.SessionOptions{Context: h.Context, Exact: true})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	half := h.Score / 2
	text := slices.Concat(tokens[:h.Context-half], tokens[h.Context/2:][:half])
	first := h.Context - h.Score - 1 // the row that predicts the first scored token
	done, all := 0, first+h.Score*(len(w.spans)+1)
	part := func(n, _ int) {
		if progress != nil {
			progress(done+n, all)
		}
	}
	if err := s.Feed(ctx, text[:first], part); err != nil {
		return nil, err
	}
	done = first
	block := newReference(m.Info().Vocab, h.Score)
	sums := make([]PlanWindow, len(w.spans)+1)
	for at := first; at < h.Context-1; at += block.rows {
		end := min(at+block.rows, h.Context-1)
		for k := range sums {
			if k > 0 {
				w.spans[k-1].on = true
			}
			err := s.Rewind(ctx, at, nil)
			if err == nil {
				err = s.Each(ctx, text[at:end], func(i int, logits []float32) error {
					block.see(&sums[k], k == 0, i, logits, text[at+i+1])
					return nil
				})
			}
			if k > 0 {
				w.spans[k-1].on = false
			}
			if err != nil {
				return nil, err
			}
			done += end - at
			part(0, 0)
		}
		// The next block's past is dense again.
		if err := s.Rewind(ctx, at, nil); err != nil {
			return nil, err
		}
		if err := s.Feed(ctx, text[at:end], nil); err != nil {
			return nil, err
		}
	}
	heads := make([]HeadSpan, len(w.spans))
	for k, span := range w.spans {
		heads[k] = HeadSpan{Layer: span.layer, Head: span.head, KL: sums[k+1].KL / float64(h.Score)}
	}
	h.choose(heads)
	return heads, nil
}

// choose gives windows to the heads that lose the least, as long as the sum of what they lose is no more than Most.
func (h HeadSpans) choose(heads []HeadSpan) {
	order := make([]int, len(heads))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(heads[a].KL, heads[b].KL) })
	sum := 0.0
	for _, i := range order {
		if sum += max(heads[i].KL, 0); sum > h.Most {
			return
		}
		heads[i].Bounded = true
	}
}

// Edits is the plan that follows.
func (h HeadSpans) Edits(heads []HeadSpan) string {
	full := attention.Full{}.String()
	return headEdits("span", full, len(heads), func(i int) (layer int, text string) {
		if text = full; heads[i].Bounded {
			text = h.span().String()
		}
		return heads[i].Layer, text
	})
}

// SpanWatch is a plan whose KV heads can be given windows, one at a time, between steps.
type SpanWatch struct {
	HeadSpans
	KVHeads int
	spans   []*switched
}

// Plan returns p with it, for all layers whose heads see everything.
func (w *SpanWatch) Plan(p attention.Plan) (attention.Plan, error) {
	p.Layers = slices.Clone(p.Layers)
	w.spans = []*switched{}
	for _, i := range p.WideLayers() {
		l := &p.Layers[i]
		if slices.ContainsFunc(l.Span, func(s attention.Span) bool { return s != attention.Span(attention.Full{}) }) {
			continue
		}
		l.Layout, l.Span = attention.Grow{}, nil
		for h := range w.KVHeads {
			s := &switched{window: w.span(), layer: i, head: h}
			w.spans = append(w.spans, s)
			l.Span = append(l.Span, s)
		}
	}
	return p, nil
}

// switched sees everything, or a window.
type switched struct {
	window      attention.Span
	layer, head int
	on          bool // it sees the window; set while no step runs
}

func (s *switched) now() attention.Span {
	if s.on {
		return s.window
	}
	return attention.Full{}
}

// Sees implements attention.Span.
func (s *switched) Sees(q, k seq.Pos) bool { return s.now().Sees(q, k) }

// Runs implements attention.Span.
func (s *switched) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	return s.now().Runs(dst, q, hi)
}

func (s *switched) String() string { return "switched" }

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
