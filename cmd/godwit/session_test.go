package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
)

// sessions gives a test a folder for sessions.
func sessions(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "sessions")
	t.Setenv("GODWIT_SESSIONS", dir)
	return dir
}

// TestChatSession: a chat that ends after each message and goes on in its file gives the answers of one chat, reads nothing again, and knows its
// model; what is asked of the file tells what it has.
func TestChatSession(t *testing.T) {
	m := tiny(t)
	sessions(t)
	whole, _ := turns(t, "hello\nand more\n/undo\nlast\n", m, "--system", "be brief")
	if len(whole) != 3 {
		t.Fatalf("%+v", whole)
	}
	var parts []turnJSON
	for i, lines := range []string{"hello\n", "and more\n", "/undo\n", "last\n"} {
		args := []string{"--session", "diary", "--system", "be brief"}
		if i == 0 {
			args = append(args, m)
		}
		some, errs := turns(t, lines, args...)
		parts = append(parts, some...)
		if i > 0 && !strings.Contains(errs, "session diary") || i > 0 && !strings.Contains(errs, " 0 computed again") {
			t.Errorf("%q", errs)
		}
	}
	for i := range whole {
		if !slices.Equal(parts[i].TokenIDs, whole[i].TokenIDs) || parts[i].Kept != whole[i].Kept {
			t.Errorf("answer %d: %v, %d tokens kept; in one chat %v, %d", i, parts[i].TokenIDs, parts[i].Kept, whole[i].TokenIDs, whole[i].Kept)
		}
	}
	info := decode[sessionJSON](t, must(t, "", "session", "info", "diary", "--json"))
	if info.Messages != 4 || info.Cut || info.Tokens == 0 || info.Ready != info.Tokens {
		t.Errorf("%+v", info)
	}
	export := must(t, "", "session", "export", "diary").out
	want := "--- user\nhello\n--- assistant\n" + whole[0].Text + "\n--- user\nlast\n--- assistant\n" + whole[2].Text + "\n"
	if d := cmp.Diff(want, export); d != "" {
		t.Error(d)
	}
	if list := must(t, "", "session", "ls").out; !strings.Contains(list, "diary") {
		t.Errorf("%q", list)
	}
	must(t, "", "session", "fork", "diary", "fork")
	if r := godwitWith(t, "", "session", "fork", "diary", "fork"); r.code != exitError || !strings.Contains(r.err, "exists") {
		t.Errorf("forked over a session: %q", r.err)
	}
	a, _ := turns(t, "and you\n", "--session", "diary")
	b, _ := turns(t, "and you\n", "--session", "fork")
	if !slices.Equal(a[0].TokenIDs, b[0].TokenIDs) || a[0].Kept != b[0].Kept {
		t.Errorf("the fork says %+v, not %+v", b[0], a[0])
	}
	must(t, "", "session", "rm", "diary")
	if r := godwitWith(t, "", "session", "info", "diary"); r.code != exitError || !strings.Contains(r.err, "there is no session diary") {
		t.Errorf("%q", r.err)
	}
}

// cutSampling is what the answers that are cut off are sampled with.
var cutSampling = []string{"--temp", "1.3", "--seed", "5", "--mirostat-tau", "4", "--logit-bias", "0=-inf", "--logit-bias", "2=-inf"}

// TestRunSession: an answer that was cut off goes on with the tokens that it would have had, in `run` and in `chat`, whatever the sampling.
func TestRunSession(t *testing.T) {
	m := tiny(t)
	dir := sessions(t)
	args := append([]string{"run", m, "hello", "-n", "30", "--json"}, cutSampling...)
	want := decode[runJSON](t, must(t, "", args...))
	path := filepath.Join(dir, "book"+sessionExt)
	for _, cut := range []int{1, 2, 17, 29} {
		cutOff(t, m, path, "hello", want, cut)
		got := decode[runJSON](t, must(t, "", append(args, "--session", "book")...))
		if !slices.Equal(got.TokenIDs, want.TokenIDs) || got.Text != want.Text {
			t.Errorf("cut after %d: %v, want %v", cut, got.TokenIDs, want.TokenIDs)
		}
		cutOff(t, m, path, "hello", want, cut)
		all, _ := turns(t, "", "--session", path)
		if len(all) != 1 || !slices.Equal(all[0].TokenIDs, want.TokenIDs) {
			t.Errorf("chat, cut after %d: %+v, want %v", cut, all, want.TokenIDs)
		}
	}
}

// cutOff leaves a session in a file whose answer was cut off after so many tokens.
func cutOff(t *testing.T, model, path, question string, want runJSON, n int) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	m, err := godwit.Open(model, godwit.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, _, err := m.OpenSession(t.Context(), path, godwit.SessionOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := keptSession{Session: s, name: path}
	if err := s.Feed(t.Context(), want.PromptIDs, nil); err != nil {
		t.Fatal(err)
	}
	var flags sampling
	flags.add(&cobra.Command{})
	if err := flags.flags.Parse(cutSampling); err != nil {
		t.Fatal(err)
	}
	g := godwit.Generation{Max: 30}
	if g.Sampling, err = flags.params(m); err != nil {
		t.Fatal(err)
	}
	k.note = sessionNote{Model: model, Turns: []godwit.Message{{Role: "user", Content: question}}, Answer: pending(s.Len(), g)}
	if err := k.save(); err != nil {
		t.Fatal(err)
	}
	made := 0
	for tok, err := range s.Generate(t.Context(), g) {
		if err != nil {
			t.Fatal(err)
		}
		if tok.ID != want.TokenIDs[made] {
			t.Fatalf("token %d is %d, want %d", made, tok.ID, want.TokenIDs[made])
		}
		if made++; made == n {
			break
		}
	}
	// As if killed here: a copy of the file while the session is open.
	data, err := os.ReadFile(path)
	if err == nil {
		err = s.Close()
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
