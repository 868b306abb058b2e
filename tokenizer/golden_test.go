package tokenizer

import (
	"bufio"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
)

// golden names the folder of vocabularies and references. Another one, with more texts, is made by
// testdata/tokenizer/make.py --fuzz N --out DIR.
var golden = flag.String("golden", "../testdata/tokenizer", "folder of *.gguf and *.jsonl made by testdata/tokenizer/make.py")

// loadFields reads a vocabulary file of the golden folder.
func loadFields(t testing.TB, path string) *fields {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := gguf.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	f, err := readFields(file.Meta)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// loadGolden returns the tokenizer for the references called name: "spm", or "bpe.qwen2" for bpe.gguf with another
// pre-tokeniser, "spm.phi3" for another general.name.
func loadGolden(t testing.TB, name string) *Tokenizer {
	t.Helper()
	vocab, pre, other := strings.Cut(name, ".")
	f := loadFields(t, filepath.Join(*golden, vocab+".gguf"))
	if other {
		f.pre, f.name = pre, pre
	}
	tok, err := newTokenizer(f)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

type goldenCase struct {
	Text  string `json:"text"`
	Bytes []byte `json:"bytes"` // instead of Text, if it is no UTF-8: base64
	IDs   []ID   `json:"ids"`
	Plain bool   `json:"plain"` // control tokens in the text are letters
	BOS   bool   `json:"bos"`   // with the tokens that the file asks for at the ends
}

func (c *goldenCase) options() Options {
	opt := Options{BOS: BOSNever, Special: !c.Plain}
	if c.BOS {
		opt.BOS = BOSAuto
	}
	return opt
}

func goldenCases(t testing.TB, name string) []goldenCase {
	t.Helper()
	file, err := os.Open(filepath.Join(*golden, name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var cases []goldenCase
	sc := bufio.NewScanner(file)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var c goldenCase
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Bytes != nil {
			c.Text = string(c.Bytes)
		}
		cases = append(cases, c)
	}
	if err := sc.Err(); err != nil || len(cases) < 10 {
		t.Fatalf("%s: %d cases, %v", name, len(cases), err)
	}
	return cases
}

func goldenNames(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(*golden, "*.jsonl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d references, %v", *golden, len(paths), err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(p), ".jsonl"))
	}
	return names
}

// mismatches counts the cases that encode gets wrong and reports the first few.
func mismatches(t testing.TB, cases []goldenCase, encode func(goldenCase) []ID, report func(c goldenCase, got []ID)) int {
	n := 0
	for _, c := range cases {
		if got := encode(c); !slices.Equal(got, c.IDs) {
			if n++; n <= 5 && report != nil {
				report(c, got)
			}
		}
	}
	return n
}

func TestGolden(t *testing.T) {
	for _, name := range goldenNames(t) {
		t.Run(name, func(t *testing.T) {
			tok := loadGolden(t, name)
			cases := goldenCases(t, name)
			encode := func(c goldenCase) []ID { return tok.Encode(nil, c.Text, c.options()) }
			bad := mismatches(t, cases, encode, func(c goldenCase, got []ID) {
				i := 0
				for i < len(got) && i < len(c.IDs) && got[i] == c.IDs[i] {
					i++
				}
				t.Errorf("%q: from token %d on\n have %q\n want %q", c.Text, i, pieces(tok, got[i:]), pieces(tok, c.IDs[i:]))
			})
			t.Logf("%d of %d texts differ", bad, len(cases))
		})
	}
}

func pieces(tok *Tokenizer, ids []ID) []string {
	var out []string
	for _, id := range ids[:min(8, len(ids))] {
		out = append(out, string(tok.tokens.At(int(id))))
	}
	return out
}
