//go:build long

package parity

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/eval"
	"github.com/godwit-ai/godwit/sample"
)

var update = flag.Bool("update", false, "write docs/PARITY.md")

const pplRelative = 0.003 // perplexities may differ by this part

// divergence returns the mean KL divergence of fast from exact over the first tokens of the book, in windows of 2,000, and
// how often the most probable token is the same.
func divergence(t testing.TB, exact, fast *godwit.Session, ids []int32) (mean, same float64) {
	t.Helper()
	const window, piece = 2000, 64 // piece rows of 262,144 logits are 67 MB
	ctx := context.Background()
	n := 0
	var e []float32 // [piece, vocabulary]
	for begin := 0; begin < len(ids); begin += window {
		end := min(begin+window, len(ids))
		for _, s := range []*godwit.Session{exact, fast} {
			if err := s.Rewind(ctx, 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		for lo := begin; lo < end; lo += piece {
			part := ids[lo:min(lo+piece, end)]
			e = e[:0]
			err := exact.Each(ctx, part, func(_ int, logits []float32) error {
				e = append(e, logits...)
				return nil
			})
			if err == nil {
				err = fast.Each(ctx, part, func(i int, logits []float32) error {
					x := e[i*len(logits) : (i+1)*len(logits)]
					mean += eval.KL(x, logits)
					if sample.TopLogProbs(x, 1)[0].ID == sample.TopLogProbs(logits, 1)[0].ID {
						same++
					}
					n++
					return nil
				})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if n != len(ids) {
		t.Fatalf("%d tokens measured, want %d", n, len(ids))
	}
	return mean / float64(n), same / float64(n)
}

// TestLongParity measures everything that docs/PARITY.md reports.
func TestLongParity(t *testing.T) {
	var doc strings.Builder
	for _, name := range models {
		t.Run(name, func(t *testing.T) {
			ref := load(t, name)
			exact, fast := open(t, name, true), open(t, name, false)
			row := func(what, godwit, llama, limit string) {
				fmt.Fprintf(&doc, "| %s | %s | %s | %s |\n", what, godwit, llama, limit)
			}
			fmt.Fprintf(&doc, "\n## %s\n| | godwit | llama.cpp | limit |\n|---|---|---|---|\n", name)

			g := compareGreedy(t, name, ref, true, len(ref.Greedy), 128)
			g.checkExact(t)
			row("exact: steps of five greedy continuations that choose another token", fmt.Sprintf("%d of %d", g.other, g.steps), "", fmt.Sprintf("only where the top two are closer than %v", tieExact))
			row("exact: widest gap of the top two at such a step", fmt.Sprintf("%.4f", g.widest), "", fmt.Sprint(tieExact))
			row("exact: largest difference of a top-20 log-probability", fmt.Sprintf("%.5f", g.topDelta), "", fmt.Sprint(topExact))
			g = compareGreedy(t, name, ref, false, len(ref.Greedy), 128)
			g.checkFast(t)
			row("fast: steps that choose another token than the exact run", fmt.Sprintf("%d of %d", g.other, g.steps), "", fmt.Sprintf("only where the top two are closer than %v", tieFast))
			row("fast: widest gap of the exact top two at such a step", fmt.Sprintf("%.4f", g.widest), "", fmt.Sprint(tieFast))

			ids := book(t, fast)
			if len(ids) != ref.TextTokens {
				t.Errorf("the book has %d tokens, want %d", len(ids), ref.TextTokens)
			}
			kl, same := divergence(t, session(t, exact, true), session(t, fast, false), ids[:ref.KL.Tokens])
			if kl > ref.KL.Mean {
				t.Errorf("mean KL divergence of fast from exact %.5f, want at most llama.cpp's %.5f", kl, ref.KL.Mean)
			}
			row(fmt.Sprintf("mean KL divergence of fast from exact, %d tokens of a book", ref.KL.Tokens), fmt.Sprintf("%.5f", kl), fmt.Sprintf("%.5f", ref.KL.Mean), "llama.cpp's")
			row("the most probable token is the same", fmt.Sprintf("%.2f%%", 100*same), fmt.Sprintf("%.2f%%", 100*ref.KL.Same), "")

			measure := func(what string, m *godwit.Model, want perplexity) {
				p := eval.Perplexity{Protocol: eval.Chunks, Context: want.Ctx, Exact: what == "exact"}
				r, err := p.Run(context.Background(), m, ids, nil)
				if err != nil {
					t.Fatal(err)
				}
				if r.Tokens != want.Tokens {
					t.Errorf("context %d: %d tokens scored, want %d", want.Ctx, r.Tokens, want.Tokens)
				}
				off := r.PPL/want.PPL - 1
				if math.Abs(off) > pplRelative {
					t.Errorf("%s, context %d: perplexity %.4f, want %.4f (%+.2f%%)", what, want.Ctx, r.PPL, want.PPL, 100*off)
				}
				row(fmt.Sprintf("%s: perplexity of 100 KB of a book, context %d", what, want.Ctx), fmt.Sprintf("%.4f (%+.3f%%)", r.PPL, 100*off), fmt.Sprintf("%.4f", want.PPL), fmt.Sprintf("±%.1f%%", 100*pplRelative))
			}
			for _, want := range ref.PPL {
				measure("fast", fast, want)
			}
			for _, want := range ref.ExactPPL {
				measure("exact", exact, want)
			}
		})
	}
	if *update && !t.Failed() {
		head, err := os.ReadFile("PARITY.head.md")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../../docs/PARITY.md", append(head, doc.String()...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
