package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godwit-ai/godwit/gguf"
)

// exercise uses all of tok: nothing may panic, ids stay in the vocabulary, text is UTF-8.
func exercise(t testing.TB, tok *Tokenizer, texts ...string) {
	t.Helper()
	texts = append(texts, "", " ", "abc ab\n\n a", "<s><tool> x</s>", "\xff\xe4\xb8 é中\x00", strings.Repeat("a", 100)+" \u2581b")
	for _, text := range texts {
		for _, opt := range []Options{{}, {BOS: BOSNever, Special: true}, {BOS: BOSAlways}} {
			ids := tok.Encode([]ID{-7}, text, opt)
			if ids[0] != -7 {
				t.Fatalf("Encode(%.40q) wrote over dst", text)
			}
			for _, id := range ids[1:] {
				if id < 0 || int(id) >= tok.Size() {
					t.Fatalf("Encode(%.40q) gives %d of %d", text, id, tok.Size())
				}
			}
			if s := tok.Decode(ids, DecodeOptions{Special: opt.Special}); !utf8.ValidString(s) {
				t.Fatalf("Decode(%v) is not UTF-8: %q", ids, s)
			}
		}
	}
	stream := tok.Stream()
	for _, id := range []ID{math.MinInt32, -1, 0, 1, ID(tok.Size() - 1), ID(tok.Size()), math.MaxInt32} {
		tok.Piece(id)
		tok.Kind(id)
		tok.IsEnd(id)
		if s := stream.Push(id) + stream.Flush(); !utf8.ValidString(s) {
			t.Fatalf("token %d: %q", id, s)
		}
	}
	for _, id := range tok.Ends() {
		if id < 0 || int(id) >= tok.Size() {
			t.Fatalf("end %d of %d", id, tok.Size())
		}
	}
	for _, get := range []func() (ID, bool){tok.BOS, tok.EOS, tok.EOT, tok.Unknown, tok.Pad, tok.Sep} {
		if id, ok := get(); ok && (id < 0 || int(id) >= tok.Size()) {
			t.Fatalf("special token %d of %d", id, tok.Size())
		}
	}
}

// TestSpecialIDOutsideVocabulary: converters write −1 for "none", hostile files write offsets; both mean none.
func TestSpecialIDOutsideVocabulary(t *testing.T) {
	for _, model := range models {
		for _, bad := range []int64{-1, 1 << 20, math.MaxInt32, math.MaxUint32, math.MinInt64, math.MaxInt64, 1<<32 + 1} {
			b := new(builder).text(keys+"model", model).text(keys+"pre", "gpt-2").texts(keys+"tokens", []string{"a", "▁", "b"}).
				floats(keys+"scores", []float32{1, 2, 3}).texts(keys+"merges", []string{"a b"}).
				flag(keys+"add_bos_token", true).flag(keys+"add_eos_token", true)
			for _, name := range idKeys {
				b.int(keys+name+"_token_id", bad)
			}
			tok := b.must(t)
			for name, get := range map[string]func() (ID, bool){"bos": tok.BOS, "eos": tok.EOS, "eot": tok.EOT,
				"unknown": tok.Unknown, "padding": tok.Pad, "separator": tok.Sep} {
				if id, ok := get(); ok {
					t.Errorf("%s: %s is %d with %d in the file", model, name, id, bad)
				}
			}
			if tok.AddBOS() || tok.AddEOS() || len(tok.Ends()) > 0 {
				t.Errorf("%s: tokens are added that do not exist", model)
			}
			exercise(t, tok)
		}
		// The defaults of a family, which no key names, may lie outside as well.
		tok := new(builder).text(keys+"model", model).text(keys+"pre", "").texts(keys+"tokens", []string{"a"}).
			floats(keys+"scores", []float32{1}).texts(keys+"merges", nil).must(t)
		exercise(t, tok)
	}
}

func wantErr(t *testing.T, b *builder, want ...error) {
	t.Helper()
	_, err := b.new(t)
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("error is %v, want %v", err, w)
		}
	}
}

