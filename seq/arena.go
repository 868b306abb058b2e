package seq

import "unsafe"

// Arena is stack-like scratch memory for one session: a pass takes slices from it and releases them in reverse order.
// After the first pass of a given size nothing is allocated. It is not safe for concurrent use: slices are taken
// before Team.Run, not inside a Task. The zero value is ready.
type Arena struct {
	slab []uint64
	used int        // words of slab taken
	over [][]uint64 // blocks taken while the slab was too small
	need int        // words in use now, slab and over together
	high int        // most words ever in use
}

// Mark is a position to Release to.
type Mark struct{ used, over, need int }

// Mark returns the present position.
func (a *Arena) Mark() Mark { return Mark{a.used, len(a.over), a.need} }

// Release gives back everything taken since m.
func (a *Arena) Release(m Mark) {
	a.used, a.need = m.used, m.need
	clear(a.over[m.over:])
	a.over = a.over[:m.over]
	if a.need == 0 && a.high > len(a.slab) {
		a.slab = make([]uint64, a.high) // grow once, when nobody holds a slice
	}
}

// Bytes returns the memory the arena holds.
func (a *Arena) Bytes() int64 { return int64(len(a.slab)) * 8 }

// Trim gives the memory back; it must not be called while slices are held.
func (a *Arena) Trim() { *a = Arena{} }

// Scalar is what an arena can hold: plain numbers, no pointers.
type Scalar interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}

// Take returns n uninitialised elements, aligned to 64 bytes.
func Take[T Scalar](a *Arena, n int) []T {
	if n <= 0 {
		return nil
	}
	var t T
	words := (n*int(unsafe.Sizeof(t))+7)/8 + 8 // 8 spare words to align
	a.need += words
	a.high = max(a.high, a.need)
	var block []uint64
	if a.used+words <= len(a.slab) {
		block = a.slab[a.used : a.used+words]
		a.used += words
	} else {
		block = make([]uint64, words)
		a.over = append(a.over, block)
	}
	p := unsafe.Pointer(unsafe.SliceData(block))
	off := (64 - uintptr(p)&63) & 63
	return unsafe.Slice((*T)(unsafe.Add(p, off)), n)
}
