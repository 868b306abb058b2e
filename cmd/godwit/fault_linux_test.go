package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/testenv"
)

// TestTruncatedText: of a file that shrinks, the vocabulary is gone too, and whatever reads it says so.
func TestTruncatedText(t *testing.T) {
	path := tiny(t)
	m, err := godwit.Open(path, godwit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession(godwit.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	if err := s.Prompt(ctx, "hello", nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error) {
		if testenv.Emulated() && testenv.IsFault(err) {
			return
		}
		if !errors.Is(err, godwit.ErrFault) || !strings.Contains(err.Error(), "became shorter") {
			t.Errorf("%s: %v, want a fault that names the cause", what, err)
		}
	}
	_, err = m.Text([]int32{5})
	check("Text", err)
	_, err = m.Tokenize("hello", true)
	check("Tokenize", err)
	_, err = m.Template()
	check("Template", err)
	_, err = m.Render(nil, []godwit.Message{{Role: "user", Content: "hello"}})
	check("Render", err)
	for _, e := range s.Generate(ctx, godwit.Generation{Max: 1}) {
		err = e
	}
	check("Generate", err) // whose logits are there: the token's text is what cannot be read
}
