package convert

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/runtime"
)

// TestFolds: models with learned memory, which testdata/fold/make.py computes without dropping anything: gists by one dense pass with a mask,
// recurrent memory by a pass for each segment. However a text is cut, and by any number of threads, logits have the same bits, and in
// exact arithmetic they are those.
func TestFolds(t *testing.T) {
	dirs, err := filepath.Glob("../testdata/fold/*/config.json")
	if err != nil || len(dirs) < 4 {
		t.Fatalf("%d fixtures, %v", len(dirs), err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		f := readFixture(t, dir, "logits.npy")
		path, _ := convertTo(t, dir, Options{Type: "f32"})
		for _, fast := range []bool{false, true} {
			for _, plan := range []string{"kv=f32", "kv=q8_0", "kv=f16 temp=log(orig=20)"} {
				var bits uint64
				for i, chunk := range []int{200, 1, 2, 7, 64, 150} {
					o := compare(t, path, plan, f, way{chunk: chunk, threads: 1 + i%3, fast: fast})
					if i == 0 {
						bits = o.bits
						t.Logf("%s, %s, fast %v: differs by %.1e, %.1e on average", filepath.Base(dir), plan, fast, o.worst, o.mean)
					}
					if o.bits != bits {
						t.Errorf("%s, %s, fast %v: chunks of %d give other bits", dir, plan, fast, chunk)
					}
					if plan == "kv=f32" && !fast && o.worst > allowed {
						t.Errorf("%s, chunks of %d: a logit of token %d differs by %g", dir, chunk, o.at, o.worst)
					}
				}
			}
		}
		// What the fold is for: other units than the fixture's are no match for it.
		for _, plan := range []string{"fold=gist(r=4,sinks=10,window=20,token=3)", "fold=rmt(segment=47,memory=4,token=3)", "fold=none"} {
			if strings.Contains(dir, "none") && strings.Contains(plan, "gist") {
				continue
			}
			if o := compare(t, path, "kv=f32 "+plan, f, way{chunk: 200, threads: 1}); o.worst < 0.1 {
				t.Errorf("%s with %s still differs by %g only", dir, plan, o.worst)
			}
		}
	}
}

// TestFoldsStayExact: whatever type weights get, learned memory is as it was, also from one file to another.
func TestFoldsStayExact(t *testing.T) {
	dir := "../testdata/fold/rmt"
	f := readFixture(t, dir, "logits.npy")
	exact, _ := convertTo(t, dir, Options{Type: "f32"})
	packed, _ := convertTo(t, dir, Options{Type: "q8_0"})
	again := filepath.Join(t.TempDir(), "again.gguf")
	if _, err := Quantize(context.Background(), exact, again, Options{Type: "q8_0"}); err != nil {
		t.Fatal(err)
	}
	read := func(path string) []byte {
		m, err := runtime.Open(path, runtime.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if own := m.Info.Plan.Layers[0].Fold; own == nil || own.String() != "rmt(segment=48,memory=4)" {
			t.Fatalf("%s: the fold %v", path, own)
		}
		x, ok := m.File().Tensor("fold_embd.weight")
		if !ok || x.Type != quant.F32 {
			t.Fatalf("%s: %v", path, x)
		}
		return bytes.Clone(x.Data)
	}
	want := read(exact)
	for _, path := range []string{packed, again} {
		if !bytes.Equal(read(path), want) {
			t.Errorf("%s has other vectors", path)
		}
		if o := compare(t, path, "", f, way{chunk: 64, threads: 1}); o.mean > 0.1 {
			t.Errorf("%s: logits differ by %g on average", path, o.mean)
		}
	}
}
