package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/godwit-ai/godwit"
)

// tinyEval measures the tiny model, whose tokens are bytes, in a moment: one thread, since two spend their time waiting for each other.
var tinyEval = []string{"-t", "1", "--windows", "2", "--score", "16", "--documents", "1", "--needles", "2", "--pairs", "2", "--decode", "2",
	"--plan", "kv=f32"}

var tinyBook = strings.Repeat("A small bird flies over the sea. It does not rest before it sees land. ", 200)

// report runs `eval plans` on the tiny model.
func report(t *testing.T, more ...string) planReport {
	t.Helper()
	if !slices.Contains(more, "--ctx") {
		more = append(more, "--ctx", "1024")
	}
	r := must(t, "", append(append([]string{"eval", "plans", tiny(t), "-f", text(t, tinyBook), "--json"}, tinyEval...), more...)...)
	var p planReport
	if err := json.Unmarshal([]byte(r.out), &p); err != nil {
		t.Fatalf("%v in %s", err, r.out)
	}
	return p
}

// TestEvalPlans: the own plan first, at each length; bytes of each plan; the same seed gives the same, another seed another.
func TestEvalPlans(t *testing.T) {
	p := report(t, "--ctx", "512,1024", "--plan", "span=sinks(4)+window(ctx/8)", "--needles", "1", "--pairs", "1")
	if len(p.Rows) != 6 || len(p.lengths()) != 2 || p.Windows != 2 || p.Score != 16 || p.Documents != 1 {
		t.Fatalf("%+v", p)
	}
	for i, r := range p.Rows {
		length := 512
		if i >= 3 {
			length = 1024
		}
		want := []string{"", "kv=f32", "span=sinks(4)+window(ctx/8)"}[i%3]
		if r.Edits != want || r.Ctx != length {
			t.Errorf("row %d: %d tokens, %q", i, r.Ctx, r.Edits)
		}
		part := map[int]float64{0: 100, 1: 200}[i%3]
		if part != 0 && r.KVPart != part || i == 5 && !strings.Contains(r.Plan, "window(128)") {
			t.Errorf("row %d: %g%% of the bytes, plan %s", i, r.KVPart, r.Plan)
		}
		if own := i%3 == 0; own != (r.KL == 0) || own != (r.Loss == 0) || own && r.SameTop != 100 {
			t.Errorf("row %d: loss %g, KL %g, same top %g", i, r.Loss, r.KL, r.SameTop)
		}
	}
	a, b, c := report(t, "--seed", "7"), report(t, "--seed", "7", "--threads", "2"), report(t, "--seed", "8")
	for _, p := range []*planReport{&a, &b, &c} {
		p.Took, p.Model, p.Books, p.Threads, p.ThreadsBy = 0, "", nil, 0, ""
		for i := range p.Rows {
			r := &p.Rows[i]
			r.Anon, r.Prefill, r.Decode = 0, 0, 0
			for j := range r.Windows {
				r.Windows[j].Book = ""
			}
		}
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("the same seed:\n%s", d)
	}
	if c.Seed = 7; cmp.Equal(a, c) {
		t.Error("another seed gives the same")
	}
}

// TestEvalFiles: the folder has the report in every form, and the page needs nothing else.
func TestEvalFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "report")
	p := report(t, "--out", dir)
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var again planReport
	if err := json.Unmarshal([]byte(read("plans.json")), &again); err != nil || !cmp.Equal(p, again) {
		t.Errorf("plans.json is not what was printed: %v\n%s", err, cmp.Diff(p, again))
	}
	page := read("plans.html")
	if n := strings.Count(page, "<svg"); n != 2 || strings.Contains(page, "<?xml") || strings.Contains(page, "src=") || strings.Contains(page, "href=\"http") {
		t.Errorf("the page has %d pictures, or needs other files", n)
	}
	for _, name := range []string{"plans.html", "plans.md"} {
		for _, want := range []string{"kv=f32", "the model's own plan", "needle", "1024 tokens", p.Rows[1].cells()[4]} {
			if got := strings.ReplaceAll(read(name), "&#39;", "'"); !strings.Contains(got, want) {
				t.Errorf("%s has no %q", name, want)
			}
		}
	}
	if !strings.Contains(read("plans.svg"), "bytes per token") {
		t.Error("plans.svg has no axis of bytes")
	}
	if img, err := png.Decode(strings.NewReader(read("plans.png"))); err != nil || img.Bounds().Dx() < 300 || img.Bounds().Dy() < img.Bounds().Dx() {
		t.Errorf("plans.png: %v", err)
	}
}

