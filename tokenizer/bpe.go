package tokenizer

import "unicode/utf8"

// Byte-level vocabularies write each byte as a letter: printable Latin-1 characters as themselves, the 68 other bytes as
// U+0100 and following, so that a space is Ġ. The table is GPT-2's.
var (
	byteLetters [256]string // the letter of a byte
	letterBytes [324]int16  // the byte of a letter, -1: none
)

func init() {
	for i := range letterBytes {
		letterBytes[i] = -1
	}
	next := rune(256)
	for b := range rune(256) {
		r := b
		if b < '!' || b > '~' && b < 0xA1 || b == 0xAD {
			r = next
			next++
		}
		byteLetters[b] = string(r)
		letterBytes[r] = int16(b)
	}
}

// ranked encodes one word by ranked merges.
func (e *encoder) ranked(word string) {
	if word == "" {
		return
	}
	m := &e.m
	m.syms, e.buf = m.syms[:0], e.buf[:0]
	if e.t.fam.raw {
		e.buf = append(e.buf, word...)
		for lo := 0; lo < len(word); {
			_, n := utf8.DecodeRuneInString(word[lo:])
			m.syms = append(m.syms, symbol{lo: int32(lo), hi: int32(lo + n)})
			lo += n
		}
	} else {
		for i := range len(word) {
			lo := int32(len(e.buf))
			e.buf = append(e.buf, byteLetters[word[i]]...)
			m.syms = append(m.syms, symbol{lo: lo, hi: int32(len(e.buf))})
		}
	}
	m.text = e.buf
	if e.t.fam.whole || len(m.syms) == 1 || e.t.fam.raw && word[0] == '\n' {
		// A run of newlines is one token in the raw families even where no merge makes it.
		if id := e.x.vocab.find(m.text); id >= 0 {
			e.dst = append(e.dst, id)
			return
		}
	}
	for i := range m.syms {
		s := &m.syms[i]
		s.hash = hashBytes(m.text[s.lo:s.hi])
	}
	m.link()
	m.x, m.ranked = e.x, true
	m.run()
	for i := int32(0); i >= 0; i = m.syms[i].next {
		s := &m.syms[i]
		text := m.text[s.lo:s.hi]
		if id := e.x.vocab.findHash(s.hash, text); id >= 0 {
			e.dst = append(e.dst, id)
		} else {
			e.letters(text)
		}
	}
}

// letters encodes a text that is no entry of the vocabulary letter by letter. A letter that is no entry either has no token:
// it is left out, as the programs do that these vocabularies come from.
func (e *encoder) letters(text []byte) {
	if e.t.fam.raw {
		for _, b := range text {
			if id := e.x.bytes[b]; id >= 0 {
				e.dst = append(e.dst, id)
			}
		}
		return
	}
	for len(text) > 0 {
		_, n := utf8.DecodeRune(text)
		if id := e.x.vocab.find(text[:n]); id >= 0 {
			e.dst = append(e.dst, id)
		}
		text = text[n:]
	}
}
