package tokenizer

import (
	"iter"
	"math/bits"
	"slices"
)

// lengths tells which lengths the entries of a set can have that begin like a given text, so that looking for the longest
// one costs as many probes as there are candidates.
type lengths struct {
	first [256]bool // first bytes of entries
	one   [256]bool // entries of one byte
	mask  []uint64  // [lengthMasks] by the first two bytes: bit n is set for length n, bit 0 for lengths ≥ 64
	long  []int     // lengths ≥ 64, ascending
}

const lengthMasks = 1024

func newLengths() *lengths { return &lengths{mask: make([]uint64, lengthMasks)} }

func maskOf(a, b byte) uint32 { return (uint32(a)*251 + uint32(b)*7) % lengthMasks }

func (l *lengths) add(text []byte) {
	if len(text) == 0 {
		return
	}
	l.first[text[0]] = true
	switch n := len(text); {
	case n == 1:
		l.one[text[0]] = true
	case n < 64:
		l.mask[maskOf(text[0], text[1])] |= 1 << n
	default:
		l.mask[maskOf(text[0], text[1])] |= 1
		if i, ok := slices.BinarySearch(l.long, n); !ok {
			l.long = slices.Insert(l.long, i, n)
		}
	}
}

// candidates returns the lengths that entries can have which begin like text.
func (l *lengths) candidates(text string) uint64 {
	var m uint64
	if len(text) > 1 {
		m = l.mask[maskOf(text[0], text[1])]
	}
	if l.one[text[0]] {
		m |= 2
	}
	return m
}

// up yields the possible lengths of entries that begin text, shortest first. They may exceed len(text).
func (l *lengths) up(text []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		if !l.first[text[0]] {
			return
		}
		all := l.candidates(string(text[:min(2, len(text))]))
		for m := all &^ 1; m != 0; m &= m - 1 {
			if !yield(bits.TrailingZeros64(m)) {
				return
			}
		}
		if all&1 != 0 {
			for _, n := range l.long {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// down yields the possible lengths of entries that begin text, longest first, none longer than text.
func (l *lengths) down(text string) iter.Seq[int] {
	return func(yield func(int) bool) {
		if !l.first[text[0]] {
			return
		}
		all := l.candidates(text)
		if all&1 != 0 {
			for _, n := range slices.Backward(l.long) {
				if n <= len(text) && !yield(n) {
					return
				}
			}
		}
		for m := all &^ 1; m != 0; {
			n := bits.Len64(m) - 1
			m &^= 1 << n
			if n <= len(text) && !yield(n) {
				return
			}
		}
	}
}

// nextSpecial returns the place and id of the first added token in text, the longest of those that begin there: tokens of
// kind UserDefined, and with all also Control and Unknown ones. lo is -1 when there is none.
func (x *lookup) nextSpecial(text string, all bool) (lo, hi int, id ID) {
	l := x.userDefined
	if all {
		l = x.special
	}
	for i := range len(text) {
		if !l.first[text[i]] {
			continue
		}
		for n := range l.down(text[i:]) {
			id := x.vocab.findString(text[i : i+n])
			if id < 0 {
				continue
			}
			switch x.kind(id) {
			case UserDefined:
				return i, i + n, id
			case Control, Unknown:
				if all {
					return i, i + n, id
				}
			}
		}
	}
	return -1, -1, -1
}
