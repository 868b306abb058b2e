package tokenizer

import (
	"bytes"
	"hash/maphash"
	"math"
	"strings"
)

const spaceMark = "▁" // U+2581 stands for a space in SentencePiece vocabularies

// cutText is the length of text for which it pays to find out where a vocabulary lets texts be cut: finding out costs as
// much as encoding 8 KiB in one piece.
const cutText = 8 << 10

// scored encodes a fragment by SentencePiece's byte-pair encoding: join the two neighbours that make the piece with the
// highest score, until none do; characters without a piece become byte tokens.
func (e *encoder) scored(text string, afterSpecial bool) {
	if e.t.trimSpaces {
		text = collapseSpaces(text)
	}
	prefix := ""
	if e.t.spacePrefix && afterSpecial {
		prefix = spaceMark
	}
	cuts := e.x.cuts.Load()
	if cuts == nil && e.size >= cutText {
		cuts = e.x.findCuts()
	}
	if cuts == nil || !e.cached || e.invalid {
		e.scoredWord(prefix, text)
		return
	}
	// Where no piece goes on from a character into a space, the two sides of that place can be encoded apart with the same
	// result, and most words have been met before.
	for len(text) > 0 {
		n := 1
		for n < len(text) {
			k := strings.IndexByte(text[n:], ' ')
			if k < 0 {
				n = len(text)
				break
			}
			n += k
			if p := text[n-1]; p != ' ' && cuts[p] && !strings.HasSuffix(text[:n], spaceMark) {
				break
			}
			n++
		}
		if prefix != "" {
			e.scoredWord(prefix, text[:n])
			prefix = ""
		} else {
			e.scoredCached(text[:n])
		}
		text = text[n:]
	}
}

// collapseSpaces drops spaces at both ends and all but one between words.
func collapseSpaces(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}

// findCuts reports for each byte whether no piece holds it as the end of a character right before a space mark.
func (x *lookup) findCuts() *[256]bool {
	var cuts [256]bool
	for i := range cuts {
		cuts[i] = true
	}
	mark := []byte(spaceMark)
	for id := range x.vocab.tokens.Len() {
		text := x.vocab.tokens.At(id)
		for from := 1; from < len(text); {
			k := bytes.Index(text[from:], mark)
			if k < 0 {
				break
			}
			from += k
			if !bytes.HasSuffix(text[:from], mark) {
				cuts[text[from-1]] = false
			}
			from += len(mark)
		}
	}
	x.cuts.Store(&cuts)
	return &cuts
}

func (e *encoder) scoredCached(word string) {
	if len(word) > 64 {
		e.scoredWord("", word)
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
	e.scoredWord("", word)
	*s = seen{word, start, len(e.dst) - start}
}

// scoredWord encodes prefix and text in one piece.
func (e *encoder) scoredWord(prefix, text string) {
	b := append(e.buf[:0], prefix...)
	for i := range len(text) {
		if text[i] == ' ' {
			b = append(b, spaceMark...)
		} else {
			b = append(b, text[i])
		}
	}
	e.buf = b
	m := &e.m
	m.text, m.syms = b, m.syms[:0]
	for lo := 0; lo < len(b); {
		hi := min(lo+leadLen(b[lo]), len(b))
		m.syms = append(m.syms, symbol{lo: int32(lo), hi: int32(hi)})
		lo = hi
	}
	if len(m.syms) == 0 {
		return
	}
	m.link()
	m.x, m.ranked = e.x, false
	m.run()
	for i := int32(0); i >= 0; i = m.syms[i].next {
		s := &m.syms[i]
		piece := b[s.lo:s.hi]
		if id := e.x.vocab.find(piece); id >= 0 {
			e.dst = append(e.dst, id)
			continue
		}
		for _, c := range piece {
			if id := e.x.bytes[c]; id >= 0 {
				e.dst = append(e.dst, id)
			} else if e.t.unk >= 0 {
				e.dst = append(e.dst, e.t.unk)
			}
		}
	}
}

// leadLen returns the length of the character that begins with b, by its first byte alone.
func leadLen(b byte) int {
	switch {
	case b < 0xC0:
		return 1
	case b < 0xE0:
		return 2
	case b < 0xF0:
		return 3
	}
	return 4
}

// score is the cost of a scored join: the higher the piece's score, the lower.
func (x *lookup) score(text []byte) (uint32, bool) {
	id := x.vocab.find(text)
	if id < 0 {
		return 0, false
	}
	return descending(x.t.score(id)), true
}

// descending maps floats to integers in reverse order; the two zeros are equal.
func descending(f float32) uint32 {
	u := math.Float32bits(f + 0)
	if u>>31 == 0 {
		return ^(u | 1<<31)
	}
	return u
}
