//go:build linux || darwin

package testenv

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Edge is memory between two pages that cannot be touched: a kernel that reads or writes one byte beyond what it was given
// faults. A mapped matrix ends where its file ends, so reading on is no detail.
type Edge struct{ b []byte }

// NewEdge maps room for size bytes, until the end of the test.
func NewEdge(t testing.TB, size int) Edge {
	t.Helper()
	page := unix.Getpagesize()
	size = (size + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(b); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{b[:page], b[page+size:]} {
		if err := unix.Mprotect(guard, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return Edge{b[page : page+size : page+size]}
}

// At is n numbers that begin after the lower page, or else end at the upper one. It is the same memory every time.
func At[T int8 | uint8 | uint16 | int32 | uint32 | float32](e Edge, begin bool, n int) []T {
	size := n * int(unsafe.Sizeof(*new(T)))
	from := 0
	if !begin {
		from = len(e.b) - size
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(e.b[from:from+size]))), n)
}
