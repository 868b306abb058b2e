package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHeads: what is printed is a plan that the model takes, from a file too.
func TestHeads(t *testing.T) {
	m, book, out := tiny(t, "llama.context_length", uint32(1024)), text(t, tinyBook), filepath.Join(t.TempDir(), "tiny.plan")
	args := []string{"heads", m, "-f", book, "--ctx", "768", "--p", "0.5"}
	var r headsJSON
	if err := json.Unmarshal([]byte(must(t, "", append(args, "--most", "0.1", "--out", out, "--json")...).out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Heads) == 0 || len(r.Heads[0].Lost) != len(r.Lags) || r.Ctx != 768 || r.P != 0.5 || !strings.Contains(r.Edits, "recycle(p=0.5,") {
		t.Fatalf("%+v", r)
	}
	data, err := os.ReadFile(out)
	if err != nil || strings.TrimSpace(string(data)) != r.Edits {
		t.Errorf("the file holds %q (%v)", data, err)
	}
	var p perplexityJSON
	if err := json.Unmarshal([]byte(must(t, "", "perplexity", m, "-f", book, "--ctx", "1024", "--plan", "@"+out, "--json").out), &p); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.Plan, "p=0.5,") || p.ReadShare >= 1 {
		t.Errorf("plan %s reads %v", p.Plan, p.ReadShare)
	}
	// Nothing may be lost: every head whose choices age reads all.
	if out := must(t, "", append(args, "--most", "-1")...).out; !strings.Contains(out, "No head can do with less") || !strings.Contains(out, "all") {
		t.Error(out)
	}
}

// TestHeadsUsage: no text, too little of it, and a file of a plan that is not there.
func TestHeadsUsage(t *testing.T) {
	m, book := tiny(t), text(t, tinyBook)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"heads", m}, "heads needs -f"},
		{[]string{"heads", m, "-f", book, "--p", "2"}, "--p and --choose are parts"},
		{[]string{"heads", m, "-f", book, "--ctx", "100"}, "512 are the least"},
		{[]string{"perplexity", m, "-f", book, "--plan", "@nowhere.plan"}, "nowhere.plan"},
	} {
		r := godwitWith(t, "", c.args...)
		if r.code != 2 || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: %d, %s", c.args, r.code, r.err)
		}
	}
}
