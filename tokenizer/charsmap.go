package tokenizer

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// normalizer is what SentencePiece does to a text before it cuts it into pieces.
type normalizer struct {
	trie    []byte // [4 bytes each] XOR-compressed double array: input prefix → offset in replace
	replace []byte // replacements, each ended by a zero byte
	prefix  bool   // begin with a space
	merge   bool   // drop spaces at both ends and all but one between words
}

// parse splits the precompiled character map: the trie's size in bytes, the trie, the replacements.
func (n *normalizer) parse(charsmap []byte) error {
	if len(charsmap) == 0 {
		return nil
	}
	if len(charsmap) < 4 {
		return fmt.Errorf("%w: precompiled_charsmap has %d bytes, less than its header", ErrMetadata, len(charsmap))
	}
	size := binary.LittleEndian.Uint32(charsmap)
	rest := charsmap[4:]
	if uint64(size) >= uint64(len(rest)) || size%4 != 0 {
		return fmt.Errorf("%w: precompiled_charsmap: a trie of %d bytes in %d", ErrMetadata, size, len(rest))
	}
	if rest[len(rest)-1] != 0 {
		return fmt.Errorf("%w: precompiled_charsmap: the last replacement has no end", ErrMetadata)
	}
	n.trie, n.replace = rest[:size], rest[size:]
	return nil
}

// apply appends the normalised text to dst, with space marks for spaces.
func (n *normalizer) apply(dst []byte, text string) []byte {
	inWord, any := false, false
	put := func(s string) {
		for i := range len(s) {
			if s[i] == ' ' {
				inWord = false
				if !n.merge {
					dst = append(dst, spaceMark...)
				}
				continue
			}
			if !inWord {
				inWord = true
				if !any && n.prefix || any && n.merge {
					dst = append(dst, spaceMark...)
				}
				any = true
			}
			dst = append(dst, s[i])
		}
	}
	for len(text) > 0 {
		repl, size := n.match(text)
		if size > 0 {
			put(string(repl))
		} else {
			_, size = utf8.DecodeRuneInString(text)
			put(text[:size])
		}
		text = text[size:]
	}
	return dst
}

// node returns an entry of the double array; 0, which has no children, outside of it.
func (n *normalizer) node(i uint32) uint32 {
	if uint64(i)*4+4 > uint64(len(n.trie)) {
		return 0
	}
	return binary.LittleEndian.Uint32(n.trie[i*4:])
}

// match returns the replacement of the longest prefix of text that has one, and the prefix's length; 0 if none has.
// Each entry of the array packs the label in bits 0–7 (with bit 31: a value), "a value hangs here" in bit 8, and the base
// of its children in bits 10–30, shifted by 8 when bit 9 is set. (Kanda, Space- and Time-Efficient String Dictionaries, 2018.)
func (n *normalizer) match(text string) (repl []byte, size int) {
	if len(n.trie) == 0 {
		return nil, 0
	}
	base := func(e uint32) uint32 { return e >> 10 << (e & (1 << 9) >> 6) }
	at := base(n.node(0))
	value := -1
	for i := range len(text) {
		c := uint32(text[i])
		if c == 0 {
			break
		}
		at ^= c
		e := n.node(at)
		if e&(1<<31|0xFF) != c {
			break
		}
		at ^= base(e)
		if e>>8&1 != 0 {
			size, value = i+1, int(n.node(at)&(1<<31-1))
		}
	}
	if size == 0 || value >= len(n.replace) {
		return nil, 0
	}
	end := value
	for end < len(n.replace) && n.replace[end] != 0 {
		end++
	}
	return n.replace[value:end], size
}
