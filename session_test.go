package godwit_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// TestSaveReal: a real model goes on from a saved session, in another model with another number of threads, with the tokens that it would have
// generated, and so does a fork. It takes less than a quarter of the time of reading the prompt.
func TestSaveReal(t *testing.T) {
	ctx := context.Background()
	path := testmodel.Path(t, "smollm2:135m")
	open := func(threads int) *godwit.Model {
		m, err := godwit.Open(path, godwit.Options{Plan: "kv=q8_0", Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	say := func(s *godwit.Session) (text string) {
		for tok, err := range s.Generate(ctx, godwit.Generation{Max: 12}) {
			if err != nil {
				t.Fatal(err)
			}
			text += tok.Text
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return text
	}
	m := open(2)
	s, err := m.NewSession(godwit.SessionOptions{Context: 1024})
	if err != nil {
		t.Fatal(err)
	}
	prompt := ""
	for i := range 40 {
		prompt += fmt.Sprintf("In the year %d of that age the birds flew south before the storms of winter. ", i)
	}
	start := time.Now()
	if err := s.Prompt(ctx, prompt, nil); err != nil {
		t.Fatal(err)
	}
	read := time.Since(start)
	var file bytes.Buffer
	if err := s.Save(&file); err != nil {
		t.Fatal(err)
	}
	fork, err := s.Fork()
	if err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	loaded, err := open(1).LoadSession(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	want := say(s)
	if d := cmp.Diff(want, say(loaded)); d != "" || took > read/4 {
		t.Errorf("loaded in %v, read in %v: (-as it was +loaded)\n%s", took, read, d)
	}
	if d := cmp.Diff(want, say(fork)); d != "" {
		t.Errorf("a fork goes on otherwise: (-as it was +forked)\n%s", d)
	}
}
