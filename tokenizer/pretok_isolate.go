package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isolate returns the splitter that isolates the matches of an expression. match returns the length of its match at the
// start of s, or 0; what lies between two matches is one word.
func isolate(match func(s string) int) splitter {
	return func(s string) int {
		if n := match(s); n > 0 {
			return n
		}
		i := 0
		for i < len(s) {
			_, n := utf8.DecodeRuneInString(s[i:])
			if i += n; i < len(s) && match(s[i:]) > 0 {
				break
			}
		}
		return i
	}
}

// spaced returns the match of \s?[…]+, where in tells which characters the brackets hold.
func spaced(in func(rune) bool) func(s string) int {
	return func(s string) int {
		i := 0
		if c, n := at(s, 0); c == space {
			i = n
		}
		if end := run(s, i, in); end > i {
			return end
		}
		return run(s, 0, in) // the brackets may hold white space too
	}
}

// run returns the end of the longest stretch from i of characters that in holds.
func run(s string, i int, in func(rune) bool) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !in(r) {
			break
		}
		i += n
	}
	return i
}

// runsIn returns the match of […]+.
func runsIn(in func(rune) bool) func(s string) int {
	return func(s string) int { return run(s, 0, in) }
}

// ranges is a set of characters: ascending, disjoint, both ends included.
type ranges [][2]rune

func (t ranges) holds(r rune) bool {
	_, ok := slices.BinarySearchFunc(t, r, func(e [2]rune, r rune) int {
		switch {
		case e[1] < r:
			return -1
		case e[0] > r:
			return 1
		}
		return 0
	})
	return ok
}

// Sets of characters of DeepSeek's expressions and their relatives.
var (
	// Letters with case, of the Unicode version that was current once.
	deepseekCased = ranges{
		{0x41, 0x5A}, {0x61, 0x7A}, {0xB5, 0xB5}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x1BA}, {0x1BC, 0x1BF}, {0x1C4, 0x293},
		{0x295, 0x2AF}, {0x370, 0x373}, {0x376, 0x377}, {0x37B, 0x37D}, {0x37F, 0x37F}, {0x386, 0x386}, {0x388, 0x38A},
		{0x38C, 0x38C}, {0x38E, 0x3A1}, {0x3A3, 0x3F5}, {0x3F7, 0x481}, {0x48A, 0x52F}, {0x531, 0x556}, {0x10A0, 0x10C5},
		{0x13A0, 0x13F5}, {0x13F8, 0x13FD}, {0x1C90, 0x1CBA}, {0x1CBD, 0x1CBF}, {0x1D00, 0x1D2B}, {0x1D6B, 0x1D77},
		{0x1D79, 0x1D9A}, {0x1E00, 0x1F15}, {0x1F18, 0x1F1D}, {0x1F20, 0x1F45}, {0x1F48, 0x1F4D}, {0x1F50, 0x1F57},
		{0x1F59, 0x1F59}, {0x1F5B, 0x1F5B}, {0x1F5D, 0x1F5D}, {0x1F5F, 0x1F7D}, {0x1F80, 0x1FB4}, {0x1FB6, 0x1FBC},
		{0x1FBE, 0x1FBE}, {0x1FC2, 0x1FC4}, {0x1FC6, 0x1FCC}, {0x1FD0, 0x1FD3}, {0x1FD6, 0x1FDB}, {0x1FE0, 0x1FEC},
		{0x1FF2, 0x1FF4}, {0x1FF6, 0x1FFC}, {0x2102, 0x2102}, {0x2107, 0x2107}, {0x210A, 0x2113}, {0x2115, 0x2115},
		{0x2119, 0x211D}, {0x2124, 0x2124}, {0x2126, 0x2126}, {0x2128, 0x2128}, {0x212A, 0x212D}, {0x212F, 0x2134},
		{0x2139, 0x2139}, {0x213C, 0x213F}, {0x2145, 0x2149}, {0x214E, 0x214E}, {0x2183, 0x2184}, {0x2C00, 0x2C7B},
		{0x2C7E, 0x2CE4}, {0x2CEB, 0x2CEE}, {0x2CF2, 0x2CF3}, {0xA640, 0xA66D}, {0xA680, 0xA69B}, {0xA722, 0xA76F},
		{0xA771, 0xA787}, {0xA78B, 0xA78E}, {0xAB70, 0xABBF}, {0xFB00, 0xFB06}, {0xFB13, 0xFB17}, {0xFF21, 0xFF3A},
		{0xFF41, 0xFF5A}, {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2},
		{0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
	}
	deepseekPunct = ranges{{'!', '/'}, {':', '~'}, {0x2018, 0x201F}, {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}}
	deepseekAsian = ranges{{0x800, 0x9FA5}, {0xAC00, 0xD7FF}}
	kanaHan       = ranges{{0x3040, 0x30FF}, {0x4E00, 0x9FA5}}
	hangul        = ranges{{0x3131, 0x318E}, {0xAC00, 0xD7A3}}
	bopomofo      = ranges{{0x3105, 0x312F}}
	widePunct     = ranges{{0x2014, 0x2014}, {0x2018, 0x2019}, {0x201C, 0x201D}, {0x2026, 0x2026}, {0x3001, 0x303F},
		{0xFE30, 0xFE4F}, {0xFF01, 0xFF01}, {0xFF0C, 0xFF0C}, {0xFF1A, 0xFF1B}}
)

// newline isolates every line ending: [\r\n]
func newline(s string) int {
	if s[0] == '\r' || s[0] == '\n' {
		return 1
	}
	if n := strings.IndexAny(s, "\r\n"); n >= 0 {
		return n
	}
	return len(s)
}

// trailing isolates the white space at the end: \s+$
func trailing(s string) int {
	if n := len(strings.TrimRightFunc(s, unicode.IsSpace)); n > 0 {
		return n
	}
	return len(s)
}

// deepseek3 is the match of DeepSeek-V3's last expression:
// [!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func deepseek3(s string) int {
	const word, signs = letter | mark, punct | symb
	c, n := at(s, 0)
	switch {
	case c&signs != 0:
		if n == 1 {
			end := 1
			for end < len(s) && (s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z') {
				end++
			}
			if end > 1 {
				return end
			}
		}
	case c&word != 0:
		return while(s, n, word)
	case s[0] != '\r' && s[0] != '\n':
		if end := while(s, n, word); end > n {
			return end
		}
	}
	i := 0
	if s[0] == ' ' {
		i = 1
	}
	if end := while(s, i, signs); end > i {
		for end < len(s) && (s[end] == '\r' || s[end] == '\n') {
			end++
		}
		return end
	}
	if c == space {
		return breaks(s)
	}
	return 0
}

// youtu is the match of the first expression of Youtu; the sets overlap, and the first that matches counts.
func youtu(s string) int {
	for _, set := range []ranges{hangul, widePunct, bopomofo, kanaHan} {
		if n := run(s, 0, set.holds); n > 0 {
			return n
		}
	}
	return 0
}
