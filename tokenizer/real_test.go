package tokenizer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/mmap"
)

// realModels are the catalogue's models, by the names of their references in testdata/tokenizer/models.
var realModels = []struct{ golden, name string }{{"smollm2", "smollm2:135m"}, {"gemma3", "gemma3:270m"}}

// mapped returns the metadata of a real model in a mapping of its file.
func mapped(t testing.TB, name string) *gguf.Meta {
	t.Helper()
	m, err := mmap.Open(testmodel.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	file, err := gguf.Parse(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return file.Meta
}

// TestRealModels: the real vocabularies give llama.cpp's ids, and decoding gives the texts back.
func TestRealModels(t *testing.T) {
	for _, m := range realModels {
		t.Run(m.golden, func(t *testing.T) {
			tok, err := New(mapped(t, m.name))
			if err != nil {
				t.Fatal(err)
			}
			bad := mismatches(t, goldenCases(t, filepath.Join("models", m.golden)), func(c goldenCase) []ID {
				return tok.Encode(nil, c.Text, c.options())
			}, func(c goldenCase, got []ID) {
				t.Errorf("%q (plain %v, BOS %v):\n have %d %q\n want %d %q", c.Text, c.Plain, c.BOS, got, pieces(tok, got), c.IDs, pieces(tok, c.IDs))
			})
			if bad > 0 {
				t.Errorf("%d texts differ", bad)
			}
			for _, text := range []string{opticks(t), strings.ReplaceAll(opticks(t), "\n", ""), strings.Repeat("the light 12 \n\n中文👍", 3000)} {
				ids := tok.Encode(nil, text, Options{BOS: BOSNever})
				if got := tok.Decode(ids, DecodeOptions{}); got != text {
					t.Errorf("%d tokens of a text of %d bytes decode to %d others", len(ids), len(text), len(got))
				}
			}
		})
	}
}

// opticks is a book of 567 kB.
func opticks(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "books", "opticks.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
