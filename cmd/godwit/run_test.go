package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// decode reads the one object that a --json command prints.
func decode[T any](t *testing.T, r result) (v T) {
	t.Helper()
	if strings.Count(r.out, "\n") != 1 {
		t.Fatalf("want one object on one line, have %q", r.out)
	}
	d := json.NewDecoder(strings.NewReader(r.out))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, r.out)
	}
	return v
}

func TestRun(t *testing.T) {
	m := tiny(t)
	args := []string{"run", m, "--raw", "--temp", "0", "-n", "12", "--json", "--top", "3", "--logit-bias", "2=-inf", "--logit-bias", "0=-inf"}
	a := decode[runJSON](t, must(t, "", append(args, "the bird")...))
	// BOS, "t" and "he" (no merge joins them), and a byte each for " bird".
	if len(a.PromptIDs) != 1+2+5 || a.PromptIDs[0] != tinyEnd {
		t.Errorf("prompt ids %v", a.PromptIDs)
	}
	if len(a.TokenIDs) != 12 || a.Finish != finishLength || len(a.Top) != 12 || len(a.Top[0]) != 3 || a.Seed != 0 {
		t.Errorf("%d tokens, finish %s, %d steps of the most probable, seed %d", len(a.TokenIDs), a.Finish, len(a.Top), a.Seed)
	}
	for i, top := range a.Top {
		if banned := top[0].ID == 0 || top[0].ID == 2; !banned && top[0].ID != a.TokenIDs[i] {
			t.Errorf("step %d: greedy took %d, the most probable is %d", i, a.TokenIDs[i], top[0].ID)
		}
		if top[0].LogProb < top[1].LogProb || top[0].LogProb > 0 {
			t.Errorf("step %d: log-probabilities %v", i, top)
		}
	}
	if s := a.Stats; s.PromptTokens != len(a.PromptIDs) || s.GeneratedTokens != 12 || s.PrefillTPS <= 0 || s.DecodeTPS <= 0 || s.TTFT <= 0 ||
		s.KV <= 0 || len(s.LogitsHash) != 16 {
		t.Errorf("stats %+v", s)
	}
	// Threads, the way the prompt comes in, and a repetition change nothing.
	for _, more := range [][]string{{"the bird"}, {"the bird", "--threads", "1"}, {"-f", text(t, "the bird")}} {
		b := decode[runJSON](t, must(t, "", append(args, more...)...))
		if !slices.Equal(a.TokenIDs, b.TokenIDs) || a.Stats.LogitsHash != b.Stats.LogitsHash || a.Text != b.Text {
			t.Errorf("%q: %v, hash %s; want %v, hash %s", more, b.TokenIDs, b.Stats.LogitsHash, a.TokenIDs, a.Stats.LogitsHash)
		}
	}
	for _, more := range [][]string{{}, {"-f", "-"}} {
		if b := decode[runJSON](t, must(t, "the bird", append(args, more...)...)); !slices.Equal(a.TokenIDs, b.TokenIDs) {
			t.Errorf("%q from standard input: %v, want %v", more, b.TokenIDs, a.TokenIDs)
		}
	}
}

