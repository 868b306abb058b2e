package tokenizer

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
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

// FuzzVocabulary: any vocabulary in a sound container, which FuzzNew seldom comes to. The lists are cut at unit separators.
func FuzzVocabulary(f *testing.F) {
	pres := slices.Sorted(maps.Keys(families))
	const sep = "\x1f"
	f.Add(uint8(0), uint8(3), uint8(1), "a"+sep+"b"+sep+"ab"+sep+"Ġ", "a b"+sep+"Ġ a", []byte{1, 1, 4, 1}, []byte{}, []byte{0, 2, 9}, "ab a")
	f.Add(uint8(1), uint8(0), uint8(9), "<unk>"+sep+"▁"+sep+"▁a"+sep+"<0x61>", "", []byte{2, 1, 1, 6}, []byte("abcdefghijklmnop"), []byte{1}, "a  a")
	f.Add(uint8(2), uint8(0), uint8(5), "<unk>"+sep+"▁"+sep+"aa"+sep+"a", "\x04\x00\x00\x00abcd\x00", []byte{2, 1, 1, 4}, []byte{0, 0, 0xC0, 0x7F}, []byte{1, 1}, "aaa")
	f.Add(uint8(3), uint8(0), uint8(0), "[UNK]"+sep+"▁a"+sep+"b"+sep+"[SEP]", "", []byte{2, 1, 1, 3}, []byte{}, []byte{1, 2, 3, 4}, "Ab É")
	f.Fuzz(func(t *testing.T, model, pre, flags uint8, tokens, merges string, kinds, scores, ids []byte, text string) {
		if len(text) > 1<<10 || len(tokens) > 1<<12 {
			return
		}
		list := strings.Split(tokens, sep)
		b := new(builder).text(keys+"model", models[int(model)%len(models)]).text(keys+"pre", pres[int(pre)%len(pres)]).texts(keys+"tokens", list)
		values, types := make([]float32, len(list)), make([]int32, len(list))
		for i := range list {
			types[i] = 1
			if i < len(kinds) {
				types[i] = int32(int8(kinds[i]))
			}
			if len(scores) >= 4*(i+1) {
				values[i] = math.Float32frombits(binary.LittleEndian.Uint32(scores[4*i:]))
			}
		}
		b.floats(keys+"scores", values).ints(keys+"token_type", types).texts(keys+"merges", strings.Split(merges, sep))
		if merges != "" {
			b.bytes(keys+"precompiled_charsmap", []byte(merges))
		}
		for i, id := range ids[:min(len(ids), len(idKeys))] {
			b.int(keys+idKeys[i]+"_token_id", int64(int8(id)))
		}
		for i, name := range flagKeys {
			b.flag(keys+name, flags>>i&1 != 0)
		}
		tok, err := b.new(t)
		if err != nil {
			if !errors.Is(err, ErrMetadata) {
				t.Fatal(err)
			}
			return
		}
		exercise(t, tok, text)
		for _, opt := range []Options{{}, {Special: true}} {
			got := tok.Encode(nil, text, opt)
			if again := b.must(t).Encode(nil, text, opt); !slices.Equal(got, again) {
				t.Fatalf("%q gives %v and %v", text, got, again)
			}
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
