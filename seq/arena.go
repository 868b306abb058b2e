package seq

import "unsafe"

// Arena is stack-like scratch memory for one session: a pass takes slices from it and releases them in reverse order.
// It takes them from slabs, which stay, so that the first pass leaves little to the collector and the passes after it allocate
// nothing, or little: a slab that was too small for what came first is replaced. It is not safe for concurrent use: slices are
// taken before Team.Run, not inside a Task. The zero value is ready.
type Arena struct {
	slabs [][]uint64
	at    int  // the slab that slices are taken from
	used  int  // words of it taken
	given bool // the first slab is Use's
	high  int  // most words of it ever taken
}

// Use gives the arena memory to begin with, as many bytes as a Sizer counted for what will be taken; block begins at a multiple of 8.
// It is called before anything is taken. What does not fit is taken from slabs.
func (a *Arena) Use(block []byte) {
	words := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(block))), len(block)/8)
	*a = Arena{slabs: [][]uint64{words}, given: true}
}

// slabWords bounds a slab that is made for more than one slice: 512 KiB, so that what stays unused at the ends of slabs is little
// beside the megabytes of a chunk. Below, a slab is as large as all before it.
const slabWords = 1 << 16

// Mark is a position to Release to.
type Mark struct{ at, used int }

// Mark returns the present position.
func (a *Arena) Mark() Mark { return Mark{a.at, a.used} }

// Release gives back everything taken since m.
func (a *Arena) Release(m Mark) { a.at, a.used = m.at, m.used }

// Bytes returns the memory the arena holds; of memory that Use gave, what was ever taken.
func (a *Arena) Bytes() (n int64) {
	for i, s := range a.slabs {
		if i == 0 && a.given {
			n += int64(a.high) * 8
			continue
		}
		n += int64(len(s)) * 8
	}
	return n
}

// Trim gives the memory back, and lets go of what Use gave; it must not be called while slices are held.
func (a *Arena) Trim() { *a = Arena{} }

// take returns words of a slab.
func (a *Arena) take(words int) []uint64 {
	for ; a.at < len(a.slabs); a.at, a.used = a.at+1, 0 {
		// Nobody has anything of the slab, nor of those after it.
		if a.used == 0 && words > len(a.slabs[a.at]) && !(a.given && a.at == 0) {
			a.fit(words)
		}
		if s := a.slabs[a.at]; words <= len(s)-a.used {
			a.used += words
			if a.at == 0 {
				a.high = max(a.high, a.used)
			}
			return s[a.used-words : a.used]
		}
	}
	a.slabs = append(a.slabs, make([]uint64, max(words, min(slabWords, int(a.Bytes()/8)))))
	a.used = words
	return a.slabs[a.at][:words]
}

// fit makes the slab that slices are taken from one of at least so many words: the smallest of those after it that suffices, or a new
// one. A new one each time left 1.6 MB of smollm2:135m's first chunk to the collector.
func (a *Arena) fit(words int) {
	best := -1
	for i := a.at + 1; i < len(a.slabs); i++ {
		if n := len(a.slabs[i]); n >= words && (best < 0 || n < len(a.slabs[best])) {
			best = i
		}
	}
	if best < 0 {
		a.slabs[a.at] = make([]uint64, words)
		return
	}
	a.slabs[a.at], a.slabs[best] = a.slabs[best], a.slabs[a.at]
}

// Scalar is what an arena can hold: plain numbers, no pointers.
type Scalar interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// Take returns n uninitialised elements, aligned to 64 bytes.
func Take[T Scalar](a *Arena, n int) []T {
	if n <= 0 {
		return nil
	}
	block := a.take(wordsOf[T](n))
	p := unsafe.Pointer(unsafe.SliceData(block))
	off := (64 - uintptr(p)&63) & 63
	return unsafe.Slice((*T)(unsafe.Add(p, off)), n)
}

// wordsOf is the words that n elements take, n > 0.
func wordsOf[T Scalar](n int) int {
	var t T
	return (n*int(unsafe.Sizeof(t))+7)/8 + 8 // 8 spare words to align
}

// Sizer counts what a pass takes from an Arena without taking it: the same marks, releases and sizes, in the same order. The zero
// value is ready.
type Sizer struct{ used, most int }

// Mark returns the present position.
func (s *Sizer) Mark() int { return s.used }

// Release gives back everything counted since m.
func (s *Sizer) Release(m int) { s.used = m }

// Bytes returns the most that was taken at once: a block of as many bytes holds it all.
func (s *Sizer) Bytes() int64 { return int64(s.most) * 8 }

// Size counts n elements, as Take takes them.
func Size[T Scalar](s *Sizer, n int) {
	if n > 0 {
		s.used += wordsOf[T](n)
		s.most = max(s.most, s.used)
	}
}
