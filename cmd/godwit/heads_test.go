package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// headsOf runs `heads` on the tiny model: one thread, since two spend their time waiting for each other.
func headsOf(t *testing.T, m, book string, more ...string) (r headsJSON) {
	t.Helper()
	out := must(t, "", append([]string{"heads", m, "-t", "1", "-f", book, "--ctx", "768", "--score", "32", "--json"}, more...)...).out
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return r
}

// perplexityOf runs a context with a plan.
func perplexityOf(t *testing.T, m, book, plan string) (p perplexityJSON) {
	t.Helper()
	out := must(t, "", "perplexity", m, "-t", "1", "-f", book, "--bytes", "1000", "--ctx", "768", "--plan", plan, "--json").out
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return p
}

// TestHeads: what is printed is a plan that the model takes, from a file too.
func TestHeads(t *testing.T) {
	m, book, out := tiny(t, "llama.context_length", uint32(1024)), text(t, tinyBook), filepath.Join(t.TempDir(), "tiny.plan")
	r := headsOf(t, m, book, "--p", "0.5", "--most", "0.1", "--out", out)
	if len(r.Heads) == 0 || len(r.Heads[0].Lost) != len(r.Lags) || r.Ctx != 768 || r.P != 0.5 || r.By != "age" || !strings.Contains(r.Edits, "p=0.5,") {
		t.Fatalf("%+v", r)
	}
	data, err := os.ReadFile(out)
	if err != nil || strings.TrimSpace(string(data)) != r.Edits {
		t.Errorf("the file holds %q (%v)", data, err)
	}
	if p := perplexityOf(t, m, book, "@"+out); !strings.Contains(p.Plan, "p=0.5,") || p.ReadShare >= 1 {
		t.Errorf("plan %s reads %v", p.Plan, p.ReadShare)
	}
	// With windows for all heads nothing is left to choose, and a file of a plan goes with other edits.
	r = headsOf(t, m, book, "--window", "64", "--p", "1", "--loss", "1e9", "--out", out)
	if r.Bounded != len(r.Heads) || r.All != 0 || r.Window != 64 || r.Heads[0].KL <= 0 || r.By != "" || !strings.HasSuffix(r.Edits, ": span=sinks(4)+window(64)") {
		t.Errorf("%+v", r)
	}
	if p := perplexityOf(t, m, book, "kv=q8_0; @"+out); !strings.Contains(p.Plan, "span=sinks(4)+window(64)") || !strings.Contains(p.Plan, "kv=q8_0") {
		t.Error(p.Plan)
	}
	// One head gets a window, and the others choose.
	least := slices.MinFunc(r.Heads, func(a, b headJSON) int { return cmp.Compare(a.KL, b.KL) })
	args := []string{"heads", m, "-t", "1", "-f", book, "--ctx", "768", "--score", "32", "--p", "0.5"}
	table := must(t, "", append(args, "--window", "64", "--most", "1", "--loss", fmt.Sprint(least.KL*1.000001))...).out
	if !strings.Contains(table, "1 of 4 heads can do") || !strings.Contains(table, "0 of 4 heads have to read all") || !strings.Contains(table, "full]") && !strings.Contains(table, "[full,") || !strings.Contains(table, "select=recycle") {
		t.Error(table)
	}
	// Nothing may be lost: every head whose choices age reads all.
	if out := must(t, "", append(args, "--most", "-1")...).out; !strings.Contains(out, "No head can do with less") || !strings.Contains(out, "all") {
		t.Error(out)
	}
}

