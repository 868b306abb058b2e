package convert

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/runtime/arch"
	"github.com/godwit-ai/godwit/tokenizer"
)

// tokenizers holds directories with nothing but a tokenizer, and the ids that the reference gives for texts.
const tokenizers = "testdata/tokenizers"

// convertTokenizer converts the tokenizer of dir into metadata of a file that has nothing else.
func convertTokenizer(t testing.TB, dir, config, pre string) (*gguf.Meta, Result, error) {
	t.Helper()
	cfg, err := arch.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	f, r := &gguf.Writer{}, Result{}
	if err := f.Set("general.architecture", "llama"); err != nil {
		t.Fatal(err)
	}
	if err := addTokenizer(f, dir, cfg, pre, &r); err != nil {
		return nil, r, err
	}
	m, err := readBack(f)
	if err != nil {
		t.Fatal(err)
	}
	return m, r, nil
}

type tokenizerCase struct {
	Text string         `json:"text"`
	IDs  []tokenizer.ID `json:"ids"`
	BOS  bool           `json:"bos"` // with the tokens that the tokenizer puts around a text
}

func tokenizerCases(t *testing.T, dir string) (out []tokenizerCase) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "ids.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var c tokenizerCase
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if len(out) < 50 {
		t.Fatalf("%s: %d cases", dir, len(out))
	}
	return out
}

// TestTokenizers converts each directory and compares the ids that come out with the reference's.
func TestTokenizers(t *testing.T) {
	dirs, err := filepath.Glob(tokenizers + "/*/ids.jsonl")
	if err != nil || len(dirs) < 10 {
		t.Fatalf("%d directories, %v", len(dirs), err)
	}
	for _, path := range dirs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m, r, err := convertTokenizer(t, dir, `{}`, "")
			if err != nil {
				t.Fatal(err)
			}
			t.Log(r.Warnings)
			tok, err := tokenizer.New(m)
			if err != nil {
				t.Fatal(err)
			}
			bad := 0
			for _, c := range tokenizerCases(t, dir) {
				o := tokenizer.Options{BOS: tokenizer.BOSNever, Special: true}
				if c.BOS {
					o.BOS = tokenizer.BOSAuto
				}
				if have := tok.Encode(nil, c.Text, o); !slices.Equal(have, c.IDs) {
					if bad++; bad <= 5 {
						t.Errorf("%q: %v, want %v", c.Text, have, c.IDs)
					}
				}
			}
			if bad > 0 {
				t.Errorf("%d texts differ", bad)
			}
		})
	}
}
