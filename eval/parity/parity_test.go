// Package parity compares godwit with llama.cpp on real models. What llama.cpp computed is in reference.*.json
// (reference.py makes them); docs/PARITY.md has the figures, which run.sh measures again.
package parity

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/eval"
	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/sample"
)

// reference is what llama.cpp computed for a model: exactly (float32 weights, cache and activations) and fast (the file as
// it comes).
type reference struct {
	MadeBy string `json:"made_by"`
	Greedy []struct {
		Prompt    string         `json:"prompt"`
		PromptIDs []int32        `json:"prompt_ids"`
		TokenIDs  []int32        `json:"token_ids"` // [128]
		Top       [][][2]float64 `json:"top"`       // [128, 20] of id and log-probability, the most probable first
	} `json:"greedy"`
	KL struct {
		Tokens int     `json:"tokens"`
		Mean   float64 `json:"mean_kl"` // of fast from exact, nats
		Same   float64 `json:"same_top"`
	} `json:"kl"`
	ExactPPL   []perplexity `json:"exact_ppl"`
	PPL        []perplexity `json:"ppl"`
	TextTokens int          `json:"text_tokens"`
}

type perplexity struct {
	Ctx    int     `json:"ctx"`
	PPL    float64 `json:"ppl"`
	Tokens int     `json:"tokens"`
}

// The limits that a comparison must keep.
const (
	tieExact  = 0.05 // exact greedy texts may part where llama.cpp's top two are closer than this
	topExact  = 0.03 // top-20 log-probabilities
	tieFast   = 0.3  // fast mode may choose another token where the exact top two are closer than this
	bookBytes = 100_000
)

var models = []string{"smollm2:135m", "gemma3:270m"}

// open opens a real model; an exact one keeps its cache in float32 as well.
func open(t testing.TB, name string, exact bool) *godwit.Model {
	t.Helper()
	var o godwit.Options
	if exact {
		o.Plan = "kv=f32"
	}
	m, err := godwit.Open(testmodel.Path(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func load(t testing.TB, name string) reference {
	t.Helper()
	short, _, _ := strings.Cut(name, ":")
	data, err := os.ReadFile("reference." + short + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// book returns the tokens of the beginning of the book, with BOS as the model adds it.
func book(t testing.TB, m *godwit.Model) []int32 {
	t.Helper()
	text, err := os.ReadFile("../../testdata/books/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	ids, err := m.Tokenize(strings.ToValidUTF8(string(text[:bookBytes]), ""), false)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func session(t testing.TB, m *godwit.Model, exact bool) *godwit.Session {
	t.Helper()
	s, err := m.NewSession(godwit.SessionOptions{Context: 2048, Exact: exact})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// greedy is the outcome of comparing continuations.
type greedy struct {
	steps    int     // compared with the reference
	parted   int     // prompts whose texts part at a near-tie
	other    int     // steps at which the most probable token is another one
	widest   float64 // largest gap of the reference's top two at such a step
	topDelta float64 // largest difference of a top-20 log-probability
	strange  int     // tokens in our top 20 that are not in the reference's, beyond the tolerance
}

// compareGreedy follows the reference's continuations and compares every step, of prompts texts and steps tokens.
func compareGreedy(t testing.TB, name string, ref reference, exact bool, prompts, steps int) greedy {
	t.Helper()
	m := open(t, name, exact)
	s := session(t, m, exact)
	ctx := context.Background()
	var g greedy
	for _, r := range ref.Greedy[:prompts] {
		ids, err := m.Tokenize(r.Prompt, true)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ids, r.PromptIDs) {
			t.Fatalf("%q: ids %v, want %v", r.Prompt, ids, r.PromptIDs)
		}
		if err := s.Rewind(ctx, 0, nil); err != nil {
			t.Fatal(err)
		}
		parted := false
		for i := range steps {
			if err := s.Feed(ctx, ids, nil); err != nil {
				t.Fatal(err)
			}
			logits, err := s.Logits()
			if err != nil {
				t.Fatal(err)
			}
			g.steps++
			z := eval.LogSumExp(logits)
			for _, e := range r.Top[i] {
				g.topDelta = max(g.topDelta, math.Abs(float64(logits[int(e[0])])-z-e[1]))
			}
			least := r.Top[i][len(r.Top[i])-1][1]
			for _, p := range sample.TopLogProbs(logits, len(r.Top[i])) {
				in := slices.ContainsFunc(r.Top[i], func(e [2]float64) bool { return int32(e[0]) == p.ID })
				if !in && float64(p.LogProb) > least+topExact {
					g.strange++
				}
			}
			if best := sample.TopLogProbs(logits, 1)[0].ID; best != r.TokenIDs[i] {
				g.other++
				g.widest = max(g.widest, r.Top[i][0][1]-r.Top[i][1][1])
				parted = true
			}
			ids = r.TokenIDs[i : i+1]
		}
		if parted {
			g.parted++
		}
	}
	return g
}

func (g greedy) checkExact(t testing.TB) {
	t.Helper()
	if g.widest >= tieExact {
		t.Errorf("exact mode chooses another token where llama.cpp's top two differ by %.4f, want less than %v", g.widest, tieExact)
	}
	if g.topDelta > topExact || g.strange > 0 {
		t.Errorf("exact top-20 log-probabilities differ by up to %.4f, want %v at most; %d tokens are not in llama.cpp's top 20", g.topDelta, topExact, g.strange)
	}
}

func (g greedy) checkFast(t testing.TB) {
	t.Helper()
	if g.widest >= tieFast {
		t.Errorf("fast mode chooses another token where the exact top two differ by %.4f, want less than %v", g.widest, tieFast)
	}
}

// TestGreedy compares the beginning of every continuation, TestLongParity all of it.
func TestGreedy(t *testing.T) {
	for _, name := range models {
		t.Run(name, func(t *testing.T) {
			ref := load(t, name)
			g := compareGreedy(t, name, ref, true, len(ref.Greedy), 5)
			g.checkExact(t)
			t.Logf("exact: %+v", g)
			g = compareGreedy(t, name, ref, false, len(ref.Greedy), 8)
			g.checkFast(t)
			t.Logf("fast: %+v", g)
		})
	}
}

// TestRejects gives the checks a model that is wrong: they must notice.
func TestRejects(t *testing.T) {
	ref := load(t, models[0])
	for i := range ref.Greedy {
		for j := range ref.Greedy[i].Top {
			ref.Greedy[i].Top[j][3][1] += 2 * topExact
		}
	}
	if g := compareGreedy(t, models[0], ref, true, 1, 2); g.topDelta <= topExact {
		t.Errorf("a log-probability that is %v off went unnoticed: %+v", 2*topExact, g)
	}
	ref = load(t, models[0])
	ref.Greedy[0].TokenIDs[0] = 17
	if g := compareGreedy(t, models[0], ref, false, 1, 1); g.other != 1 {
		t.Errorf("another token went unnoticed: %+v", g)
	}
}

// TestPerplexity measures 4 KB of the book: enough to notice that something is broken.
func TestPerplexity(t *testing.T) {
	m := open(t, models[0], false)
	p := eval.Perplexity{Protocol: eval.Chunks, Context: 512}
	r, err := p.Run(context.Background(), m, book(t, m)[:1024], nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.PPL < 12 || r.PPL > 45 {
		t.Errorf("perplexity %.2f of a book", r.PPL)
	}
	t.Logf("%+v", r)
}