// TestArrayLengthsUnequal: scores or types for fewer tokens than there are were read beyond their ends.
func TestArrayLengthsUnequal(t *testing.T) {
	tokens := []string{"a", "b", "c"}
	base := func() *builder {
		return new(builder).text(keys+"model", "llama").texts(keys+"tokens", tokens)
	}
	for n := range 6 {
		if n == len(tokens) {
			continue
		}
		if n > 0 { // none at all is the same as no such key
			wantErr(t, base().floats(keys+"scores", make([]float32, 3)).ints(keys+"token_type", make([]int32, n)), ErrMetadata)
		}
		wantErr(t, base().floats(keys+"scores", make([]float32, n)), ErrMetadata)
	}
	exercise(t, base().floats(keys+"scores", make([]float32, 3)).ints(keys+"token_type", make([]int32, 3)).must(t))
}

// TestArrayElementType: the element type of every array is checked, not only that it is an array.
func TestArrayElementType(t *testing.T) {
	good := map[string]func(b *builder){
		"tokens":               func(b *builder) { b.texts(keys+"tokens", []string{"a"}) },
		"scores":               func(b *builder) { b.floats(keys+"scores", []float32{1}) },
		"token_type":           func(b *builder) { b.ints(keys+"token_type", []int32{1}) },
		"merges":               func(b *builder) { b.texts(keys+"merges", []string{"a a"}) },
		"precompiled_charsmap": func(b *builder) { b.bytes(keys+"precompiled_charsmap", []byte{0, 0, 0, 0, 0}) },
	}
	for name := range good {
		for kind, write := range map[string]func(b *builder){
			"text":  func(b *builder) { b.text(keys+name, "a") },
			"texts": func(b *builder) { b.texts(keys+name, []string{"a"}) },
			"ints":  func(b *builder) { b.ints(keys+name, []int32{1}) },
			"float": func(b *builder) { b.floats(keys+name, []float32{1}) },
			"bytes": func(b *builder) { b.bytes(keys+name, []byte{1, 2, 3, 4, 5}) },
			"int":   func(b *builder) { b.int(keys+name, 1) },
			"array": func(b *builder) {
				b.array(keys+name, gguf.Array, 1)
				b.kv = binary.LittleEndian.AppendUint32(b.kv, uint32(gguf.Int8))
				b.kv = append(b.kv, 0, 0, 0, 0, 0, 0, 0, 0)
			},
		} {
			for _, model := range models {
				b := new(builder).text(keys+"model", model).text(keys+"pre", "gpt-2")
				for other, put := range good {
					if other != name {
						put(b)
					}
				}
				write(b)
				file, err := gguf.Parse(b.file())
				if err != nil {
					continue // arrays of arrays end there
				}
				tok, err := New(file.Meta)
				ok := name == "tokens" && kind == "texts" || name == "merges" && kind == "texts" ||
					name == "scores" && (kind == "ints" || kind == "float") || name == "token_type" && kind == "ints"
				switch {
				case ok && err != nil:
					t.Errorf("%s: %s as %s: %v", model, name, kind, err)
				case err == nil:
					exercise(t, tok)
				case !errors.Is(err, ErrMetadata):
					t.Errorf("%s: %s as %s: %v", model, name, kind, err)
				case !ok && name != "precompiled_charsmap" && kind != "bytes" && !errors.Is(err, gguf.ErrType):
					t.Errorf("%s: %s as %s: %v does not wrap gguf.ErrType", model, name, kind, err)
				}
			}
		}
	}
	for _, scalar := range []string{"model", "pre", "bos_token_id", "add_bos_token"} {
		b := new(builder).texts(keys+"tokens", []string{"a"}).floats(keys+scalar, []float32{1})
		if scalar != "model" {
			b.text(keys+"model", "llama")
		}
		wantErr(t, b, ErrMetadata, gguf.ErrType)
	}
	wantErr(t, new(builder).texts(keys+"tokens", []string{"a"}), ErrMetadata, gguf.ErrMissing)
}

// TestCharsmapShort: a map of less than its header of four bytes was read beyond its end.
func TestCharsmapShort(t *testing.T) {
	for n := 1; n < 4; n++ {
		wantErr(t, tiny("t5").bytes(keys+"precompiled_charsmap", make([]byte, n)), ErrMetadata)
	}
	exercise(t, tiny("t5").bytes(keys+"precompiled_charsmap", nil).must(t))
}

