package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// decodeCases are byte strings, whole and broken, and what Python makes of them.
func decodeCases(t testing.TB) (cases []struct {
	Bytes []byte // base64
	Text  string
}) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "tokenizer", "decode.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 100 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	return cases
}

// TestStreamEverySplit: of every way to cut a byte string into tokens, each Push gives whole characters as soon as they are
// whole, and all together what Python gives for the string: with tokens that end anywhere in a character, and begin anywhere.
func TestStreamEverySplit(t *testing.T) {
	cases := decodeCases(t)
	for _, s := range []string{"aé中👍b", "👍👍", "\ufffd中\x00", "e\u0301👨\u200d"} {
		cases = append(cases, struct {
			Bytes []byte
			Text  string
		}{[]byte(s), s})
	}
	splits := 0
	for _, c := range cases {
		n := len(c.Bytes)
		if n > 12 || testing.Short() && n > 7 {
			continue
		}
		for _, model := range []string{"gpt2", "llama"} {
			tok, id := substrings(t, model, c.Bytes)
			for cuts := range 1 << (n - 1) {
				s := tok.Stream()
				var got strings.Builder
				for lo, i := 0, 1; i <= n; i++ {
					if i < n && cuts>>(i-1)&1 == 0 {
						continue
					}
					piece := s.Push(id(lo, i))
					got.WriteString(piece)
					whole, open := appendWhole(nil, c.Bytes[:i])
					if !utf8.ValidString(piece) || got.String() != string(whole) || len(open) >= utf8.UTFMax || utf8.FullRune(open) {
						t.Fatalf("%s: %q cut by %b: %q after %d bytes, last %q", model, c.Bytes, cuts, got.String(), i, piece)
					}
					lo = i
				}
				if got.WriteString(s.Flush()); got.String() != c.Text {
					t.Fatalf("%s: %q cut by %b streams as %q, want %q", model, c.Bytes, cuts, got.String(), c.Text)
				}
				splits++
			}
		}
	}
	if splits < 1000 {
		t.Errorf("only %d splits", splits)
	}
}

// substrings returns a tokenizer whose tokens are b's substrings, in bytes, and the id of b[lo:hi].
func substrings(t testing.TB, model string, b []byte) (tok *Tokenizer, id func(lo, hi int) ID) {
	n := len(b)
	var tokens []string
	for lo := range n {
		for hi := range n + 1 {
			var text string
			for _, c := range b[lo:max(lo, hi)] {
				if model == "gpt2" {
					text += byteLetters[c]
				} else {
					text += string([]byte{c})
				}
			}
			tokens = append(tokens, text)
		}
	}
	tok = new(builder).text(keys+"model", model).text(keys+"pre", "gpt-2").texts(keys+"tokens", tokens).
		texts(keys+"merges", nil).floats(keys+"scores", make([]float32, len(tokens))).must(t)
	return tok, func(lo, hi int) ID { return ID(lo*(n+1) + hi) }
}

// TestNamesOfNoCharacters: the names of control tokens, of unknown and of added ones are text whatever bytes the file has for
// them, whole at their ends if they are shown apart, and joined with what follows if they are part of the text.
func TestNamesOfNoCharacters(t *testing.T) {
	for _, model := range models {
		for _, kind := range []Kind{Control, Unknown, UserDefined, Normal} {
			want := "\ufffd\ufffd<中a"
			if kind == Control || kind == Unknown {
				want = "\ufffd\ufffd<\ufffd\ufffda" // the byte after the name begins nothing
			}
			tok := new(builder).text(keys+"model", model).text(keys+"pre", "gpt-2").
				texts(keys+"tokens", []string{"\xcc\xff<\xe4\xb8", "\xad", "a"}).ints(keys+"token_type", []int32{int32(kind), 1, 1}).
				texts(keys+"merges", nil).floats(keys+"scores", make([]float32, 3)).must(t)
			ids := []ID{0, 1, 2}
			s := tok.Stream()
			s.Special = true
			var stream string
			for _, id := range ids {
				piece := s.Push(id)
				if !utf8.ValidString(piece) {
					t.Fatalf("%s, kind %d: piece %q", model, kind, piece)
				}
				stream += piece
			}
			stream += s.Flush()
			if whole := tok.Decode(ids, DecodeOptions{Special: true}); stream != want || whole != want {
				t.Errorf("%s, kind %d: streams as %q, decodes to %q, want %q", model, kind, stream, whole, want)
			}
		}
	}
}
