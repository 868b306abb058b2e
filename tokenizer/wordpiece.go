package tokenizer

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is the length in characters beyond which WordPiece gives up on a word, as in BERT.
const maxWord = 100

// wordPieces encodes a fragment as BERT does: normalise, split at white space and around punctuation and ideographs, then
// take the longest piece again and again; a word that does not come out even is one unknown token. GGUF writes the pieces
// that begin a word with a space mark and the others bare.
func (e *encoder) wordPieces(text string) {
	if e.t.stripAccents && !isASCII(text) {
		text = norm.NFD.String(text)
	}
	mark := []byte(spaceMark)
	e.buf = append(e.buf[:0], mark...)
	runes := 0
	flush := func() {
		if runes > 0 {
			e.wordPiece(runes)
		}
		e.buf, runes = append(e.buf[:0], mark...), 0
	}
	for _, r := range text {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			flush()
			continue
		case r == 0 || r == utf8.RuneError || unicode.In(r, unicode.C): // so \v and \f do not separate words
			continue
		case unicode.IsSpace(r):
			flush()
			continue
		case e.t.stripAccents && unicode.Is(unicode.Mn, r):
			continue
		}
		if e.t.lowercase {
			r = unicode.ToLower(r)
		}
		alone := isBERTPunct(r) || isIdeograph(r)
		if alone {
			flush()
		}
		e.buf = utf8.AppendRune(e.buf, r)
		runes++
		if alone {
			flush()
		}
	}
	flush()
}

// wordPiece encodes the word in e.buf.
func (e *encoder) wordPiece(runes int) {
	start := len(e.dst)
	word := string(e.buf)
	if runes > maxWord {
		word = ""
	}
	for len(word) > 0 {
		found := ID(-1)
		for n := range e.x.pieces.down(word) {
			if id := e.x.vocab.findString(word[:n]); id >= 0 {
				found, word = id, word[n:]
				break
			}
		}
		if found < 0 {
			e.dst = e.dst[:start]
			break
		}
		e.dst = append(e.dst, found)
	}
	if len(e.dst) == start && e.t.unk >= 0 {
		e.dst = append(e.dst, e.t.unk)
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isBERTPunct(r rune) bool {
	if r < utf8.RuneSelf {
		return r > ' ' && r < 0x7F && !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z')
	}
	return unicode.IsPunct(r)
}

// isIdeograph reports whether BERT sets r apart: the CJK ideographs. 2B920 is the reference's slip for 2B820.
func isIdeograph(r rune) bool {
	return 0x4E00 <= r && r <= 0x9FFF || 0x3400 <= r && r <= 0x4DBF || 0x20000 <= r && r <= 0x2A6DF ||
		0x2A700 <= r && r <= 0x2B73F || 0x2B740 <= r && r <= 0x2B81F || 0x2B920 <= r && r <= 0x2CEAF ||
		0xF900 <= r && r <= 0xFAFF || 0x2F800 <= r && r <= 0x2FA1F
}
