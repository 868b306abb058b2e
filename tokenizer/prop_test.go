package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// randomText makes a text of letters of several scripts, white space, punctuation, digits, marks and runs.
func randomText(rnd *rand.Rand, size int) string {
	parts := []string{"the", " the", "don't", "I'LL", "HTTPServer", " naïve", "Ünïcode", "мир", " 中文", "日本", "한국", "हिन्दी", "👨‍👩‍👧", "1", "12", "2024",
		"½", "Ⅷ", " ", "  ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u3000", ".", "...", "!?", "'s", "(", "_", "\u0301", "e\u0301", "ǅ", "ſ", "\x00", "\x7f",
		"<tool>", "<s>", "<|im_end|>", "\ufffd", "\U0010ffff", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
	var b strings.Builder
	for b.Len() < size {
		switch rnd.IntN(6) {
		case 0:
			b.WriteRune(rune(rnd.IntN(0x3000)))
		case 1:
			if r := rune(rnd.IntN(utf8.MaxRune)); utf8.ValidRune(r) {
				b.WriteRune(r)
			}
		default:
			b.WriteString(parts[rnd.IntN(len(parts))])
		}
	}
	return b.String()
}

// lossless are the fixtures whose tokens give back every text, one per algorithm and pre-tokeniser.
func lossless(t testing.TB) map[string]*Tokenizer {
	all := map[string]*Tokenizer{"tiny gpt2": tiny("gpt2").must(t), "tiny llama": tiny("llama").must(t)}
	for _, name := range goldenNames(t) {
		if strings.HasPrefix(name, "bpe") || name == "raw" || name == "spm" {
			all[name] = loadGolden(t, name)
		}
	}
	return all
}

// TestRoundTrip: decoding gives the text back. A space mark in the text becomes a space where spaces are written so.
func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for name, tok := range lossless(t) {
		for i := range reps(300) {
			text := randomText(rnd, 1+i%200)
			if i%50 == 0 {
				text = strings.Repeat(text, 1+2000/len(text)) // long enough for the cache of words
			}
			want := text
			if tok.model != modelGPT2 || tok.fam.raw {
				want = strings.ReplaceAll(text, spaceMark, " ")
			}
			for _, special := range []bool{false, true} {
				ids := tok.Encode(nil, text, Options{BOS: BOSNever, Special: special})
				if got := tok.Decode(ids, DecodeOptions{Special: true}); got != want {
					t.Fatalf("%s: %q\n comes back as %q", name, want, got)
				}
			}
		}
	}
}

// TestStreamSplitsAnywhere: what a stream gives piece by piece is whole characters, and joined the same as in one piece,
// wherever the ids come from; bytes that are no UTF-8 give what Python's decode(errors="replace") gives.
func TestStreamSplitsAnywhere(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	for _, model := range []string{"gpt2", "llama"} {
		tok := tiny(model).must(t)
		for _, c := range decodeCases(t) {
			var ids []ID
			for _, b := range c.Bytes {
				ids = append(ids, tok.index().bytes[b])
				if model == "gpt2" {
					ids[len(ids)-1], _ = tok.Find(byteLetters[b])
				}
			}
			s := tok.Stream()
			var whole strings.Builder
			for _, id := range ids {
				piece := s.Push(id)
				if !utf8.ValidString(piece) {
					t.Fatalf("%q: piece %q", c.Bytes, piece)
				}
				whole.WriteString(piece)
			}
			whole.WriteString(s.Flush())
			if whole.String() != c.Text {
				t.Fatalf("%s: %q streams as %q, want %q", model, c.Bytes, whole.String(), c.Text)
			}
			// Two streams, cut where no character is open, give the two halves.
			cut := rnd.IntN(len(ids) + 1)
			for cut > 0 && cut < len(ids) && !utf8.RuneStart(c.Bytes[cut]) {
				cut--
			}
			if got := streamed(tok, ids[:cut]) + streamed(tok, ids[cut:]); got != c.Text {
				t.Fatalf("%q cut at %d gives %q, want %q", c.Bytes, cut, got, c.Text)
			}
		}
	}
}

func streamed(tok *Tokenizer, ids []ID) string {
	s := tok.Stream()
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(s.Push(id))
	}
	return b.String() + s.Flush()
}

// TestStreamEqualsDecode, but for the spaces that Encode puts in.
func TestStreamEqualsDecode(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for name, tok := range lossless(t) {
		for range reps(200) {
			ids := make([]ID, rnd.IntN(60))
			for i := range ids {
				ids[i] = ID(rnd.IntN(tok.Size()+2)) - 1
			}
			for _, special := range []bool{false, true} {
				s := tok.Stream()
				s.Special = special
				var got strings.Builder
				for _, id := range ids {
					piece := s.Push(id)
					if !utf8.ValidString(piece) {
						t.Fatalf("%s: piece %q of %v", name, piece, ids)
					}
					got.WriteString(piece)
				}
				got.WriteString(s.Flush())
				have, want := got.String(), tok.Decode(ids, DecodeOptions{Special: special})
				if tok.spacePrefix {
					have, want = strings.ReplaceAll(have, " ", ""), strings.ReplaceAll(want, " ", "")
				}
				if have != want {
					t.Fatalf("%s: %v streams as %q, decodes to %q", name, ids, have, want)
				}
			}
		}
	}
}

