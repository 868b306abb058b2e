package tokenizer

import "slices"

// stretch is a range of characters, both ends included, of one class, and of one class of cased.
type stretch struct {
	lo, hi       rune
	class, cased class
}

// later are the characters of Unicode 15.1 and 16.0 that are letters, numbers, marks, punctuation or symbols: the reference's
// regular expressions know them, the standard library of Go 1.26 (Unicode 15.0) does not.
var later = []stretch{
	{0x897, 0x897, mark, upperish | lowerish}, {0x1B4E, 0x1B4F, punct, 0}, {0x1B7F, 0x1B7F, punct, 0},
	{0x1C89, 0x1C89, letter, upperish}, {0x1C8A, 0x1C8A, letter, lowerish}, {0x2427, 0x2429, symb, 0},
	{0x2FFC, 0x2FFF, symb, 0}, {0x31E4, 0x31E5, symb, 0}, {0x31EF, 0x31EF, symb, 0}, {0xA7CB, 0xA7CC, letter, upperish},
	{0xA7CD, 0xA7CD, letter, lowerish}, {0xA7DA, 0xA7DA, letter, upperish}, {0xA7DB, 0xA7DB, letter, lowerish},
	{0xA7DC, 0xA7DC, letter, upperish}, {0x105C0, 0x105F3, letter, upperish | lowerish}, {0x10D40, 0x10D49, number, 0},
	{0x10D4A, 0x10D4F, letter, upperish | lowerish}, {0x10D50, 0x10D65, letter, upperish},
	{0x10D69, 0x10D6D, mark, upperish | lowerish}, {0x10D6E, 0x10D6E, punct, 0},
	{0x10D6F, 0x10D6F, letter, upperish | lowerish}, {0x10D70, 0x10D85, letter, lowerish}, {0x10D8E, 0x10D8F, symb, 0},
	{0x10EC2, 0x10EC4, letter, upperish | lowerish}, {0x10EFC, 0x10EFC, mark, upperish | lowerish},
	{0x11380, 0x11389, letter, upperish | lowerish}, {0x1138B, 0x1138B, letter, upperish | lowerish},
	{0x1138E, 0x1138E, letter, upperish | lowerish}, {0x11390, 0x113B5, letter, upperish | lowerish},
	{0x113B7, 0x113B7, letter, upperish | lowerish}, {0x113B8, 0x113C0, mark, upperish | lowerish},
	{0x113C2, 0x113C2, mark, upperish | lowerish}, {0x113C5, 0x113C5, mark, upperish | lowerish},
	{0x113C7, 0x113CA, mark, upperish | lowerish}, {0x113CC, 0x113D0, mark, upperish | lowerish},
	{0x113D1, 0x113D1, letter, upperish | lowerish}, {0x113D2, 0x113D2, mark, upperish | lowerish},
	{0x113D3, 0x113D3, letter, upperish | lowerish}, {0x113D4, 0x113D5, punct, 0}, {0x113D7, 0x113D8, punct, 0},
	{0x113E1, 0x113E2, mark, upperish | lowerish}, {0x116D0, 0x116E3, number, 0},
	{0x11BC0, 0x11BE0, letter, upperish | lowerish}, {0x11BE1, 0x11BE1, punct, 0}, {0x11BF0, 0x11BF9, number, 0},
	{0x11F5A, 0x11F5A, mark, upperish | lowerish}, {0x13460, 0x143FA, letter, upperish | lowerish},
	{0x16100, 0x1611D, letter, upperish | lowerish}, {0x1611E, 0x1612F, mark, upperish | lowerish},
	{0x16130, 0x16139, number, 0}, {0x16D40, 0x16D6C, letter, upperish | lowerish}, {0x16D6D, 0x16D6F, punct, 0},
	{0x16D70, 0x16D79, number, 0}, {0x18CFF, 0x18CFF, letter, upperish | lowerish}, {0x1CC00, 0x1CCEF, symb, 0},
	{0x1CCF0, 0x1CCF9, number, 0}, {0x1CD00, 0x1CEB3, symb, 0}, {0x1E5D0, 0x1E5ED, letter, upperish | lowerish},
	{0x1E5EE, 0x1E5EF, mark, upperish | lowerish}, {0x1E5F0, 0x1E5F0, letter, upperish | lowerish},
	{0x1E5F1, 0x1E5FA, number, 0}, {0x1E5FF, 0x1E5FF, punct, 0}, {0x1F8B2, 0x1F8BB, symb, 0}, {0x1F8C0, 0x1F8C1, symb, 0},
	{0x1FA89, 0x1FA89, symb, 0}, {0x1FA8F, 0x1FA8F, symb, 0}, {0x1FABE, 0x1FABE, symb, 0}, {0x1FAC6, 0x1FAC6, symb, 0},
	{0x1FADC, 0x1FADC, symb, 0}, {0x1FADF, 0x1FADF, symb, 0}, {0x1FAE9, 0x1FAE9, symb, 0}, {0x1FBCB, 0x1FBEF, symb, 0},
	{0x2EBF0, 0x2EE5D, letter, upperish | lowerish},
}

// laterClass returns the class of a character of later and its class of cased; other and 0 for all characters else.
func laterClass(r rune) (class, cased class) {
	if r < later[0].lo {
		return other, 0
	}
	i, ok := slices.BinarySearchFunc(later, r, func(e stretch, r rune) int {
		switch {
		case e.hi < r:
			return -1
		case e.lo > r:
			return 1
		}
		return 0
	})
	if !ok {
		return other, 0
	}
	return later[i].class, later[i].cased
}

func isLetter(r rune) bool { return slowClass(r) == letter }

func isPunct(r rune) bool { return slowClass(r) == punct }