// TestRunLookup: drafts change nothing of an answer but what it took.
func TestRunLookup(t *testing.T) {
	m := tiny(t)
	for _, more := range [][]string{{"--temp", "0"}, {"--seed", "4"}, {"--temp", "0", "--logit-bias", "70=1000"}} {
		args := append([]string{"run", m, "--raw", "--json", "-n", "60", "--logit-bias", "2=-inf", "--logit-bias", "0=-inf", "the bird the bird the bird"}, more...)
		a := decode[runJSON](t, must(t, "", append(args, "--lookup", "0")...))
		b := decode[runJSON](t, must(t, "", append(args, "--lookup", "20")...))
		if !slices.Equal(a.TokenIDs, b.TokenIDs) || a.Stats.LogitsHash != b.Stats.LogitsHash || a.Text != b.Text || a.Finish != b.Finish {
			t.Errorf("%q: %v, logits %s; with drafts %v, %s", more, a.TokenIDs, a.Stats.LogitsHash, b.TokenIDs, b.Stats.LogitsHash)
		}
		if a.Stats.Drafted != 0 || a.Stats.Accepted != 0 || len(more) > 2 && b.Stats.Accepted < 30 || b.Stats.Accepted > b.Stats.Drafted {
			t.Errorf("%q: %d of %d drafts right, and %d of %d without", more, b.Stats.Accepted, b.Stats.Drafted, a.Stats.Accepted, a.Stats.Drafted)
		}
	}
	r := must(t, "", "run", m, "--temp", "0", "-n", "60", "--logit-bias", "70=1000", "the bird")
	if !strings.Contains(r.err, "drafts right") {
		t.Errorf("the summary does not tell of drafts: %q", r.err)
	}
	for _, command := range []string{"run", "chat"} {
		for _, n := range []string{"-1", "65", "x"} {
			if r := godwitWith(t, "hello", command, m, "--lookup", n); r.code != exitUsage || !strings.Contains(r.err, "lookup") {
				t.Errorf("%s --lookup %s: exit %d, %q", command, n, r.code, r.err)
			}
		}
	}
	chat := func(n string) (ids []int32, hash string) {
		r := must(t, "the bird\nthe bird\n", "chat", m, "--json", "-n", "40", "--temp", "0", "--logit-bias", "70=20", "--lookup", n)
		for line := range strings.Lines(r.out) {
			j := decode[turnJSON](t, result{out: line})
			ids, hash = append(ids, j.TokenIDs...), j.Stats.LogitsHash
		}
		return ids, hash
	}
	ids, hash := chat("0")
	if more, moreHash := chat("15"); !slices.Equal(ids, more) || hash != moreHash {
		t.Errorf("chat: %v, logits %s; with drafts %v, %s", ids, hash, more, moreHash)
	}
}

// TestRunExact: exact mode has a float32 cache unless a plan says otherwise.
func TestRunExact(t *testing.T) {
	m := tiny(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--exact"}, "kv=f32"},
		{[]string{"--exact", "--plan", "kv=f16"}, "kv=f16"},
		{nil, "kv=f16"},
	} {
		r := decode[runJSON](t, must(t, "", append([]string{"run", m, "--raw", "--temp", "0", "-n", "2", "--json", "x"}, c.args...)...))
		if !strings.Contains(r.Plan, c.want) {
			t.Errorf("%q: plan %s, want %s", c.args, r.Plan, c.want)
		}
	}
}

// TestRunText: the answer alone goes to standard output, one line of summary to standard error, and --quiet has none.
func TestRunText(t *testing.T) {
	m := tiny(t)
	args := []string{"run", m, "--seed", "1", "-n", "5", "hello"}
	r := must(t, "", args...)
	if !strings.HasSuffix(r.out, "\n") || strings.Count(strings.TrimSuffix(r.err, "\n"), "\n") != 0 || !strings.Contains(r.err, "prompt tokens at") {
		t.Errorf("out %q, err %q", r.out, r.err)
	}
	if q := must(t, "", append(args, "-q")...); q.err != "" || q.out != r.out {
		t.Errorf("quiet: out %q, err %q; want out %q", q.out, q.err, r.out)
	}
	j := decode[runJSON](t, must(t, "", append(args, "--json")...))
	if strings.TrimSuffix(j.Text, "\n")+"\n" != r.out {
		t.Errorf("text %q, with --json %q", r.out, j.Text)
	}
	if j.Seed != 1 {
		t.Errorf("seed %d", j.Seed)
	}
}

