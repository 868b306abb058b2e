package tokenizer

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godwit-ai/godwit/gguf"
)

// FuzzEncode: any text, any fixture. Ids are of the vocabulary, dst is kept, and where nothing is normalised away decoding
// gives the text back.
func FuzzEncode(f *testing.F) {
	var toks []*Tokenizer
	for _, model := range models {
		toks = append(toks, tiny(model).must(f))
	}
	for _, name := range goldenNames(f) {
		toks = append(toks, loadGolden(f, name))
	}
	for i, text := range []string{"", " a  b", "I'm they'LL 12345\r\n\n x", "<tool><s>\n\n\n", "e\u0301 中文 한 ½", "\xff\xe2\x96", "\u2581 \u2581x",
		strings.Repeat("aB1 ", 300), "a\u3000 \u2028\t\u0085"} {
		f.Add(text, uint8(i*3), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, text string, which uint8, special bool) {
		tok := toks[int(which)%len(toks)]
		ids := tok.Encode([]ID{-9}, text, Options{BOS: BOSNever, Special: special})
		for i, id := range ids {
			if (id == -9) != (i == 0) || int(id) >= tok.Size() {
				t.Fatalf("%q gives %v", text, ids)
			}
		}
		got := tok.Decode(ids[1:], DecodeOptions{Special: true})
		if !utf8.ValidString(got) {
			t.Fatalf("%q decodes to %q", text, got)
		}
		if tok.model == modelT5 || tok.model == modelBert || !utf8.ValidString(text) || len(tok.index().stripRight) > 0 {
			return
		}
		want := text
		if tok.model == modelLlama || tok.fam.raw {
			want = strings.ReplaceAll(text, spaceMark, " ")
		}
		if got != want {
			t.Fatalf("%s %q comes back as %q", tok.pre, text, got)
		}
	})
}

// FuzzNew: any metadata. What New accepts can be used, and twice with the same result.
func FuzzNew(f *testing.F) {
	// Small ones: the fuzzer spends its time on making what it keeps smaller.
	seed := func(model string, kinds []int32, tokens ...string) *builder {
		return new(builder).text(keys+"model", model).text(keys+"pre", "").texts(keys+"tokens", tokens).
			ints(keys+"token_type", kinds).floats(keys+"scores", make([]float32, len(tokens)))
	}
	f.Add(seed("gpt2", []int32{1, 1, 3, 4}, "a", "b", "<s>", "<t>").texts(keys+"merges", []string{"a b"}).file(), "ab <s>")
	f.Add(seed("llama", []int32{2, 6, 1, 1}, "<unk>", "<0x61>", "▁", "▁b").flag(keys+"add_space_prefix", true).file(), "a b")
	f.Add(seed("t5", []int32{2, 1, 1, 4}, "<unk>", "a", "▁", "aa").bytes(keys+"precompiled_charsmap",
		[]byte{8, 0, 0, 0, 0, 4, 0, 0, 'a', 1, 0, 0, 'b', 0}).file(), "aaa b")
	f.Add(seed("bert", []int32{2, 1, 1, 3}, "[UNK]", "▁a", "b", "[SEP]").int(keys+"seperator_token_id", 3).file(), "Ab [SEP]")
	f.Add(seed("gpt2", []int32{3, 1, 1}, "<|end|>", "</s>", "").texts(keys+"merges", nil).text("general.name", "phi-3").
		int(keys+"bos_token_id", 9).file(), "<|end|>  x")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		file, err := gguf.Parse(data)
		if err != nil {
			return
		}
		tok, err := New(file.Meta)
		if err != nil {
			return
		}
		if len(text) > 1<<12 {
			text = text[:1<<12]
		}
		exercise(t, tok, text)
		again, err := New(file.Meta)
		if err != nil {
			t.Fatal(err)
		}
		opt := Options{Special: true}
		if a, b := tok.Encode(nil, text, opt), again.Encode(nil, text, opt); !slices.Equal(a, b) {
			t.Fatalf("%q gives %v and %v", text, a, b)
		}
	})
}

// FuzzDecodeStream: any ids, cut anywhere, give whole characters, and joined what Decode gives.
func FuzzDecodeStream(f *testing.F) {
	var toks []*Tokenizer
	for _, model := range models {
		toks = append(toks, tiny(model).must(f))
	}
	f.Add([]byte{0, 0, 0, 1, 0, 2, 1, 3, 0, 100, 0, 200}, uint8(0), false)
	f.Add([]byte{0, 0xE6, 0, 0xBC, 0, 0xB1, 0, 3, 0, 0xF4, 0, 1}, uint8(0), true)
	f.Add([]byte{0, 0xE6, 0, 0x9A, 0, 1, 0, 0x85, 1, 4, 0xFF, 0xFF}, uint8(1), true)
	f.Add([]byte{1, 4, 1, 5, 0, 3, 1, 9, 1, 8, 0, 2}, uint8(2), false)
	f.Add([]byte{1, 7, 1, 6, 1, 5, 1, 4}, uint8(3), false)
	f.Fuzz(func(t *testing.T, data []byte, which uint8, special bool) {
		tok := toks[int(which)%len(toks)]
		var ids []ID
		for ; len(data) >= 2; data = data[2:] {
			ids = append(ids, ID(int16(uint16(data[0])<<8|uint16(data[1]))))
		}
		s := tok.Stream()
		s.Special = special
		var raw, got strings.Builder
		for _, id := range ids {
			if k := tok.Kind(id); special || k != Control && k != Unknown {
				raw.Write(tok.Piece(id))
			}
			piece := s.Push(id)
			if !utf8.ValidString(piece) {
				t.Fatalf("piece %q of %v", piece, ids)
			}
			got.WriteString(piece)
		}
		got.WriteString(s.Flush())
		have, want := got.String(), tok.Decode(ids, DecodeOptions{Special: special})
		if utf8.ValidString(raw.String()) && have != raw.String() {
			t.Fatalf("%v streams as %q, its bytes are %q", ids, have, raw.String())
		}
		if tok.spacePrefix || tok.model == modelBert {
			have, want = strings.ReplaceAll(have, " ", ""), strings.ReplaceAll(want, " ", "")
		}
		if have != want {
			t.Fatalf("%v streams as %q, decodes to %q", ids, have, want)
		}
	})
}
