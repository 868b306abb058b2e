package godwit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/convert"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

const smollm2 = "smollm2:135m"

func open(t testing.TB, path string) *godwit.Model {
	t.Helper()
	m, err := godwit.Open(path, godwit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func start(t testing.TB, m *godwit.Model) *godwit.Session {
	t.Helper()
	s, err := m.NewSession(godwit.SessionOptions{Context: 1024})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// untold converts a tiny model that has neither tokenizer nor chat template.
func untold(t testing.TB) *godwit.Model {
	t.Helper()
	out := filepath.Join(t.TempDir(), "tiny.gguf")
	if _, err := convert.Directory(context.Background(), "testdata/arch/llama", out, convert.Options{Type: "f32"}); err != nil {
		t.Fatal(err)
	}
	return open(t, out)
}

// answer generates from where s is and returns ids and text; every piece of it must be whole characters.
func answer(t *testing.T, s *godwit.Session, g godwit.Generation) (ids []int32, text string) {
	t.Helper()
	for tok, err := range s.Generate(context.Background(), g) {
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.ValidString(tok.Text) {
			t.Errorf("token %d gives %q, which is not UTF-8", tok.ID, tok.Text)
		}
		ids = append(ids, tok.ID)
		text += tok.Text
	}
	return ids, text
}

// TestChat: a conversation's second turn computes only what is new, and gives the bits of a fresh session.
func TestChat(t *testing.T) {
	m := open(t, testmodel.Path(t, smollm2))
	ctx := context.Background()
	turns := []godwit.Message{{Role: "user", Content: "Why is the sky blue?"}}
	s := start(t, m)
	if kept, err := s.Chat(ctx, turns, nil); err != nil || kept != 0 {
		t.Fatalf("first turn: %d tokens kept, %v", kept, err)
	}
	first := s.Len()
	ids, text := answer(t, s, godwit.Generation{Max: 12})
	if text == "" || len(ids) == 0 {
		t.Fatal("no answer")
	}
	turns = append(turns, godwit.Message{Role: "assistant", Content: text}, godwit.Message{Role: "user", Content: "And at dusk?"})
	kept, err := s.Chat(ctx, turns, nil)
	if err != nil || kept < first {
		t.Errorf("second turn: %d tokens kept of %d, %v", kept, first, err)
	}
	fresh := start(t, m)
	if _, err := fresh.Chat(ctx, turns, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := s.Stats().LogitsHash, fresh.Stats().LogitsHash; got != want {
		t.Errorf("logits after two turns %s, in a fresh session %s", got, want)
	}
}

// TestPromptBegins: the beginning-of-text token comes once, at the start of the stream.
func TestPromptBegins(t *testing.T) {
	m := open(t, testmodel.Path(t, "gemma3:270m"))
	tok, err := m.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	bos, ok := tok.BOS()
	if !ok || !tok.AddBOS() {
		t.Fatal("this model begins its texts with a token")
	}
	s := start(t, m)
	for _, part := range []string{"The godwit", " flies", " south."} {
		if err := s.Prompt(context.Background(), part, nil); err != nil {
			t.Fatal(err)
		}
	}
	if ids := s.Tokens(); ids[0] != bos || slices.Contains(ids[1:], bos) {
		t.Errorf("ids %v, want one %d, in front", ids, bos)
	}
}

// TestStop: a stop text ends the answer wherever the tokens' limits are, and nothing of it is emitted. TestLongStop has more places.
func TestStop(t *testing.T) { stops(t, 13) }

// stops takes a stop text from every so many bytes of an answer.
func stops(t *testing.T, every int) {
	m := open(t, testmodel.Path(t, smollm2))
	s := start(t, m)
	ctx := context.Background()
	ids, err := m.Tokenize("One, two, three, four,", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(ctx, ids, nil); err != nil {
		t.Fatal(err)
	}
	_, whole := answer(t, s, godwit.Generation{Max: 24})
	for i := 4; i+5 < len(whole); i += every {
		stop := whole[i : i+5]
		if _, err := s.Sync(ctx, ids, nil); err != nil {
			t.Fatal(err)
		}
		_, got := answer(t, s, godwit.Generation{Max: 24, Stop: []string{"never in there", stop}})
		if want := whole[:strings.Index(whole, stop)]; got != want {
			t.Errorf("stop text %q: %q, want %q", stop, got, want)
		}
	}
	if _, err := s.Sync(ctx, ids, nil); err != nil {
		t.Fatal(err)
	}
	if _, got := answer(t, s, godwit.Generation{Max: 24, Stop: []string{whole + "x"}}); got != whole {
		t.Errorf("a stop text that never came held back the end: %q, want %q", got, whole)
	}
}

// TestLookup: drafts change neither tokens nor text, wherever a stop text ends the answer, nor what is in the session then.
func TestLookup(t *testing.T) {
	m := open(t, testmodel.Path(t, smollm2))
	s := start(t, m)
	ctx := context.Background()
	ids, err := m.Tokenize(strings.Repeat("One, two, three, four, five.\n", 5)+"One, two,", true)
	if err != nil {
		t.Fatal(err)
	}
	drafted := 0
	for _, p := range []godwit.Sampling{{}, {Temperature: 0.3, TopP: 0.95, Seed: 11}} {
		run := func(g godwit.Generation) (ids2 []int32, text, hash string) {
			if _, err := s.Sync(ctx, ids, nil); err != nil {
				t.Fatal(err)
			}
			g.Sampling = p
			before := s.Stats().AcceptedTokens
			ids2, text = answer(t, s, g)
			drafted += s.Stats().AcceptedTokens - before
			return append(ids2, s.Tokens()...), text, s.Stats().LogitsHash
		}
		_, whole, _ := run(godwit.Generation{Max: 30})
		if drafted != 0 {
			t.Fatalf("%d drafts without Lookup", drafted)
		}
		n := len(whole)
		for i, stop := range []string{whole + "x", whole[n-6:], whole[n/2 : n/2+6], whole[n/3 : n/3+2]} {
			g := godwit.Generation{Max: 30, Stop: []string{"never in there", stop}, Top: 2}
			wantIDs, wantText, wantHash := run(g)
			g.Lookup = []int{15, 64, 7, 2}[i]
			ids, text, hash := run(g)
			if !slices.Equal(ids, wantIDs) || text != wantText || hash != wantHash {
				t.Errorf("%+v: %v, %q, logits %s; without drafts %v, %q, logits %s", g, ids, text, hash, wantIDs, wantText, wantHash)
			}
		}
		if drafted < 5 {
			t.Errorf("%d drafts right, of a text that repeats itself", drafted)
		}
		drafted = 0
	}
}

// TestPenaltiesSeePrompt: a repetition penalty looks back at the prompt, not only at what was generated.
func TestPenaltiesSeePrompt(t *testing.T) {
	m := untold(t)
	s := start(t, m)
	ctx := context.Background()
	first := func(g godwit.Sampling) int32 {
		ids, _ := answer(t, s, godwit.Generation{Max: 1, Sampling: g})
		return ids[0]
	}
	if err := s.Feed(ctx, []int32{1, 2, 3}, nil); err != nil {
		t.Fatal(err)
	}
	best := first(godwit.Sampling{})
	if err := s.Rewind(ctx, 0, nil); err != nil {
		t.Fatal(err)
	}
	// The token that follows is now part of the prompt. A vast penalty must avoid it and all others there.
	prompt := []int32{best, 1, 2, 3}
	if err := s.Feed(ctx, prompt, nil); err != nil {
		t.Fatal(err)
	}
	if got := first(godwit.Sampling{PresencePenalty: 1000}); slices.Contains(prompt, got) {
		t.Errorf("token %d of the prompt %v was picked against a penalty of 1000", got, prompt)
	}
}

// TestBare: a model without tokenizer and template says so, and runs on token ids.
func TestBare(t *testing.T) {
	m := untold(t)
	s := start(t, m)
	ctx := context.Background()
	if err := s.Prompt(ctx, "text", nil); !errors.Is(err, godwit.ErrNoTokenizer) {
		t.Errorf("prompt: %v", err)
	}
	if _, err := s.Chat(ctx, []godwit.Message{{Role: "user", Content: "text"}}, nil); !errors.Is(err, godwit.ErrNoTemplate) {
		t.Errorf("chat: %v", err)
	}
	if err := s.Feed(ctx, []int32{1, 2, 3}, nil); err != nil {
		t.Fatal(err)
	}
	if ids, text := answer(t, s, godwit.Generation{Max: 5}); len(ids) != 5 || text != "" {
		t.Errorf("%v, %q", ids, text)
	}
}

// TestFullContext: the error at the end of the context carries the numbers, and what was generated stays.
func TestFullContext(t *testing.T) {
	m := untold(t)
	s, err := m.NewSession(godwit.SessionOptions{Context: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := s.Feed(ctx, []int32{1, 2, 3}, nil); err != nil {
		t.Fatal(err)
	}
	n := 0
	var full *godwit.ContextError
	for _, err := range s.Generate(ctx, godwit.Generation{}) {
		if err != nil {
			if !errors.As(err, &full) || !errors.Is(err, godwit.ErrContext) {
				t.Fatal(err)
			}
			break
		}
		n++
	}
	if full == nil || full.Limit != 8 || full.Have != 8 || full.Want != 1 || n != 6 || s.Len() != 8 {
		t.Errorf("%d tokens generated, %d held, %+v", n, s.Len(), full)
	}
}

// TestOpenFD opens a model inside another file, as Android keeps them, and gets the same bits.
func TestOpenFD(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	ctx := context.Background()
	if _, err := convert.Directory(ctx, "testdata/arch/llama", path, convert.Options{Type: "f32"}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const offset = 12345 // no multiple of a page
	inside := filepath.Join(t.TempDir(), "package")
	if err := os.WriteFile(inside, append(append(make([]byte, offset), data...), 1, 2, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(inside)
	if err != nil {
		t.Fatal(err)
	}
	m, err := godwit.OpenFD(f.Fd(), offset, int64(len(data)), godwit.Options{})
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	hash := func(m *godwit.Model) string {
		s := start(t, m)
		if err := s.Feed(ctx, []int32{1, 2, 3}, nil); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.Stats().LogitsHash
	}
	if got, want := hash(m), hash(open(t, path)); got != want {
		t.Errorf("logits %s from the descriptor, %s from the path", got, want)
	}
}
