package eval

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// opener opens a model with any plan.
func opener(path string) func(edits string) (*godwit.Model, error) {
	return func(edits string) (*godwit.Model, error) {
		return godwit.Open(path, godwit.Options{Plan: edits, Threads: 1})
	}
}

// opticks is the beginning of the book: all of it takes longer to read into tokens than most tests.
func opticks(t *testing.T) Book {
	t.Helper()
	data, err := os.ReadFile("../testdata/books/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	return Book{"opticks", string(data[:40000])}
}

// small is a comparison in a moment, on the tiny model, whose tokens are bytes: documents of 16 tiles of keys, in steps of half a tile.
func small(t *testing.T, edits ...string) Plans {
	return Plans{Edits: edits, Contexts: []int{1024}, Books: []Book{opticks(t)}, Windows: 2, Score: 24, Documents: 1, Needles: 2, Pairs: 3, Decode: 2, Chunk: 32, Seed: 1}
}

// TestPlans: the model's own plan loses nothing against itself, rounded caches a little, a plan that forgets more; bytes are those that a
// session tells, and figures of windows those of its logits, by hand.
func TestPlans(t *testing.T) {
	open := opener(testmodel.Tiny(t, "tokenizer.ggml.add_bos_token", false))
	p := small(t, "layout=grow", "kv=q4 near=none", "span=sinks(4)+window(ctx/16)")
	var done, total int
	rows, err := p.Run(context.Background(), open, func(d, n int) {
		if d < done || n < total || d > n {
			t.Fatalf("progress goes from %d of %d to %d of %d", done, total, d, n)
		}
		done, total = d, n
	})
	if err != nil {
		t.Fatal(err)
	}
	if done != total || total < 4*2*1024 {
		t.Errorf("progress ends at %d of %d", done, total)
	}
	if len(rows) != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	own, same, q4, forgets := rows[0], rows[1], rows[2], rows[3]
	for _, r := range []PlanResult{own, same} {
		if r.Loss != 0 || r.LossSE != 0 || r.KL != 0 || r.KLSE != 0 || r.SameTop != 100 || r.NLL != own.NLL {
			t.Errorf("%q against itself: %+v", r.Edits, r)
		}
		if d := cmp.Diff(own.Tasks, r.Tasks); d != "" {
			t.Errorf("%q answers otherwise than itself: %s", r.Edits, d)
		}
	}
	if q4.KL <= 0 || q4.KL > 0.2 || q4.SameTop < 50 || q4.Loss == 0 || q4.LossSE <= 0 {
		t.Errorf("%+v", q4)
	}
	if forgets.KL <= q4.KL || forgets.Loss == 0 || forgets.KVBytes >= own.KVBytes {
		t.Errorf("64 tokens and four: %+v", forgets)
	}
	var ids []int32
	var logits [][]float32 // of the model's own plan, [Score, vocabulary]
	for i, r := range rows {
		m, err := open(PlanAt(r.Edits, 1024))
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.NewSession(godwit.SessionOptions{Context: 1024, Chunk: 32})
		if err != nil {
			t.Fatal(err)
		}
		if ids == nil {
			if ids, err = m.Tokenize(p.Books[0].Text, false); err != nil {
				t.Fatal(err)
			}
		}
		logits = handWindow(t, s, ids, p.Score, r.Windows[1], logits)
		if want := s.Stats().KVBytes; r.KVBytes != want || r.PerToken() != float64(want)/1024 {
			t.Errorf("%q: %d bytes, a session tells %d", r.Edits, r.KVBytes, want)
		}
		if r.Plan != m.Plan() || r.PrefillTPS <= 0 || r.DecodeTPS <= 0 || len(r.Windows) != 2 || len(r.Tasks) != 3 {
			t.Errorf("row %d: %+v", i, r)
		}
		d := (r.Windows[0].NLL + r.Windows[1].NLL - own.Windows[0].NLL - own.Windows[1].NLL) / 2
		if math.Abs(r.Loss-100*math.Expm1(d)) > 1e-9 {
			t.Errorf("row %d loses %v%%, by hand %v%%", i, r.Loss, 100*math.Expm1(d))
		}
		s.Close()
		m.Close()
	}
	// One plan at a time beside the model's own, which is not asked twice for its own figures.
	p.Memory, p.Edits = 1, p.Edits[1:]
	again := windowsOf(t, p, open)
	for i, r := range slices.Delete(rows, 1, 2) {
		r.Tasks, r.PrefillTPS, r.DecodeTPS, r.Anon = nil, 0, 0, 0 // of the documents
		if d := cmp.Diff(r, again[i]); d != "" {
			t.Errorf("one plan after the other:\n%s", d)
		}
	}
}

// TestPlansFind: a real model finds a pass key, which a plan that forgets what stands in the text before does not.
func TestPlansFind(t *testing.T) {
	p := small(t, "span=sinks(4)+window(ctx/16)")
	p.Contexts, p.Needles, p.Pairs, p.Chunk = []int{256}, 1, 1, 0
	r, err := p.start(opener(testmodel.Path(t, "smollm2:135m")), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(0)
	if err := r.openAll(256); err != nil {
		t.Fatal(err)
	}
	docs, err := r.documents(256)
	if err != nil {
		t.Fatal(err)
	}
	var keys []TaskResult
	for _, m := range r.models {
		row := PlanResult{Context: 256}
		if err := r.retrieve(context.Background(), m, docs, &row); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, row.Tasks[1])
	}
	if own := keys[0]; own.Task != Passkey || own.Exact != 100 {
		t.Errorf("the model does not find the pass key: %+v", own)
	}
	if forgets := keys[1]; forgets.Exact != 0 || forgets.LogProb > keys[0].LogProb-0.5 {
		t.Errorf("a plan that forgets finds the pass key: %+v, with everything in sight %+v", forgets, keys[0])
	}
}

// windowsOf measures the windows alone.
func windowsOf(t *testing.T, p Plans, open func(edits string) (*godwit.Model, error)) (rows []PlanResult) {
	t.Helper()
	r, err := p.start(open, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(0)
	if err := r.openAll(1024); err != nil {
		t.Fatal(err)
	}
	if n := len(r.groups(1024)); n != len(p.Edits) {
		t.Errorf("%d plans are measured in %d groups", len(p.Edits), n)
	}
	for i, m := range r.models {
		rows = append(rows, PlanResult{Context: 1024, Plan: m.Plan(), Edits: append([]string{""}, p.Edits...)[i]})
	}
	places, err := r.windows()
	if err == nil {
		err = r.agree(context.Background(), 1024, places, rows)
	}
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// handWindow compares a window's figures with those of the logits, by hand. own are the logits of the model's own plan; nil: it is this
// one, whose logits are returned.
func handWindow(t *testing.T, s *godwit.Session, ids []int32, score int, w PlanWindow, own [][]float32) [][]float32 {
	t.Helper()
	const length = 1024
	var logits [][]float32
	err := s.Each(context.Background(), ids[w.First+score-length:w.First+score-1], func(i int, x []float32) error {
		if i >= length-1-score {
			logits = append(logits, slices.Clone(x))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if own == nil {
		own = logits
	}
	var nll, kl, top float64
	n := float64(score)
	for j, x := range logits {
		nll -= LogProb(x, ids[w.First+j]) / n
		kl += KL(own[j], x) / n
		if best(own[j]) == best(x) {
			top += 100 / n
		}
	}
	if math.Abs(w.NLL-nll) > 1e-6 || math.Abs(w.KL-kl) > 1e-6 || math.Abs(w.SameTop-top) > 1e-9 {
		t.Errorf("%+v; by hand %g, %g, %g", w, nll, kl, top)
	}
	return own
}

// TestPlansErrors: options without sense, a plan that cannot be read, books that are too short, and cancellation.
func TestPlansErrors(t *testing.T) {
	open := opener(testmodel.Tiny(t))
	for what, spoil := range map[string]func(*Plans){
		"lengths": func(p *Plans) { p.Contexts = nil }, "books": func(p *Plans) { p.Books = nil }, "windows": func(p *Plans) { p.Windows = 1 },
		"score": func(p *Plans) { p.Score = 0 }, "documents": func(p *Plans) { p.Documents = 0 }, "needles": func(p *Plans) { p.Needles = 99 },
		"pairs": func(p *Plans) { p.Pairs = 99 }, "decode": func(p *Plans) { p.Decode = 0 }, "chunk": func(p *Plans) { p.Chunk = -1 }, "memory": func(p *Plans) { p.Memory = -1 },
		"length": func(p *Plans) { p.Contexts = []int{25} },
	} {
		p := small(t)
		spoil(&p)
		if _, err := p.Run(context.Background(), open, nil); !errors.Is(err, ErrPlans) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := small(t, "kv=f31").Run(context.Background(), open, nil); err == nil || !strings.Contains(err.Error(), "kv=f31") {
		t.Errorf("a plan that is none: %v", err)
	}
	p := small(t)
	p.Books[0].Text = p.Books[0].Text[:500]
	if _, err := p.Run(context.Background(), open, nil); !errors.Is(err, ErrShort) {
		t.Errorf("a short book: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := small(t).Run(ctx, open, func(done, _ int) {
		if done > 1100 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestHidden: what is asked for stands in the document once, at about its depth, and the same seed hides the same.
func TestHidden(t *testing.T) {
	text := strings.Repeat("A bird flies over the sea and does not rest. ", 2000)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		parts, questions := retrieval{5, 16}.hide(rng)
		doc := bury(text, parts)
		for _, q := range questions {
			lead := strings.TrimPrefix(q.Lead, "The list of numbers:\n")
			if n := strings.Count(doc, lead+q.Answer); n != 1 {
				t.Errorf("seed %d: %q is there %d times", seed, lead+q.Answer, n)
			}
			if at := float64(strings.Index(doc, lead+q.Answer)) / float64(len(doc)); math.Abs(at-q.Depth) > 0.02 {
				t.Errorf("seed %d: %q stands at %.3f, not %.3f", seed, q.Lead, at, q.Depth)
			}
		}
		again, _ := retrieval{5, 16}.hide(rand.New(rand.NewPCG(seed, 0)))
		if bury(text, again) != doc {
			t.Errorf("seed %d is not deterministic", seed)
		}
	}
}

// TestMoments: of four numbers, by hand.
func TestMoments(t *testing.T) {
	m := moments{[]float64{1, 2, 3, 6}}
	if m.mean() != 3 || math.Abs(m.se()-math.Sqrt(14.0/3/4)) > 1e-15 || (&moments{[]float64{1}}).se() != 0 {
		t.Errorf("%g ± %g", m.mean(), m.se())
	}
}

// TestPlanAt: parts of the length become numbers, and nothing else does.
func TestPlanAt(t *testing.T) {
	for in, want := range map[string]string{
		"kv=q4":                          "kv=q4",
		"span=sinks(4)+window(ctx/4)":    "span=sinks(4)+window(512)",
		"window(ctx/3) window(ctx/4096)": "window(682) window(1)",
		"ctx/0 xctx/4 ctx/ ctx/4k":       "ctx/0 xctx/4 ctx/ ctx/4k",
	} {
		if got := PlanAt(in, 2048); got != want {
			t.Errorf("%q at 2,048 tokens is %q, not %q", in, got, want)
		}
	}
}
