package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit/catalog"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares an output with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-update writes it anew):\n%s", name, d)
	}
}

// commands are all commands but cobra's own.
func commands() (all []*cobra.Command) {
	root := (&app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}).command()
	var add func(c *cobra.Command)
	add = func(c *cobra.Command) {
		all = append(all, c)
		for _, sub := range c.Commands() {
			if sub.Name() != "help" && sub.Name() != "completion" {
				add(sub)
			}
		}
	}
	add(root)
	return all
}

func TestHelp(t *testing.T) {
	var b strings.Builder
	for _, c := range commands() {
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		r := must(t, "", args...)
		if r.err != "" {
			t.Errorf("%q wrote to standard error: %s", args, r.err)
		}
		b.WriteString("$ godwit " + strings.Join(args, " ") + "\n" + r.out + "\n")
	}
	golden(t, "help.txt", b.String())
	for i, line := range strings.Split(b.String(), "\n") {
		if n := len([]rune(line)); n > 200 {
			t.Errorf("line %d of the help is %d characters long", i+1, n)
		}
	}
}

func TestGolden(t *testing.T) {
	m := tiny(t)
	now := regexp.MustCompile(`\([^()]* in memory now\)`)
	threads := regexp.MustCompile(`(?m)^(threads +)\d+, .*; .*$`)
	out := must(t, "", "inspect", m, "--tensors", "--ctx", "5000").out
	golden(t, "inspect.txt", threads.ReplaceAllString(now.ReplaceAllString(out, "(N in memory now)"), "${1}N, why; CPUs"))
	r := must(t, "", "tokenize", m, "the hé\n<|im_end|>")
	golden(t, "tokenize.txt", r.out+r.err)
}

// words splits a line of a shell; only quotes are understood.
func words(t *testing.T, line string) (words []string) {
	t.Helper()
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			if open || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		t.Fatalf("a quote is not closed: %s", line)
	}
	if open || word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}

// TestExamples: every example of the help is a command line that its command takes, of a model that exists.
func TestExamples(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+:[0-9.]+[mb]$`)
	n := 0
	for _, c := range commands() {
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, line := range strings.Split(c.Example, "\n") {
			args := words(t, strings.TrimSpace(line))
			if i := slices.Index(args, "|"); i >= 0 {
				args = args[i+1:]
			}
			if i := slices.Index(args, "<"); i >= 0 {
				args = args[:i]
			}
			if !strings.HasPrefix(strings.Join(args, " ")+" ", c.CommandPath()+" ") {
				t.Errorf("%s: not an example of it: %s", c.CommandPath(), line)
				continue
			}
			if err := parses(args[1:]); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			for _, a := range args {
				if _, ok := catalog.Find(a); name.MatchString(a) && !ok {
					t.Errorf("%s: there is no model %s", line, a)
				}
			}
			n++
		}
	}
	if n < 20 {
		t.Errorf("only %d examples", n)
	}
	for _, bad := range []string{"run --nope", "bench", "tokenize a b c", "nope"} {
		if parses(strings.Fields(bad)) == nil {
			t.Errorf("%q was taken for a command line", bad)
		}
	}
}

// parses checks flags and the number of arguments, and runs nothing.
func parses(args []string) error {
	a := &app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	root := a.command()
	c, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if c == root {
		return usage("no command")
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	return c.ValidateArgs(c.Flags().Args())
}

// TestReadmeExamples: the command lines of README.md parse as well.
func TestReadmeExamples(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range strings.Split(string(data), "\n") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "go run ./cmd/godwit ")
		if !ok {
			continue
		}
		n++
		if err := parses(words(t, rest)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if n == 0 {
		t.Error("README.md shows no command line")
	}
}

// TestCompletion: shells are offered models, types and protocols.
func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"run", ""}, "smollm2:135m"},
		{[]string{"chat", "gem"}, "gemma3:270m"},
		{[]string{"tokenize", ""}, "gemma3:270m"},
		{[]string{"quantize", "a.gguf", "b.gguf", "--type", ""}, "Q4_K_M"},
		{[]string{"convert", "dir", "b.gguf", "--type", "Q8"}, "Q8_0"},
		{[]string{"compress", "gem"}, "gemma3:270m"},
		{[]string{"calibrate", "gem"}, "gemma3:270m"},
		{[]string{"compress", "m", "--type", "Q8"}, "Q8_0"},
		{[]string{"perplexity", "m", "--protocol", ""}, "sliding"},
		{[]string{"ru"}, "run"},
	} {
		if r := must(t, "", append([]string{"__complete"}, c.args...)...); !strings.Contains(r.out, c.want) {
			t.Errorf("%q completes to %q, want %s among it", c.args, r.out, c.want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := must(t, "", "completion", shell); len(r.out) < 1000 {
			t.Errorf("completion %s gave %d bytes", shell, len(r.out))
		}
	}
}

// TestVersion: the flag and the command agree.
func TestVersion(t *testing.T) {
	if !strings.Contains(must(t, "", "--version").out, version()) || !strings.Contains(must(t, "", "version").out, version()) {
		t.Errorf("--version and version do not print %s", version())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs}
	if code := a.main(ctx, []string{"tokenize", tiny(t)}); code != exitStopped || errs.String() != "godwit: stopped\n" {
		t.Errorf("an interrupted command: exit %d, %q", code, errs.String())
	}
}