// TestCharsmapCorrupt: the trie's size, its entries and the offsets that they hold are the file's word only.
func TestCharsmapCorrupt(t *testing.T) {
	charsmap := func(size uint32, rest ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, size), rest...)
	}
	for _, bad := range [][]byte{charsmap(0), charsmap(4, 1, 2, 3), charsmap(4, 1, 2, 3, 4), charsmap(math.MaxUint32, 0),
		charsmap(math.MaxUint32-3, 0), charsmap(3, 0, 0, 0, 0), charsmap(4, 1, 2, 3, 4, 'x')} {
		wantErr(t, tiny("t5").bytes(keys+"precompiled_charsmap", bad), ErrMetadata)
	}
	good := loadFields(t, *golden+"/unigram.gguf")
	if len(good.charsmap) < 100 {
		t.Fatalf("the fixture's map has %d bytes", len(good.charsmap))
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	opened := 0
	for range reps(400) {
		bad := slices.Clone(good.charsmap)
		for range 1 + rnd.IntN(40) {
			bad[rnd.IntN(len(bad))] = byte(rnd.Uint32())
		}
		if rnd.IntN(2) == 0 {
			for i := 4; i < len(bad)-1; i++ {
				bad[i] = byte(rnd.Uint32())
			}
		}
		f := *good
		f.charsmap = bad
		tok, err := newTokenizer(&f)
		if err != nil {
			if !errors.Is(err, ErrMetadata) {
				t.Fatal(err)
			}
			continue
		}
		opened++
		exercise(t, tok, "e\u0301 ﬁ ½ ... ＡＢ \u3000 a\u0301\u0302")
	}
	if opened == 0 {
		t.Error("no corrupt map got past New, so that none was used")
	}
}

// TestByteTokenNames: stoi of "<0x-1>" made an index of −1 for a controlled write.
func TestByteTokenNames(t *testing.T) {
	names := []string{"<0x-1>", "<0x+1>", "<0x 1>", "<0x100>", "<0x1>", "<0x>", "<0xGG>", "<0x0", "0x00>", "<0X41>", "<0x٣٣>", "", "a",
		"<0x41>", "<0x4a>"}
	kinds := make([]int32, len(names))
	for i := range kinds {
		kinds[i] = int32(Byte)
	}
	for _, model := range models {
		tok := new(builder).text(keys+"model", model).text(keys+"pre", "gpt-2").texts(keys+"tokens", names).
			ints(keys+"token_type", kinds).floats(keys+"scores", make([]float32, len(names))).texts(keys+"merges", nil).must(t)
		for id, name := range names {
			want := name
			switch name {
			case "<0x41>":
				want = "A"
			case "<0x4a>":
				want = "J"
			}
			if got := string(tok.Piece(ID(id))); got != want {
				t.Errorf("%s: byte token %q is %q, want %q", model, name, got, want)
			}
		}
		exercise(t, tok)
	}
}

// TestEmptyAndDuplicateTokens: a vocabulary may hold empty and equal entries; of equal ones the last counts.
func TestEmptyAndDuplicateTokens(t *testing.T) {
	for _, model := range models {
		wantErr(t, new(builder).text(keys+"model", model).text(keys+"pre", "gpt-2").texts(keys+"tokens", nil).
			floats(keys+"scores", nil).texts(keys+"merges", nil), ErrMetadata)
		for _, tokens := range [][]string{{""}, {"", "", ""}, {"", "a", "", "a", "▁a", "▁a"}, slices.Repeat([]string{"a"}, 1000)} {
			for kind := range int32(9) {
				kinds := slices.Repeat([]int32{kind - 1}, len(tokens))
				tok := new(builder).text(keys+"model", model).text(keys+"pre", "gpt-2").texts(keys+"tokens", tokens).
					ints(keys+"token_type", kinds).floats(keys+"scores", make([]float32, len(tokens))).
					texts(keys+"merges", []string{"", "", "a a", "a a", " ", "a", "a ", " a"}).must(t)
				exercise(t, tok)
				want := ID(-1)
				for i, s := range tokens {
					if s == "a" {
						want = ID(i)
					}
				}
				if id, ok := tok.Find("a"); id != want || ok != (want >= 0) {
					t.Errorf("%s: Find(a) is %d, want %d", model, id, want)
				}
				if id, ok := tok.Find(""); ok {
					t.Errorf("%s: Find of nothing is %d", model, id)
				}
			}
		}
	}
}

