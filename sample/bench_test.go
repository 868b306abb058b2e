package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// largeVocab is gemma 3's, the largest of the supported models.
const largeVocab = 262_144

// modelLike makes logits as a language model gives them: a bulk of standard deviation 2.5 and a few tokens far above it, so that
// some dozens hold most of the probability.
func modelLike(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64()*2.5 - 4)
	}
	for i := range 60 {
		x[rng.IntN(n)] = 16 - 3*float32(math.Log(float64(i+1)))
	}
	return x
}

// flatLike makes logits of little spread, of which a large part of the vocabulary is needed for most of the probability: the worst
// case of every step that sorts.
func flatLike(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// BenchmarkNext times one token at vocabularies of 262,144 and 49,152: the chain that most programs use, the same with penalties, each step
// alone, and the steps that sort on a flat distribution.
func BenchmarkNext(b *testing.B) {
	common := Params{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05}
	penalised := common
	penalised.RepeatPenalty, penalised.DRYMultiplier = 1.1, 0.8
	for _, n := range []int{largeVocab, 49_152} {
		benchmarkNext(b, n, common, penalised)
	}
}

func benchmarkNext(b *testing.B, n int, common, penalised Params) {
	peaked, flat := modelLike(1, n), flatLike(1, n)
	for _, c := range []struct {
		name   string
		p      Params
		logits []float32
	}{
		{"greedy", Params{}, peaked},
		{"plain", Params{Temperature: 1}, peaked},
		{"cli", Params{Temperature: 0.2, TopP: 0.9}, peaked},
		{"cli/flat", Params{Temperature: 0.2, TopP: 0.9}, flat},
		{"common", common, peaked},
		{"common+penalties+dry", penalised, peaked},
		{"common/flat", common, flat},
		{"top_k=1000", Params{Temperature: 1, TopK: 1000}, peaked},
		{"top_p", Params{Temperature: 1, TopP: 0.95}, peaked},
		{"top_p/flat", Params{Temperature: 1, TopP: 0.95}, flat},
		{"top_p=0.999", Params{Temperature: 1, TopP: 0.999}, peaked},
		{"top_p=0.999/flat", Params{Temperature: 1, TopP: 0.999}, flat},
		{"min_p/flat", Params{Temperature: 1, MinP: 0.05}, flat},
		{"temperature", Params{Temperature: 0.8}, peaked},
		{"min_p", Params{Temperature: 1, MinP: 0.05}, peaked},
		{"typical", Params{Temperature: 1, Typical: 0.95}, peaked},
		{"typical/flat", Params{Temperature: 1, Typical: 0.95}, flat},
		{"top_n_sigma", Params{Temperature: 1, TopNSigma: 1}, peaked},
		{"xtc", Params{Temperature: 1, XTCProbability: 1, XTCThreshold: 0.1}, peaked},
		{"dynatemp", Params{Temperature: 1, DynaTempRange: 0.5}, peaked},
		{"mirostat", Params{Temperature: 1, MirostatTau: 5}, peaked},
	} {
		b.Run(fmt.Sprintf("%d/%s", n, c.name), func(b *testing.B) {
			ch, err := New(c.p)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(4 * len(c.logits)))
			for b.Loop() {
				id, err := ch.Next(c.logits)
				if err != nil {
					b.Fatal(err)
				}
				ch.Accept(id)
			}
		})
	}
}

func BenchmarkTopLogProbs(b *testing.B) {
	logits := modelLike(1, largeVocab)
	for b.Loop() {
		TopLogProbs(logits, 10)
	}
}