// TestRunTemplate: the prompt is put into the model's template, --raw leaves it alone.
func TestRunTemplate(t *testing.T) {
	m := tiny(t)
	j := decode[runJSON](t, must(t, "", "run", m, "-n", "1", "--json", "--system", "be brief", "hello"))
	if n := len(j.PromptIDs); n < 20 || j.PromptIDs[0] != 0 || j.PromptIDs[1] != 1 {
		t.Errorf("ids %v do not begin with BOS and the start of a turn", j.PromptIDs)
	}
	raw := decode[runJSON](t, must(t, "", "run", m, "-n", "1", "--json", "--raw", "hello"))
	if len(raw.PromptIDs) != 1+4 { // BOS, "he", "l", "l", "o"
		t.Errorf("raw ids %v", raw.PromptIDs)
	}
}

// TestRunFit: a document that is too long is an error with the numbers; with --fit its beginning is read.
func TestRunFit(t *testing.T) {
	m := tiny(t)
	doc := text(t, strings.Repeat("a small bird flies far ", 100))
	r := godwitWith(t, "", "run", m, "-f", doc, "where to?", "-n", "16")
	if r.code != exitError || r.out != "" || !strings.Contains(r.err, "the context holds 256") || !strings.Contains(r.err, "--fit") {
		t.Errorf("exit %d, %q", r.code, r.err)
	}
	r = must(t, "", "run", m, "-f", doc, "where to?", "-n", "16", "--fit", "--json")
	j := decode[runJSON](t, r)
	if j.Fit == nil || j.Fit.Bytes != 2300 || j.Fit.ReadBytes <= 0 || j.Fit.ReadBytes >= 256 || j.Fit.Tokens <= 256 ||
		j.Fit.LeftOut != j.Fit.Tokens-len(j.PromptIDs) || len(j.PromptIDs) > 240 || len(j.PromptIDs) < 230 {
		t.Errorf("fit %+v, %d prompt tokens", j.Fit, len(j.PromptIDs))
	}
	if !strings.Contains(r.err, "--fit reads the first") {
		t.Errorf("what was left out is not told: %q", r.err)
	}
	if j := decode[runJSON](t, must(t, "", "run", m, "-f", text(t, "a small bird"), "where to?", "-n", "4", "--fit", "--json")); j.Fit != nil {
		t.Errorf("a short document was cut: %+v", j.Fit)
	}
}

// TestRunContext: an answer that fills the context is printed as far as it goes, and the exit code tells.
func TestRunContext(t *testing.T) {
	m := tiny(t)
	args := []string{"run", m, "--raw", "--temp", "0", "-n", "50", "--ctx", "16", "--logit-bias", "2=-inf", "--logit-bias", "0=-inf", "12345678"}
	r := godwitWith(t, "", append(args, "--json")...)
	j := decode[runJSON](t, r)
	if r.code != exitError || j.Finish != finishContext || len(j.PromptIDs)+len(j.TokenIDs) != 17 || !strings.Contains(r.err, "do not fit into 16") {
		t.Errorf("exit %d, finish %s, %d + %d tokens, %q", r.code, j.Finish, len(j.PromptIDs), len(j.TokenIDs), r.err)
	}
}

// TestRunRoom: without -n an answer that reaches the end of the context is no error, and the summary names what would help.
func TestRunRoom(t *testing.T) {
	m := tiny(t)
	r := must(t, "", "run", m, "--raw", "--ctx", "16", "--logit-bias", "2=-inf", "--logit-bias", "0=-inf", "12345678")
	if !strings.Contains(r.err, "stopped after 7 tokens (the context is full; --ctx allows more)") {
		t.Errorf("%q", r.err)
	}
}