// TestEvalText: a line for each plan, columns under each other.
func TestEvalText(t *testing.T) {
	r := must(t, "", append([]string{"eval", "plans", tiny(t), "-f", text(t, tinyBook), "--ctx", "1024"}, tinyEval...)...)
	lines := strings.Split(r.out, "\n")
	if len(lines) < 5 || !strings.HasPrefix(lines[1], "plan ") || !strings.HasPrefix(lines[2], "the model's own plan") || !strings.HasPrefix(lines[3], "kv=f32") {
		t.Fatalf("%s", r.out)
	}
	for _, l := range lines[2:4] {
		if len([]rune(l)) != len([]rune(lines[1])) || !strings.Contains(l, "±") || strings.Count(l, "tok/s") != 2 {
			t.Errorf("%q under %q", l, lines[1])
		}
	}
}

// TestEvalMistakes: each with its exit code and a text that names it.
func TestEvalMistakes(t *testing.T) {
	m, book := tiny(t), text(t, tinyBook)
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, "eval plans needs -f", nil},
		{exitUsage, "--ctx 1 is not", []string{"-f", book, "--ctx", "1"}},
		{exitUsage, "99 needles", []string{"-f", book, "--ctx", "1024", "--needles", "99"}},
		{exitUsage, "character 4", []string{"-f", book, "--ctx", "1024", "--plan", "kv=f31"}},
		{exitUsage, "do not compose", []string{"-f", book, "--ctx", "1024", "--plan", "layout=ring"}},
		{exitError, "shorter than one window", []string{"-f", text(t, "A bird."), "--ctx", "1024"}},
		{exitError, "no-such-file", []string{"-f", "no-such-file"}},
	} {
		r := godwitWith(t, "", append([]string{"eval", "plans", m}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.err, c.says) || r.out != "" {
			t.Errorf("%q: exit %d, %s%s", c.args, r.code, r.err, r.out)
		}
	}
	bare := tiny(t, "tokenizer.chat_template", nil)
	if r := godwitWith(t, "", append([]string{"eval", "plans", bare, "-f", book, "--ctx", "1024", "--chat"}, tinyEval...)...); r.code != exitUsage || !strings.Contains(r.err, "--chat: the model file has no chat template") {
		t.Errorf("--chat without a template: exit %d, %s", r.code, r.err)
	}
	if r := godwitWith(t, "", "eval", "nothing"); r.code != exitUsage || !strings.Contains(r.err, "nothing") {
		t.Errorf("eval nothing: exit %d, %s", r.code, r.err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs}
	if code := a.main(ctx, append([]string{"eval", "plans", m, "-f", book, "--ctx", "1024"}, tinyEval...)); code != exitStopped || out.Len() > 0 {
		t.Errorf("interrupted: exit %d, %s", code, out.String())
	}
}

// TestUsualPlans: a model's own windows stay.
func TestUsualPlans(t *testing.T) {
	m, err := godwit.Open(tiny(t), godwit.Options{Plan: "1: span=window(8)"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, edits := range usualPlans(m.Info().Plan) {
		if strings.Contains(edits, "span=") != strings.HasPrefix(edits, "0: ") {
			t.Errorf("%q", edits)
		}
	}
}
