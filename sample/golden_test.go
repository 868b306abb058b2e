package sample

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/seeds.txt")

// goldenChains are the chains of TestGolden: the command line's, each step alone, and all of them.
func goldenChains() map[string]Params {
	return map[string]Params{
		"cli":             {Temperature: 0.2, TopP: 0.9},
		"cli temp 1":      {Temperature: 1, TopP: 0.9},
		"common":          {Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05},
		"penalties":       {Temperature: 0.9, TopP: 0.95, RepeatPenalty: 1.3, FrequencyPenalty: 0.2, DRYMultiplier: 0.8},
		"bias":            {Temperature: 1, TopK: 100, LogitBias: map[int32]float32{0: 12, 1: negInf, 77: 11, 499: 14}},
		"greedy penalise": {RepeatPenalty: 1.3, LogitBias: map[int32]float32{3: 15}},
		"plain":           {Temperature: 1},
		"hot":             {Temperature: 1.7},
		"top_k 1":         {Temperature: 1, TopK: 1},
		"top_k 1000":      {Temperature: 1, TopK: 1000},
		"top_k 5000":      {Temperature: 1, TopK: 5000},
		"top_p 0.5":       {Temperature: 1, TopP: 0.5},
		"top_p 0.999":     {Temperature: 1, TopP: 0.999},
		"min_p":           {Temperature: 1, MinP: 0.02},
		"min_p 1e-6":      {Temperature: 1, MinP: 1e-6},
		"typical":         {Temperature: 1, Typical: 0.95},
		"typical 0.3":     {Temperature: 1, Typical: 0.3},
		"sigma":           {Temperature: 1, TopNSigma: 1.5},
		"xtc":             {Temperature: 1, XTCProbability: 0.7, XTCThreshold: 0.02},
		"dynatemp":        {Temperature: 1, DynaTempRange: 0.5, DynaTempPower: 1.5},
		"mirostat":        {Temperature: 1, MirostatTau: 6},
		"everything":      everything(),
		"cuts reversed":   {Temperature: 0.9, TopK: 3000, TopP: 0.97, MinP: 1e-4, Order: []Step{"temperature", "min_p", "top_p", "top_k"}},
	}
}

// TestGolden: seeds give the tokens that they gave when testdata/seeds.txt was written (by the selection with histograms alone, which
// this package began with), from vocabularies of several sizes, peaked and flat ones, and with NaN and infinities in them.
func TestGolden(t *testing.T) {
	holes := func(x []float32) []float32 {
		for i := range x {
			switch {
			case i%97 == 3:
				x[i] = nan
			case i%31 == 5:
				x[i] = -inf
			}
		}
		return x
	}
	type source struct {
		name   string
		logits [][]float32
	}
	var sources []source
	for _, n := range []int{300, 5003, 49_152, 262_144} {
		var model, flat [][]float32
		for seed := range uint64(2) {
			model = append(model, modelLike(seed+20, n))
			flat = append(flat, flatLike(seed+20, n))
		}
		sources = append(sources, source{fmt.Sprint("model ", n), model}, source{fmt.Sprint("flat ", n), flat})
	}
	sources = append(sources, source{"holes 49001", [][]float32{holes(modelLike(30, 49_001)), holes(flatLike(31, 49_001))}})
	var lines []string
	chains := goldenChains()
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range chains {
			if !yield(k) {
				return
			}
		}
	}) {
		p := chains[name]
		p.Seed = 99
		for _, s := range sources {
			ch, err := New(p)
			if err != nil {
				t.Fatal(name, err)
			}
			var ids []int32
			for i := range 6 {
				id, err := ch.Next(s.logits[i%2])
				if err != nil {
					t.Fatal(name, s.name, err)
				}
				ch.Accept(id)
				ids = append(ids, id)
			}
			lines = append(lines, fmt.Sprintf("%s, %s: %v", name, s.name, ids))
		}
	}
	const path = "testdata/seeds.txt"
	if *update {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(want) != len(lines) {
		t.Fatalf("%d lines, want %d", len(lines), len(want))
	}
	for i, w := range want {
		if lines[i] != w {
			t.Errorf("%s\nwas %s", lines[i], w)
		}
	}
}
