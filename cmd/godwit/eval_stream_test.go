package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestEvalStream: a text longer than the book and the model's training is read by a bounded plan in bounded memory, with facts where they are said
// to be; the same seed gives the same answers whatever the steps.
func TestEvalStream(t *testing.T) {
	m, book := tiny(t, "llama.context_length", uint32(512)), text(t, tinyBook)
	args := []string{"eval", "stream", m, "-f", book, "--tokens", "3000", "--plan", "span=sinks(4)+window(200)", "--depths", "0.01,0.5,0.995", "--json", "-t", "2"}
	var r, again streamJSON
	if err := json.Unmarshal([]byte(must(t, "", args...).out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.TPS) != 10 || r.Tokens != 3000 || len(r.Facts) != 3 || r.ReadShare != 1 || r.KV <= 0 {
		t.Fatalf("%+v", r)
	}
	for i, f := range r.Facts {
		if f.Depth != []float64{0.01, 0.5, 0.995}[i] || f.Of != 8 || f.Rank < 1 || f.Rank > 8 || f.Blank < 1 || f.Blank > 8 || f.LogProb >= 0 || f.Lead == "" || f.Answer == "" {
			t.Errorf("%+v", f)
		}
	}
	if err := json.Unmarshal([]byte(must(t, "", append(args, "-t", "1", "--memory", "400MB")...).out), &again); err != nil {
		t.Fatal(err)
	}
	for i, f := range r.Facts {
		if again.Facts[i] != f {
			t.Errorf("%+v, then %+v", f, again.Facts[i])
		}
	}
	out := must(t, "", "eval", "stream", m, "-f", book, "--tokens", "1500", "--plan", "far=cap layout=grow select=mass(k=1,local=1,dense=64,every=64) near=window(100)", "--spill", t.TempDir()).out
	if !strings.Contains(out, "they read ") || strings.Contains(out, "disk 0 bytes") {
		t.Error(out)
	}
}

// TestEvalStreamUsage: no text, no room for a question, a place outside of the text, and more facts than there are.
func TestEvalStreamUsage(t *testing.T) {
	m, book := tiny(t), text(t, tinyBook)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "needs -f"},
		{[]string{"-f", book, "--tokens", "20"}, "shorter"},
		{[]string{"-f", text(t, ""), "--tokens", "200"}, "empty"},
		{[]string{"-f", book, "--depths", "1.5"}, "--depths 1.5"},
		{[]string{"-f", book, "--depths", "0,0,0,0,0,0,0,0,0"}, "9 facts of at most 8"},
	} {
		r := godwitWith(t, "", append([]string{"eval", "stream", m}, c.args...)...)
		if r.code != 2 || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: %d, %s", c.args, r.code, r.err)
		}
	}
}
