package tokenizer

import (
	"hash/maphash"
	"slices"
	"strings"
	"unicode/utf8"
)

// Encode appends the tokens of text to dst. It never fails: bytes that are not UTF-8 become byte tokens where the vocabulary
// has them, or U+FFFD where it works on characters.
func (t *Tokenizer) Encode(dst []ID, text string, opt Options) []ID {
	x := t.index()
	e := t.encoder(x, dst)
	if (opt.BOS == BOSAlways || opt.BOS == BOSAuto && t.addBOS) && t.bos >= 0 {
		e.dst = append(e.dst, t.bos)
	}
	if !utf8.ValidString(text) {
		e.invalid = true
		if t.model != modelLlama {
			text, e.invalid = replaceInvalid(text), false
		}
	}
	e.size, e.cached = len(text), len(text) >= 1024
	afterSpecial := true
	for len(text) > 0 {
		lo, hi, id := x.nextSpecial(text, opt.Special)
		if lo < 0 {
			e.fragment(text, afterSpecial)
			break
		}
		part, rest := text[:lo], text[hi:]
		if slices.Contains(x.stripLeft, id) {
			part = strings.TrimRight(part, asciiSpace)
		}
		if slices.Contains(x.stripRight, id) {
			rest = strings.TrimLeft(rest, asciiSpace)
		}
		if len(part) > 0 {
			e.fragment(part, afterSpecial)
		}
		e.dst = append(e.dst, id)
		text, afterSpecial = rest, true
	}
	if opt.BOS != BOSNever && t.AddEOS() {
		e.dst = append(e.dst, t.last)
	}
	dst = e.dst
	t.release(e)
	return dst
}

const asciiSpace = " \t\n\v\f\r"

// replaceInvalid replaces every byte that is not part of a character by U+FFFD.
func replaceInvalid(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 16)
	for _, r := range s { // ranging yields U+FFFD for each such byte
		b.WriteRune(r)
	}
	return b.String()
}

// encoder is the working memory of one Encode, kept for the next.
type encoder struct {
	t       *Tokenizer
	x       *lookup
	dst     []ID
	invalid bool // the text is not UTF-8
	m       merger
	buf     []byte // the fragment or word as the vocabulary writes it
	size    int    // of the text
	cached  bool   // words are worth remembering
	words   []seen // [wordCache] direct-mapped by hash; a word's tokens are copied from where dst has them already
	best    []step // of unigram
}

// seen is a word that this Encode has met before: its tokens are dst[at:at+n].
type seen struct {
	word string
	at   int
	n    int
}

const (
	wordCache = 2048
	keepBytes = 1 << 20 // larger buffers are not kept
)

func (t *Tokenizer) encoder(x *lookup, dst []ID) *encoder {
	e, _ := t.pool.Get().(*encoder)
	if e == nil {
		e = &encoder{}
	}
	e.t, e.x, e.dst, e.invalid = t, x, dst, false
	return e
}

func (t *Tokenizer) release(e *encoder) {
	if e.cached {
		clear(e.words) // the words alias the caller's text
	}
	if cap(e.buf) > keepBytes || cap(e.m.syms) > keepBytes/32 || cap(e.best) > keepBytes/16 {
		return
	}
	e.dst, e.x, e.m.x, e.m.text = nil, nil, nil, nil
	t.pool.Put(e)
}

// fragment encodes text without special tokens.
func (e *encoder) fragment(text string, afterSpecial bool) {
	switch e.t.model {
	case modelGPT2:
		if e.t.fam.raw {
			text = strings.ReplaceAll(text, " ", spaceMark)
		}
		e.split(text, e.t.fam.stages)
	case modelLlama:
		e.scored(text, afterSpecial)
	case modelT5:
		e.unigram(text)
	case modelBert:
		e.wordPieces(text)
	}
}

// split passes text through the stages of the pre-tokeniser and encodes the words that come out.
func (e *encoder) split(text string, stages []splitter) {
	if len(stages) == 0 {
		e.word(text)
		return
	}
	for len(text) > 0 {
		n := stages[0](text)
		e.split(text[:n], stages[1:])
		text = text[n:]
	}
}

// word encodes one word of a byte-level vocabulary, or copies its tokens from an earlier occurrence.
func (e *encoder) word(word string) {
	if !e.cached || len(word) > 64 {
		e.ranked(word)
		return
	}
	if e.words == nil {
		e.words = make([]seen, wordCache)
	}
	s := &e.words[maphash.String(seed, word)%wordCache]
	if s.word == word {
		e.dst = append(e.dst, e.dst[s.at:s.at+s.n]...)
		return
	}
	start := len(e.dst)
	e.ranked(word)
	*s = seen{word, start, len(e.dst) - start}
}