// TestMergesOfUnknownTokens: a merge may make what is no token, or join what no text holds.
func TestMergesOfUnknownTokens(t *testing.T) {
	merges := []string{"a b", "ab ab", "abab abab", "x", " ", "  ", "a  b", "Ġ Ġ", "\xff \xfe", strings.Repeat("a", 1000) + " b"}
	tok := new(builder).text(keys+"model", "gpt2").text(keys+"pre", "gpt-2").texts(keys+"tokens", []string{"a", "b"}).
		texts(keys+"merges", merges).must(t)
	exercise(t, tok, strings.Repeat("ab", 500))
	if ids := tok.Encode(nil, "abab", Options{}); !slices.Equal(ids, []ID{0, 1, 0, 1}) {
		t.Errorf("a merged word without a token gives %v, not its letters", ids)
	}
	wantErr(t, new(builder).text(keys+"model", "gpt2").text(keys+"pre", "gpt-2").texts(keys+"tokens", []string{"a"}), ErrMetadata)
}

// TestScoresNotFinite: NaN and infinities order somehow, and the same way each time.
func TestScoresNotFinite(t *testing.T) {
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32, 0,
		float32(math.Copysign(0, -1)), math.Float32frombits(0xFFFFFFFF)}
	tokens := []string{"<unk>", "a", "b", "ab", "▁a", "▁", "ba", "aba"}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range reps(200) {
		scores := make([]float32, len(tokens))
		for i := range scores {
			scores[i] = odd[rnd.IntN(len(odd))]
		}
		for _, model := range []string{"llama", "t5"} {
			b := new(builder).text(keys+"model", model).texts(keys+"tokens", tokens).floats(keys+"scores", scores).int(keys+"unknown_token_id", 0)
			tok := b.must(t)
			exercise(t, tok, strings.Repeat("ab ", 30))
			first := tok.Encode(nil, "abab aba b", Options{})
			if again := b.must(t).Encode(nil, "abab aba b", Options{}); !slices.Equal(first, again) {
				t.Fatalf("%s: %v, then %v with scores %v", model, first, again, scores)
			}
		}
	}
}

// TestUnknownModelAndPre: a guess would give wrong tokens silently.
func TestUnknownModelAndPre(t *testing.T) {
	for _, model := range []string{"", "gpt3", "GPT2", "rwkv", strings.Repeat("x", 1<<16)} {
		wantErr(t, new(builder).text(keys+"model", model).texts(keys+"tokens", []string{"a"}), ErrModel)
	}
	for _, pre := range []string{"no-such", "GPT-2", strings.Repeat("x", 1<<16)} {
		b := new(builder).text(keys+"model", "gpt2").text(keys+"pre", pre).texts(keys+"tokens", []string{"a"}).texts(keys+"merges", nil)
		wantErr(t, b, ErrPre)
		if _, err := b.new(t); len(err.Error()) > 200 {
			t.Errorf("the error repeats %d bytes of the file", len(err.Error()))
		}
	}
}

// TestHostilePrompt: texts that are no text.
func TestHostilePrompt(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	const odd = "\xff\xc0\xe2\x96\x81\xed\xa0\x80\xf4\x90 \n'a1"
	var toks []*Tokenizer
	for _, model := range models {
		toks = append(toks, tiny(model).must(t))
	}
	for _, name := range goldenNames(t) {
		toks = append(toks, loadGolden(t, name))
	}
	for range reps(60) {
		raw := make([]byte, rnd.IntN(300))
		for i := range raw {
			raw[i] = byte(rnd.Uint32())
			if rnd.IntN(3) == 0 {
				raw[i] = odd[rnd.IntN(len(odd))]
			}
		}
		for _, tok := range toks {
			exercise(t, tok, string(raw))
		}
	}
}

// TestErrorsNameTheField: an error says which key is bad.
func TestErrorsNameTheField(t *testing.T) {
	_, err := tiny("llama").ints(keys+"add_bos_token", []int32{1}).new(t)
	if err == nil || !strings.Contains(err.Error(), "tokenizer.ggml.add_bos_token") {
		t.Error(err)
	}
	var all string
	for _, b := range []*builder{
		new(builder).text(keys+"model", "llama").texts(keys+"tokens", []string{"a"}),
		new(builder).text(keys+"model", "t5").texts(keys+"tokens", []string{"a"}),
	} {
		_, err := b.new(t)
		all += fmt.Sprint(err)
	}
	if strings.Count(all, "tokenizer.ggml.scores") != 2 {
		t.Error(all)
	}
}

// reps is n, or a tenth of it with -short.
func reps(n int) int {
	if testing.Short() {
		return max(1, n/10)
	}
	return n
}