// TestHeadsByLoss: choices go to the heads that lose the least for what they save, within the windows of others, until the plan reads no
// more than was asked for, or loses too much.
func TestHeadsByLoss(t *testing.T) {
	m, book, out := tiny(t, "llama.context_length", uint32(1024)), text(t, tinyBook), filepath.Join(t.TempDir(), "tiny.plan")
	choices := []string{"--p", "0.3", "--every", "8"}
	all := headsOf(t, m, book, append(choices, "--choice-loss", "1e9", "--out", out)...)
	want := "0-1: select=recycle(share=1,p=0.3,local=2,dense=512,every=8)"
	if all.Edits != want || all.All != 0 || all.By != "loss" || all.ChoiceLoss != 1e9 || all.Reads >= 1 || all.Reads < 0.7 {
		t.Errorf("%+v\nwant %s", all, want)
	}
	sum := 0.0
	for _, h := range all.Heads {
		if !(h.ChoiceKL > 0 && h.Reads > 0.7 && h.Reads < 1) || h.Every != 8 || len(h.Lost) != 0 || h.KL != 0 {
			t.Errorf("%+v", h)
		}
		sum += h.ChoiceKL
	}
	if math.Abs(sum-all.ChoiceKL) > 1e-9 {
		t.Errorf("the sum is %v, not %v", sum, all.ChoiceKL)
	}
	// What all heads together read is what a session counts, nearly: there the choices of the first layer change those of the second.
	if p := perplexityOf(t, m, book, "@"+out); math.Abs(p.ReadShare-all.Reads) > 0.01 {
		t.Errorf("the plan reads %v, not %v", p.ReadShare, all.Reads)
	}
	// A part of what they save together is for some of them, the cheapest first.
	some := headsOf(t, m, book, append(choices, "--reads", fmt.Sprint((1+all.Reads)/2))...)
	var dearest, cheapest = 0.0, math.Inf(1)
	for _, h := range some.Heads {
		if price := h.ChoiceKL / (1 - h.Reads); h.Every > 1 {
			dearest = max(dearest, price)
		} else {
			cheapest = min(cheapest, price)
		}
	}
	if some.By != "reads" || some.All == 0 || some.All == 4 || some.Reads > some.ReadsMost || some.ChoiceKL >= all.ChoiceKL || dearest > cheapest {
		t.Errorf("%v a head that chooses, %v another: %+v", dearest, cheapest, some)
	}
	// Two heads with windows choose within them.
	r := headsOf(t, m, book, append(choices, "--window", "384", "--window-heads", "2", "--choice-loss", "1e9")...)
	if r.Bounded != 2 || r.WindowHeads != 2 || r.WindowKL <= 0 || r.All != 0 || !strings.Contains(r.Edits, "window(384)") || !strings.Contains(r.Edits, "; 0-1: select=recycle(") || r.Reads >= all.Reads {
		t.Errorf("%+v", r)
	}
	args := append([]string{"heads", m, "-t", "1", "-f", book, "--ctx", "768", "--score", "32", "--reads", "0.1"}, choices...)
	table := must(t, "", args...).out
	for _, part := range []string{"choice KL", "choices\n", "4 of 4 heads go by choices: ", "More than 10% of the tiles", want} {
		if !strings.Contains(table, part) {
			t.Errorf("%q is missing:\n%s", part, table)
		}
	}
	args[len(args)-5], args[len(args)-6] = "0", "--choice-loss"
	if table := must(t, "", args...).out; !strings.Contains(table, "0 of 4 heads go by choices") || !strings.Contains(table, "No head can do with less") {
		t.Error(table)
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
		{[]string{"heads", m, "-f", book, "--reads", "0.3", "--choice-loss", "1"}, "one of them is enough"},
		{[]string{"heads", m, "-f", book, "--reads", "0.3", "--most", "1"}, "one of them is enough"},
		{[]string{"heads", m, "-f", book, "--window", "8", "--loss", "1", "--window-heads", "1"}, "one of them is enough"},
		{[]string{"heads", m, "-f", book, "--reads", "0.3", "--every", "7"}, "for 4, 8, 16 or 32 rows"},
		{[]string{"heads", m, "-f", book, "--reads", "0.3", "--p", "1", "--window", "8"}, "less than all attention"},
		{[]string{"heads", m, "-f", book, "--reads", "1.5"}, "a part of the tiles"},
		{[]string{"heads", m, "-f", book, "--choice-loss", "-1"}, "not negative"},
		{[]string{"heads", m, "-f", book, "--choice-loss", "1", "--ctx", "700"}, "768 are the least"},
		{[]string{"perplexity", m, "-f", book, "--plan", "@nowhere.plan"}, "nowhere.plan"},
	} {
		r := godwitWith(t, "", c.args...)
		if r.code != 2 || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: %d, %s", c.args, r.code, r.err)
		}
	}
}
