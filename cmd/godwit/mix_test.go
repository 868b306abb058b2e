package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMix: what is printed is a plan that the model takes, from a file too.
func TestMix(t *testing.T) {
	m, book, out := tiny(t, "llama.context_length", uint32(1024)), text(t, tinyBook), filepath.Join(t.TempDir(), "tiny.plan")
	args := []string{"mix", m, "-f", book, "--ctx", "256", "--score", "64", "--each", "kv=f32", "--each", "span=window(40) layout=ring(step=8)"}
	var r mixJSON
	if err := json.Unmarshal([]byte(must(t, "", append(args, "--share", "0.8", "--out", out, "--json")...).out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Layers) == 0 || len(r.Layers[0].Choices) != 2 || r.Ctx != 256 || len(r.Picks) != 1 || r.Picks[0].Percent > 80 || !strings.HasSuffix(r.Picks[0].Edits, ": span=window(40) layout=ring(step=8)") {
		t.Fatalf("%+v", r)
	}
	data, err := os.ReadFile(out)
	if err != nil || strings.TrimSpace(string(data)) != r.Picks[0].Edits {
		t.Errorf("the file holds %q (%v)", data, err)
	}
	must(t, "", "perplexity", m, "-f", book, "--ctx", "256", "--plan", "@"+out)
	text := must(t, "", append(args, "--share", "0.5,1")...).out
	for _, want := range []string{"(2) span=window(40) layout=ring(step=8)", "layer", "of the bytes", "No layer changes"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"mix", m, "--each", "kv=q4"}, "mix needs -f"},
		{[]string{"mix", m, "-f", book}, "mix needs --each"},
		{append(args, "--share", "2"), "--share 2 is not a part"},
		{append(args, "--share", "0.2,0.3", "--out", out), "--out is for one --share"},
		{append(args, "--windows", "1"), "no standard error"},
		{append(args, "--ctx", "100000"), "shorter than one window"},
		{append(args, "--each", "kv=q4; kv=q8_0"), "is not of one layer"},
	} {
		r := godwitWith(t, "", c.args...)
		if r.code != 2 || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: %d, %s", c.args, r.code, r.err)
		}
	}
}