// naive is byte-pair encoding as its definition has it: join the cheapest pair, the leftmost of equals, and start over.
func naive(tok *Tokenizer, word string, symbols []string) []ID {
	rank := map[string]int{}
	for i := range tok.merges.Len() {
		m := string(tok.merges.At(i))
		if _, ok := rank[m]; !ok {
			rank[m] = i
		}
	}
	x := tok.index()
	if id := x.vocab.findString(strings.Join(symbols, "")); id >= 0 && (len(symbols) == 1 || tok.model == modelGPT2 && tok.fam.whole) {
		return []ID{id}
	}
	for {
		best, at := 0.0, -1
		for i := range len(symbols) - 1 {
			cost, ok := 0.0, false
			if tok.model == modelGPT2 {
				var r int
				r, ok = rank[symbols[i]+" "+symbols[i+1]]
				cost = float64(r)
			} else if id := x.vocab.findString(symbols[i] + symbols[i+1]); id >= 0 {
				cost, ok = -float64(tok.score(id)), true
			}
			if ok && (at < 0 || cost < best) {
				best, at = cost, i
			}
		}
		if at < 0 {
			break
		}
		symbols = slices.Concat(symbols[:at], []string{symbols[at] + symbols[at+1]}, symbols[at+2:])
	}
	var ids []ID
	for _, s := range symbols {
		if id := x.vocab.findString(s); id >= 0 {
			ids = append(ids, id)
			continue
		}
		for i := range len(s) {
			ids = append(ids, x.bytes[s[i]])
		}
	}
	return ids
}

// TestNaive: short words, long words and remembered words all give what the definition gives.
func TestNaive(t *testing.T) {
	rnd := rand.New(rand.NewPCG(13, 14))
	bpe, spm := loadGolden(t, "bpe.gpt-2"), loadGolden(t, "spm")
	for i := range reps(400) {
		letters := []rune("etaoinshr ,.0中é\u0301")
		var word []rune
		for range 1 + rnd.IntN([]int{6, shortWord + 2, 150}[i%3]) {
			word = append(word, letters[rnd.IntN(len(letters))])
		}
		var symbols []string
		for _, r := range string(word) {
			symbols = append(symbols, strings.ReplaceAll(string(r), " ", spaceMark))
		}
		got := spm.Encode(nil, string(word), Options{BOS: BOSNever})
		if want := naive(spm, string(word), append([]string{spaceMark}, symbols...)); !slices.Equal(got, want) {
			t.Fatalf("spm: %q gives %v, want %v", string(word), got, want)
		}
		var want []ID
		for rest := string(word); rest != ""; {
			n := gpt2(rest)
			symbols = symbols[:0]
			for k := range n {
				symbols = append(symbols, byteLetters[rest[k]])
			}
			want = append(want, naive(bpe, rest[:n], slices.Clone(symbols))...)
			rest = rest[n:]
		}
		got = bpe.Encode(nil, string(word), Options{BOS: BOSNever})
		if !slices.Equal(got, want) {
			t.Fatalf("bpe: %q gives %v, want %v", string(word), got, want)
		}
	}
}

// TestRememberedWords: texts that are long enough for the caches give the tokens of their lines.
func TestRememberedWords(t *testing.T) {
	rnd := rand.New(rand.NewPCG(15, 16))
	for _, name := range []string{"bpe.gpt-2", "bpe.llama-bpe", "bpe.deepseek-v3", "spm"} {
		tok := loadGolden(t, name)
		for range reps(20) {
			var lines []string
			for range 400 {
				lines = append(lines, []string{"the licence", "a Work", " of  it", "2024 中", "shall mean the"}[rnd.IntN(5)]+"<tool>")
			}
			var want []ID
			for _, line := range lines {
				want = tok.Encode(want, line, Options{BOS: BOSNever})
			}
			for _, size := range []int{10, 100, 400} {
				n := len(tok.Encode(nil, strings.Join(lines[:size], ""), Options{BOS: BOSNever}))
				got := tok.Encode([]ID{5}, strings.Join(lines[:size], ""), Options{BOS: BOSNever})[1:]
				if !slices.Equal(got, want[:n]) {
					t.Fatalf("%s: %d lines at once give other tokens than one by one", name, size)
				}
			}
		}
	}
}

// TestSharedByGoroutines: first use and all others at once (for -race).
func TestSharedByGoroutines(t *testing.T) {
	for _, name := range []string{"bpe.gpt-2", "spm", "unigram", "wordpiece", "raw"} {
		tok := loadGolden(t, name)
		text := strings.Repeat("Licensed under the Apache License, don't ", 300)
		want := loadGolden(t, name).Encode(nil, text, Options{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 3 {
					if !slices.Equal(tok.Encode(nil, text, Options{}), want) {
						t.Errorf("%s: other tokens", name)
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestGoldensTellFamiliesApart: the references of one pre-tokeniser refuse every other one, so none can be mistaken for another.
func TestGoldensTellFamiliesApart(t *testing.T) {
	names := slices.DeleteFunc(goldenNames(t), func(n string) bool { return !strings.HasPrefix(n, "bpe.") })
	for _, name := range names {
		cases := goldenCases(t, name)
		for _, other := range names {
			tok := loadGolden(t, other)
			bad := mismatches(t, cases, func(c goldenCase) []ID { return tok.Encode(nil, c.Text, c.options()) }, nil)
			if same := name == other; same != (bad == 0) {
				t.Errorf("references of %s, tokenised as %s: %d of %d differ", name, other, bad, len(cases))
			}
		}
	}
}
