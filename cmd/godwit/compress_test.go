package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestCompress: what compress writes is smaller, is shown by inspect, runs, and can be quantised.
func TestCompress(t *testing.T) {
	m, dir := tiny(t), t.TempDir()
	long := text(t, strings.Repeat("a small bird flies far ", 40))
	for _, args := range [][]string{
		{"--rank", "4"}, {"--rank", "0.5"}, {"--energy", "0.5"}, {"--size", "80%"}, {"--size", "90000"},
		{"--rank", "32", "--type", "Q8_0", "--keep", "*attn*"},
		{"--size", "80%", "--calib", long, "--ctx", "32"}, {"--rank", "4", "--calib", long, "--calib-tokens", "40"},
	} {
		out := dir + "/out.gguf"
		if !strings.Contains(strings.Join(args, " "), "--type") {
			args = append(args, "--type", "F32")
		}
		r := must(t, "", append([]string{"compress", m, "-o", out}, args...)...)
		if r.out != "" || !strings.Contains(r.err, "weights factorised of ranks") || !strings.Contains(r.err, "113.8 kB") {
			t.Errorf("%q prints %q and %q", args, r.out, r.err)
		}
		st, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() >= 113800 {
			t.Errorf("%q: %d bytes", args, st.Size())
		}
		shown := must(t, "", "inspect", out, "--tensors").out
		if !strings.Contains(shown, "factorised") || !strings.Contains(shown, "blk.1.ffn_down.weight_u") || strings.Contains(shown, "does not run") {
			t.Errorf("%q: inspect shows\n%s", args, shown)
		}
		must(t, "", "run", out, "--raw", "hello", "-n", "3")
		must(t, "", "quantize", out, dir+"/q.gguf", "--type", "Q4_K_M", "--again")
		must(t, "", "run", dir+"/q.gguf", "--raw", "hello", "-n", "3")
	}
	var x compressJSON
	r := must(t, "", "compress", m, "-o", dir+"/out.gguf", "--rank", "4", "--type", "F32", "--calib", long, "--calib-tokens", "40", "--json", "-q")
	if err := json.Unmarshal([]byte(r.out), &x); err != nil {
		t.Fatal(err)
	}
	if x.Calibration != 40 || len(x.Factorised) != 14 || x.Factorised[0].Rank != 4 || r.err != "" {
		t.Errorf("%+v, %q", x, r.err)
	}
	if r := must(t, "", "compress", m, "-o", dir+"/out.gguf", "--rank", "1000"); !strings.Contains(r.err, "warning: no weight becomes smaller") {
		t.Errorf("a rank beyond all: %q", r.err)
	}
}
