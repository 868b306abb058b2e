package eval

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/seq"
)

// TestHeadSpansChoose: windows go to the heads that lose the least, as long as the sum allows; the text is a plan.
func TestHeadSpansChoose(t *testing.T) {
	h := HeadSpans{Window: 64, Most: 0.1}
	heads := []HeadSpan{{Layer: 1, Head: 0, KL: 0.05}, {Layer: 1, Head: 1, KL: 0.01}, {Layer: 2, Head: 0, KL: 0.03}, {Layer: 2, Head: 1, KL: -1e-9},
		{Layer: 4, Head: 0, KL: 0.2}, {Layer: 4, Head: 1, KL: 0.011}, {Layer: 5, Head: 0, KL: 0.3}, {Layer: 5, Head: 1, KL: 0.4}}
	h.choose(heads)
	want := "1,4: span=[full,sinks(4)+window(64)]; 2: span=sinks(4)+window(64)"
	if text := h.Edits(heads); text != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	p, err := attention.ParsePlan(h.Edits(heads), 6)
	if err != nil {
		t.Fatal(err)
	}
	if wide := p.WideLayers(); !slices.Equal(wide, []int{0, 1, 3, 4, 5}) {
		t.Errorf("layers %v see everything", wide)
	}
}

// late sees all up to a row, and from then on a window.
type late struct {
	from   seq.Pos
	window attention.Span
}

func (s late) Sees(q, k seq.Pos) bool { return q < s.from || s.window.Sees(q, k) }

func (s late) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	if q < s.from {
		return append(dst, seq.Run{Hi: hi})
	}
	return s.window.Runs(dst, q, hi)
}

func (s late) String() string { return "late" }

// TestHeadSpans: what a head is said to lose is what a model loses in which it has a window from the same row on; the same at any number of
// threads; and who sees less than everything already is left alone.
func TestHeadSpans(t *testing.T) {
	path := testmodel.Path(t, "gemma3:270m")
	book, err := os.ReadFile("../testdata/books/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	const ctx, score, block = 300, 18, 16 // rows are compared in blocks, each after a past that is dense
	var ids []int32
	logits := func(change func(attention.Plan) (attention.Plan, error)) (rows [][]float32) {
		m, err := godwit.Open(path, godwit.Options{Threads: 2, ChangePlan: change})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		s, err := m.NewSession(godwit.SessionOptions{Context: ctx, Exact: true})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if ids, err = m.Tokenize(string(book[:3000]), false); err != nil {
			t.Fatal(err)
		}
		text := slices.Concat(ids[:ctx-score/2], ids[ctx/2:][:score/2])
		if err := s.Feed(context.Background(), text[:ctx-score-1], nil); err != nil {
			t.Fatal(err)
		}
		err = s.Each(context.Background(), text[ctx-score-1:ctx-1], func(_ int, logits []float32) error {
			rows = append(rows, slices.Clone(logits))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	h := HeadSpans{Context: ctx, Window: 32, Score: score, Most: 1e-9}
	var first []HeadSpan
	for threads := 2; threads > 0; threads-- {
		w := &SpanWatch{HeadSpans: h, KVHeads: 1}
		m, err := godwit.Open(path, godwit.Options{Threads: threads, ChangePlan: w.Plan})
		if err != nil {
			t.Fatal(err)
		}
		if ids == nil {
			logits(nil)
		}
		heads, err := w.Run(context.Background(), m, ids, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Run(context.Background(), m, ids[:ctx-1], nil); !errors.Is(err, ErrShort) {
			t.Errorf("a text that is too short: %v", err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = heads
		}
		if !slices.Equal(first, heads) {
			t.Errorf("%d threads: %+v, then %+v", threads, first, heads)
		}
	}
	if len(first) != 3 || first[0].Layer != 5 || first[2].Layer != 17 || first[2].Bounded {
		t.Fatalf("%+v", first)
	}
	dense := logits(nil)
	for _, head := range []HeadSpan{first[0], first[2]} {
		kl := 0.0
		for at := 0; at < score; at += block {
			bounded := logits(func(p attention.Plan) (attention.Plan, error) {
				p.Layers = slices.Clone(p.Layers)
				p.Layers[head.Layer].Span = []attention.Span{late{seq.Pos(ctx - score - 1 + at), h.span()}}
				return p, nil
			})
			for i := at; i < min(at+block, score); i++ {
				kl += KL(dense[i], bounded[i]) / score
			}
		}
		if math.Abs(kl-head.KL) > 1e-5*(1+kl) || kl < 1e-5 {
			t.Errorf("layer %d: %v, and by itself %v", head.Layer, head.KL, kl)
		}
	}
	w := &SpanWatch{HeadSpans: h, KVHeads: 1}
	p, err := attention.ParsePlan("span=window(64); 1: span=strided(8)", 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Plan(p); err != nil || len(w.spans) != 0 {
		t.Errorf("%d heads, %v", len(w.spans), err)
	}
	if _, err := w.Run(context.Background(), nil, ids, nil); !errors.Is(err, ErrHeads) {
		t.Errorf("nothing to measure: %v", err)
	}
	if _, err := (&SpanWatch{HeadSpans: h}).Run(context.Background(), nil, ids, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("another plan: %v", err)
	}
}
