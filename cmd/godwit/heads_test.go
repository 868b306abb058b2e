package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestHeads: what is printed is a plan that the model takes, from a file too.
func TestHeads(t *testing.T) {
	m, book, out := tiny(t, "llama.context_length", uint32(1024)), text(t, tinyBook), filepath.Join(t.TempDir(), "tiny.plan")
	args := []string{"heads", m, "-t", "1", "-f", book, "--ctx", "768", "--p", "0.5"}
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
	// With windows for all heads nothing is left to choose, and a file of a plan goes with other edits.
	windows := append(args[:6:6], "--window", "64", "--score", "32")
	if err := json.Unmarshal([]byte(must(t, "", append(windows, "--p", "1", "--loss", "1e9", "--out", out, "--json")...).out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Bounded != len(r.Heads) || r.All != 0 || r.Window != 64 || r.Heads[0].KL <= 0 || !strings.HasSuffix(r.Edits, ": span=sinks(4)+window(64)") {
		t.Errorf("%+v", r)
	}
	if err := json.Unmarshal([]byte(must(t, "", "perplexity", m, "-f", book, "--ctx", "1024", "--plan", "kv=q8_0; @"+out, "--json").out), &p); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.Plan, "span=sinks(4)+window(64)") || !strings.Contains(p.Plan, "kv=q8_0") {
		t.Error(p.Plan)
	}
	// One head gets a window, and the others choose.
	least := slices.MinFunc(r.Heads, func(a, b headJSON) int { return cmp.Compare(a.KL, b.KL) })
	table := must(t, "", append(windows, "--p", "0.5", "--most", "1", "--loss", fmt.Sprint(least.KL*1.000001))...).out
	if !strings.Contains(table, "1 of 4 heads can do") || !strings.Contains(table, "0 of 4 heads have to read all") || !strings.Contains(table, "full]") && !strings.Contains(table, "[full,") || !strings.Contains(table, "select=recycle") {
		t.Error(table)
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
		{[]string{"heads", m, "-f", book, "--every", "2"}, "--every 2"},
		{[]string{"heads", m, "-f", book, "--window", "-1"}, "--window -1"},
		{[]string{"heads", m, "-f", book, "--p", "1"}, "nothing to measure"},
		{[]string{"perplexity", m, "-f", book, "--plan", "@nowhere.plan"}, "nowhere.plan"},
	} {
		r := godwitWith(t, "", c.args...)
		if r.code != 2 || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: %d, %s", c.args, r.code, r.err)
		}
	}
}
