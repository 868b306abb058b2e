//go:build linux || darwin

package testenv

import (
	"testing"
	"unsafe"

	"github.com/godwit-ai/godwit/internal/par"
)

// TestEdgeFaults: what is given can be used, and the byte beside it cannot be read.
func TestEdgeFaults(t *testing.T) {
	e := NewEdge(t, 5000)
	for _, begin := range []bool{false, true} {
		x := At[uint16](e, begin, 1001)
		for i := range x {
			x[i] = uint16(i)
		}
		beside := unsafe.Add(unsafe.Pointer(&x[0]), 2*len(x))
		if begin {
			beside = unsafe.Add(unsafe.Pointer(&x[0]), -1)
		}
		var got byte
		if err := par.Guard(func() error { got = *(*byte)(beside); return nil }); !IsFault(err) {
			t.Errorf("begin %v: reading %d beside the edge: %v", begin, got, err)
		}
	}
}
