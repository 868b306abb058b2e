package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestCalibrate: bases that calibrate writes serve plans of their model, with the same output at any number of threads, and no other model.
func TestCalibrate(t *testing.T) {
	m, dir := tiny(t), t.TempDir()
	long := text(t, strings.Repeat("a small bird flies far ", 60))
	out := dir + "/bases.gguf"
	if r := must(t, "", "calibrate", m, "-f", long, "-o", out, "--ctx", "256", "-t", "1"); r.out != "" || !strings.Contains(r.err, "in 2 layers from") {
		t.Errorf("it prints %q and %q", r.out, r.err)
	}
	var x calibrateJSON
	r := must(t, "", "calibrate", m, "-f", long, "-o", dir+"/two.gguf", "--ctx", "256", "--threads", "2", "--json", "-q")
	if err := json.Unmarshal([]byte(r.out), &x); err != nil {
		t.Fatal(err)
	}
	if len(x.KeyBits) != 2 || !(x.KeyBits[0] > 0) || !(x.ValueBits[1] > 0) || r.err != "" {
		t.Errorf("%+v, %q", x, r.err)
	}
	one, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(dir + "/two.gguf")
	if err != nil || string(one) != string(two) {
		t.Errorf("two threads write other bases, %v", err)
	}
	for _, plan := range []string{"kv=pca(bits=2.5)", "kv=pca(rank=4)", "key=pca(bits=1.5) value=kivi(bits=2)"} {
		must(t, "", "run", m, "--raw", "-f", long, "-n", "3", "--ctx", "1500", "--plan", plan, "--bases", out)
		must(t, "", "perplexity", m, "-f", long, "-c", "256", "--plan", plan, "--bases", out)
	}
	must(t, "", "bench", m, "-p", "200", "-n", "2", "-r", "1", "--plan", "kv=pca", "--bases", out, "--no-limits")
	must(t, "", "compress", m, "-o", dir+"/other.gguf", "--rank", "4", "--type", "F32")
	if r := godwitWith(t, "", "run", dir+"/other.gguf", "hi", "--bases", out); r.code != exitError || !strings.Contains(r.err, "the bases are of another model") {
		t.Errorf("another model: %d, %q", r.code, r.err)
	}
}
