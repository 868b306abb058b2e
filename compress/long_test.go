//go:build long

package compress_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/compress"
	"github.com/godwit-ai/godwit/eval"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// TestLongWeighted: of three layers of a real model at the same rank, weighted factors predict text that they were not calibrated on
// better than plain ones.
func TestLongWeighted(t *testing.T) {
	path := testmodel.Path(t, "smollm2:135m")
	book, err := os.ReadFile("../testdata/books/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	measure := func(path string) float64 {
		m, err := godwit.Open(path, godwit.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		ids, err := m.Tokenize(string(book[300000:310000]), false)
		if err != nil {
			t.Fatal(err)
		}
		r, err := eval.Perplexity{Protocol: eval.Chunks, Context: 512}.Run(context.Background(), m, ids, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.PPL
	}
	m, err := godwit.Open(path, godwit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ids, err := m.Tokenize(string(book[:16000]), false)
	if err != nil {
		t.Fatal(err)
	}
	var windows [][]int32
	for ; len(ids) >= 512; ids = ids[512:] {
		windows = append(windows, ids[:512])
	}
	var ppl [2]float64
	for i, w := range [][][]int32{nil, windows} {
		out := filepath.Join(t.TempDir(), "out.gguf")
		o := compress.Options{Part: 0.8, Type: "Q4_1", Calibration: w, Keep: []string{"blk.?.*", "blk.1[3-9].*", "blk.2?.*"}}
		r, err := compress.File(context.Background(), path, out, o)
		if err != nil {
			t.Fatal(err)
		}
		ppl[i] = measure(out)
		t.Logf("%s: %d weights, %d bytes of %d, perplexity %.3f", r.Solver, len(r.Weights), r.Bytes, r.Source, ppl[i])
	}
	dense := measure(path)
	t.Logf("dense: perplexity %.3f", dense)
	if ppl[1] > ppl[0] || ppl[1] < dense {
		t.Errorf("perplexity is %.3f plain, %.3f weighted, %.3f without", ppl[0], ppl[1], dense)
	}
}
