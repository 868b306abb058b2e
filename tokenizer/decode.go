package tokenizer

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Decode returns the text of ids: the inverse of Encode for text that the tokenizer does not normalise. Bytes that are not
// UTF-8 become U+FFFD. The space that Encode puts before a text is taken away again; a continuation is decoded by Stream.
func (t *Tokenizer) Decode(ids []ID, opt DecodeOptions) string {
	s := Stream{t: t, Special: opt.Special, whole: true, first: true}
	var out []byte
	for _, id := range ids {
		out = s.push(out, id)
	}
	return string(s.flush(out))
}

// Piece returns the raw bytes of one token, which may be part of a character; nil for an id outside the vocabulary.
// Control tokens give their names.
func (t *Tokenizer) Piece(id ID) []byte { return t.AppendPiece(nil, id) }

// AppendPiece appends the raw bytes of one token to dst.
func (t *Tokenizer) AppendPiece(dst []byte, id ID) []byte {
	k := t.Kind(id)
	if id < 0 || int(id) >= t.Size() {
		return dst
	}
	text := t.tokens.At(int(id))
	switch k {
	case Control, Unknown, UserDefined:
		return append(dst, text...)
	case Byte:
		if b, ok := byteOf(text); ok {
			return append(dst, b)
		}
		return append(dst, text...)
	}
	if t.model == modelGPT2 && !t.fam.raw {
		for len(text) > 0 {
			r, n := utf8.DecodeRune(text)
			if int(r) < len(letterBytes) && letterBytes[r] >= 0 {
				dst = append(dst, byte(letterBytes[r]))
			} else {
				dst = append(dst, text[:n]...) // an added token, which is written as it is
			}
			text = text[n:]
		}
		return dst
	}
	for {
		i := bytes.Index(text, []byte(spaceMark))
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(append(dst, text[:i]...), ' ')
		text = text[i+len(spaceMark):]
	}
}

// Stream returns a decoder of a continuation: it keeps the space that begins the first token.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// Stream decodes token by token and only ever returns whole characters: what all calls of Push and the Flush at the end
// return, joined, is what Decode returns, but for the spaces that Encode puts before a text.
type Stream struct {
	t       *Tokenizer
	Special bool   // control tokens give their names; otherwise they give nothing
	whole   bool   // for Decode: drop the spaces that Encode puts in
	first   bool   // there is one before the next piece
	held    []byte // bytes of a character that is not complete
	out     []byte // reused by Push
}

// Push returns the text that id completes; "" while a character is incomplete.
func (s *Stream) Push(id ID) string {
	s.out = s.push(s.out[:0], id)
	return string(s.out)
}

// Flush returns U+FFFD for a character that was left incomplete, and makes the stream ready for another text.
func (s *Stream) Flush() string {
	s.out = s.flush(s.out[:0])
	return string(s.out)
}

func (s *Stream) push(dst []byte, id ID) []byte {
	kind := s.t.Kind(id)
	switch kind {
	case Control, Unknown:
		if s.Special {
			// A name is text of its own, however much of a character its bytes are: a file may hold any.
			dst = s.flush(dst)
			s.held = s.t.AppendPiece(s.held, id)
			dst = s.flush(s.emit(dst))
		}
		s.anew()
		return dst
	}
	n := len(s.held)
	s.held = s.t.AppendPiece(s.held, id)
	if s.first && len(s.held) > n {
		if (s.t.spacePrefix || s.t.model == modelBert) && s.held[n] == ' ' {
			if n > 0 { // the space ends what was incomplete before it, seen or not
				dst = append(dst, string(utf8.RuneError)...)
			}
			s.held = slices.Delete(s.held, 0, n+1)
		}
		s.first = false
	}
	if kind == UserDefined {
		s.anew()
	}
	return s.emit(dst)
}

// emit appends what is complete of s.held to dst. It is the only way for bytes of the vocabulary into the text, so that the
// text is UTF-8 whatever they are.
func (s *Stream) emit(dst []byte) []byte {
	dst, rest := appendWhole(dst, s.held)
	s.held = s.held[:copy(s.held, rest)]
	return dst
}

// anew notes that Encode has put a space before what follows.
func (s *Stream) anew() { s.first = s.first || s.whole && s.t.spacePrefix }

// flush appends U+FFFD to dst for a character that was left incomplete.
func (s *Stream) flush(dst []byte) []byte {
	if len(s.held) > 0 {
		dst = append(dst, string(utf8.RuneError)...)
		s.held = s.held[:0]
	}
	return dst
}

// appendWhole appends the characters of b to dst, with U+FFFD for each longest run of bytes that begins a character and is
// not continued as one, and returns the bytes at the end that may still become a character.
func appendWhole(dst, b []byte) (out, rest []byte) {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r != utf8.RuneError || n > 1 {
			dst = append(dst, b[:n]...)
			b = b[n:]
			continue
		}
		if !utf8.FullRune(b) {
			return dst, b
		}
		for n < len(b) && !utf8.FullRune(b[:n+1]) {
			n++
		}
		dst = append(dst, string(utf8.RuneError)...)
		b = b[n:]
	}
	return dst, nil
}