// full is an output that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestWriteErrors: output that cannot be written is an error of every command that prints.
func TestWriteErrors(t *testing.T) {
	m := tiny(t)
	for _, args := range [][]string{{"run", m, "hi", "-n", "4"}, {"tokenize", m, "hi"}, {"bench", m, "-p", "2", "-n", "1", "-r", "1", "--no-limits"}, {"inspect", m},
		{"perplexity", m, "-f", text(t, strings.Repeat("a bird ", 20)), "--ctx", "16"}, {"list"}, {"version"}, {"run", m, "hi", "--json", "-n", "4"}} {
		var errs bytes.Buffer
		a := &app{in: strings.NewReader(""), out: full{}, err: &errs}
		if code := a.main(context.Background(), append(args, "-q")); code != exitError || strings.Count(errs.String(), "space") != 1 {
			t.Errorf("%q: exit %d, %q", args, code, errs.String())
		}
	}
}

// TestRunCancelled: what there is of an answer that was interrupted is in the object.
func TestRunCancelled(t *testing.T) {
	m := tiny(t)
	for d := 20 * time.Millisecond; ; d *= 2 {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(d, cancel)
		var out, errs bytes.Buffer
		a := &app{in: strings.NewReader(""), out: &out, err: &errs}
		code := a.main(ctx, []string{"run", m, "hello", "--json", "-n", "1000000", "--ctx", "1000000", "--logit-bias", "0=-inf", "--logit-bias", "2=-inf"})
		if out.Len() == 0 && d < time.Minute {
			continue // the answer had not begun
		}
		j := decode[runJSON](t, result{code, out.String(), errs.String()})
		if code != exitStopped || j.Finish != finishCancelled || len(j.TokenIDs) == 0 || j.Stats.GeneratedTokens != len(j.TokenIDs) {
			t.Errorf("exit %d, finish %s, %d tokens, %s", code, j.Finish, len(j.TokenIDs), errs.String())
		}
		return
	}
}

func TestTokenize(t *testing.T) {
	m := tiny(t)
	ids := func(stdin string, args ...string) []int32 {
		return decode[tokenizeJSON](t, must(t, stdin, append([]string{"tokenize", m, "--json"}, args...)...)).Ids
	}
	all := ids("", "a<|im_end|>")
	if len(all) != 3 || all[0] != 0 || all[2] != 2 {
		t.Errorf("ids %v", all)
	}
	if got := ids("", "--no-bos", "a<|im_end|>"); !slices.Equal(got, all[1:]) {
		t.Errorf("--no-bos: %v, want %v", got, all[1:])
	}
	if got := ids("", "--no-special", "a<|im_end|>"); len(got) != 12 {
		t.Errorf("--no-special: %v, want BOS and a token for each of 11 letters", got)
	}
	if got := ids("a<|im_end|>"); !slices.Equal(got, all) {
		t.Errorf("standard input: %v, want %v", got, all)
	}
	if got := ids("", "--no-bos", ""); got == nil || len(got) != 0 {
		t.Errorf("no text: %v, want an empty list", got)
	}
}

func TestLogits(t *testing.T) {
	m := tiny(t)
	out := t.TempDir() + "/logits.npy"
	j := decode[logitsJSON](t, must(t, "7, 8 9", "logits", m, "--ids", "-", "--out", out, "--json"))
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if want := 128 + 4*3*tinyVocab; len(data) != want || string(data[:8]) != "\x93NUMPY\x01\x00" || !strings.Contains(string(data[:128]), "(3, 262)") {
		t.Errorf("%d bytes that begin %q, want %d", len(data), data[:min(128, len(data))], want)
	}
	if j.Tokens != 3 || j.Vocabulary != tinyVocab || len(j.LogitsHash) != 16 {
		t.Errorf("%+v", j)
	}
	// What is wrong leaves the file that is there.
	if r := godwitWith(t, "", "logits", m, "--ids", "7,99999", "--out", out); r.code != exitError || !strings.Contains(r.err, "99999") {
		t.Errorf("exit %d, %q", r.code, r.err)
	}
	if again, err := os.ReadFile(out); err != nil || string(again) != string(data) {
		t.Errorf("an error changed the file that was there (%v)", err)
	}
}
