package tokenizer

import (
	"bytes"
	"hash/maphash"
	"math/bits"

	"github.com/godwit-ai/godwit/gguf"
)

// Both indexes are open-addressing hash tables of 32-bit slots over bytes that stay in the file: the low bits of a slot are
// the entry's number plus one, the high bits a part of its hash, so that a probe reads the file only when it has very
// likely found its entry. One pass fills them: 3 ms and 2 MB for 262,144 tokens. The hash is seeded per process, so a
// hostile vocabulary cannot make them quadratic.

var seed = maphash.MakeSeed()

func hashBytes(b []byte) uint64 { return maphash.Bytes(seed, b) }

// hashPair combines the hashes of two neighbouring symbols.
func hashPair(left, right uint64) uint64 {
	hi, lo := bits.Mul64(left^0x9E3779B97F4A7C15, bits.RotateLeft64(right, 32)|1)
	return hi ^ lo ^ right
}

// slots is the part that both indexes share.
type slots struct {
	slot []uint32 // [power of two ≥ 3/2 entries] tag<<bits | number+1; 0: free
	bits uint     // of number+1
	sink uint32   // keeps fetch's loads
}

func newSlots(n int) slots {
	size := 1 << bits.Len(uint(n+n/2)|7)
	return slots{slot: make([]uint32, size), bits: uint(bits.Len(uint(n)))}
}

// start returns the first slot to look at and the tag to look for, already shifted.
func (s *slots) start(h uint64) (i, tag uint32) {
	return uint32(h) & uint32(len(s.slot)-1), uint32(h>>32) >> s.bits << s.bits
}

// block is the number of entries that are hashed before they are put in their slots, so that the loads of the slots overlap
// instead of missing the cache one after the other.
const block = 64

// fetch brings the slots of hashes into the cache.
func (s *slots) fetch(hashes []uint64) {
	var sum uint32
	for _, h := range hashes {
		i, _ := s.start(h)
		sum |= s.slot[i]
	}
	s.sink = sum
}

// vocabIndex finds tokens by their text.
type vocabIndex struct {
	slots
	tokens gguf.StringArray
}

func newVocabIndex(tokens gguf.StringArray) *vocabIndex {
	n := tokens.Len()
	v := &vocabIndex{newSlots(n), tokens}
	low := uint32(1)<<v.bits - 1
	var hashes [block]uint64
	for lo := 0; lo < n; lo += block {
		hi := min(lo+block, n)
		for id := lo; id < hi; id++ {
			hashes[id-lo] = hashBytes(tokens.At(id))
		}
		v.fetch(hashes[:hi-lo])
		for id := lo; id < hi; id++ {
			i, tag := v.start(hashes[id-lo])
			for v.slot[i] != 0 {
				// Of two equal entries the later one counts, as in the programs that write such files.
				if v.slot[i]&^low == tag && bytes.Equal(tokens.At(int(v.slot[i]&low)-1), tokens.At(id)) {
					break
				}
				i = (i + 1) & uint32(len(v.slot)-1)
			}
			v.slot[i] = tag | uint32(id+1)
		}
	}
	return v
}

// find returns the token whose entry is text, or -1.
func (v *vocabIndex) find(text []byte) ID {
	if len(text) == 0 {
		return -1
	}
	return v.findHash(hashBytes(text), text)
}

func (v *vocabIndex) findHash(h uint64, text []byte) ID {
	low := uint32(1)<<v.bits - 1
	i, tag := v.start(h)
	for {
		s := v.slot[i]
		if s == 0 {
			return -1
		}
		if s&^low == tag && bytes.Equal(v.tokens.At(int(s&low)-1), text) {
			return ID(s&low) - 1
		}
		i = (i + 1) & uint32(len(v.slot)-1)
	}
}

func (v *vocabIndex) findString(text string) ID {
	if text == "" {
		return -1
	}
	low := uint32(1)<<v.bits - 1
	i, tag := v.start(maphash.String(seed, text))
	for {
		s := v.slot[i]
		if s == 0 {
			return -1
		}
		if s&^low == tag && string(v.tokens.At(int(s&low)-1)) == text {
			return ID(s&low) - 1
		}
		i = (i + 1) & uint32(len(v.slot)-1)
	}
}

// mergeIndex finds the rank of a merge by the texts of its two parts.
type mergeIndex struct {
	slots
	merges gguf.StringArray // "left right"
}

func newMergeIndex(merges gguf.StringArray) *mergeIndex {
	n := merges.Len()
	m := &mergeIndex{newSlots(n), merges}
	low := uint32(1)<<m.bits - 1
	var hashes [block]uint64
	for lo := 0; lo < n; lo += block {
		hi := min(lo+block, n)
		for rank := lo; rank < hi; rank++ {
			text := merges.At(rank)
			cut := mergeCut(text)
			hashes[rank-lo] = hashPair(hashBytes(text[:cut]), hashBytes(text[min(cut+1, len(text)):]))
		}
		m.fetch(hashes[:hi-lo])
	next:
		for rank := lo; rank < hi; rank++ {
			i, tag := m.start(hashes[rank-lo])
			for m.slot[i] != 0 {
				if m.slot[i]&^low == tag && bytes.Equal(merges.At(int(m.slot[i]&low)-1), merges.At(rank)) {
					continue next // the first of two equal merges counts
				}
				i = (i + 1) & uint32(len(m.slot)-1)
			}
			m.slot[i] = tag | uint32(rank+1)
		}
	}
	return m
}

// mergeCut returns the offset of the space between the parts of a merge. The left part has at least one byte, which may
// itself be a space. A merge without a cut gives its length: no look-up finds such an entry.
func mergeCut(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	if i := bytes.IndexByte(text[1:], ' '); i >= 0 {
		return i + 1
	}
	return len(text)
}

// find returns the rank of the merge of left and right, whose hashes are hl and hr.
func (m *mergeIndex) find(hl, hr uint64, left, right []byte) (rank uint32, ok bool) {
	low := uint32(1)<<m.bits - 1
	i, tag := m.start(hashPair(hl, hr))
	for {
		s := m.slot[i]
		if s == 0 {
			return 0, false
		}
		if s&^low == tag {
			text := m.merges.At(int(s&low) - 1)
			if len(text) == len(left)+1+len(right) && text[len(left)] == ' ' &&
				bytes.Equal(text[:len(left)], left) && bytes.Equal(text[len(left)+1:], right) {
				return s&low - 1, true
			}
		}
		i = (i + 1) & uint32(len(m.slot)-1)
	}
}
