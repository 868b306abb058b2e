package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is the Unicode category of a character as far as pre-tokenisers ask. Exactly one bit is set, except in the classes
// that cased returns. Zero means the end of the text.
type class uint8

const (
	letter class = 1 << iota // \p{L}
	number                   // \p{N}
	space                    // \s, the property White_Space
	mark                     // \p{M}
	punct                    // \p{P}
	symb                     // \p{S}
	other                    // controls, unassigned, the rest
)

// Classes of cased: what words in the manner of GPT-4o are made of.
const (
	upperish class = 1 << 6 // Lu, Lt, Lm, Lo, M
	lowerish class = 1 << 7 // Ll, Lm, Lo, M
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range rune(utf8.RuneSelf) {
		t[r] = slowClass(r)
	}
	return
}()

func slowClass(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsSpace(r):
		return space
	case unicode.IsNumber(r):
		return number
	case unicode.IsMark(r):
		return mark
	case unicode.IsPunct(r):
		return punct
	case unicode.IsSymbol(r):
		return symb
	}
	c, _ := laterClass(r)
	return c
}

// at returns the class and the length in bytes of the character at s[i:].
func at(s string, i int) (class, int) {
	if i >= len(s) {
		return 0, 0
	}
	if s[i] < utf8.RuneSelf {
		return asciiClass[s[i]], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return slowClass(r), n
}

// while returns the end of the longest stretch from i of characters in the classes of set.
func while(s string, i int, set class) int {
	for {
		c, n := at(s, i)
		if c&set == 0 {
			return i
		}
		i += n
	}
}

// cased returns upperish, lowerish, both (letters without case and marks) or neither.
func cased(s string, i int) (class, int) {
	if i >= len(s) {
		return 0, 0
	}
	if b := s[i]; b < utf8.RuneSelf {
		switch {
		case 'A' <= b && b <= 'Z':
			return upperish, 1
		case 'a' <= b && b <= 'z':
			return lowerish, 1
		}
		return 0, 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	switch {
	case unicode.IsLetter(r):
		switch {
		case unicode.Is(unicode.Ll, r):
			return lowerish, n
		case unicode.Is(unicode.Lu, r), unicode.Is(unicode.Lt, r):
			return upperish, n
		}
		return upperish | lowerish, n
	case unicode.IsMark(r):
		return upperish | lowerish, n
	}
	_, c := laterClass(r)
	return c, n
}
