package convert

import (
	"path/filepath"
	"strings"
	"testing"
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
