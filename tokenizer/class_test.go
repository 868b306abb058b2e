package tokenizer

import (
	"math/bits"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestClasses: every character has exactly one class, a word's characters and no others have a case or none at all, and what
// is written out here is what the standard library says, as far as it knows the character. A class of zero is the end of the
// text: a character that had it would end all splitters without a step.
func TestClasses(t *testing.T) {
	known := 0
	for r := range rune(utf8.MaxRune + 1) {
		c := slowClass(r)
		_, n := at(string(r), 0)
		if bits.OnesCount8(uint8(c)) != 1 || c > other || n != len(string(r)) {
			t.Fatalf("%U has class %b, %d bytes", r, c, n)
		}
		with, _ := cased(string(r), 0)
		if r >= utf8.RuneSelf && (with != 0) != (c == letter || c == mark) {
			t.Fatalf("%U has class %b, of cased %b", r, c, with)
		}
		newer, of := laterClass(r)
		if newer == other {
			continue
		}
		known++
		if (of != 0) != (newer == letter || newer == mark) {
			t.Fatalf("%U: %b and %b", r, newer, of)
		}
		if unicode.In(r, unicode.L, unicode.N, unicode.M, unicode.P, unicode.S) && (c != newer || with != of) {
			t.Errorf("%U has class %b, the standard library says %b; %b, %b", r, newer, c, of, with)
		}
	}
	// Unicode 15.1 added 627 characters and 16.0 added 5,185: all of them.
	if known != 5812 {
		t.Errorf("%d later characters", known)
	}
	for i := range later[1:] {
		if later[i].hi >= later[i+1].lo {
			t.Errorf("%U is not before %U", later[i].hi, later[i+1].lo)
		}
	}
}
