package quant

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/godwit-ai/godwit/internal/testenv"
	"github.com/godwit-ai/godwit/seq"
)

// TestMulFaults: weights that cannot be read, as when a mapped file has shrunk, are a panic that can be recovered in every
// kernel, although meanwhile the stack grows and is scanned, the kernel's frame with it.
func TestMulFaults(t *testing.T) {
	e := testenv.NewEdge(t, 1<<16)
	forAll(t, func(t *testing.T) {
		for _, f := range Formats() {
			for _, n := range []int{1, 9} {
				const rows, cols, lost = 8, 512, 64
				m := Matrix{Format: f, Rows: rows, Cols: cols}
				size := rows * m.RowBytes()
				m.Data = unsafe.Slice(unsafe.SliceData(testenv.At[uint8](e, false, size-lost)), size) // the end is in the page behind
				copy(m.Data[:size-lost], randomData(f, rand.New(rand.NewPCG(14, 14)), rows*cols/f.Elems))
				faulted := make(chan any)
				go func() { // with a small stack
					debug.SetPanicOnFault(true)
					defer func() {
						r := recover()
						runtime.GC()
						deep(1 << 10)
						faulted <- r
					}()
					var in Input
					mem := new(seq.Arena)
					if err := in.Set(randomFloats(rand.New(rand.NewPCG(15, 15)), n*cols), n, cols, false, oneTeam{}, mem); err != nil {
						t.Error(err)
					}
					if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: make([]float32, n*rows), Stride: rows}); err != nil {
						t.Error(err)
					}
				}()
				if _, ok := (<-faulted).(interface{ Addr() uintptr }); !ok {
					t.Errorf("%s, n=%d: no fault", f.Name, n)
				}
			}
		}
	})
}

// deep takes 64 bytes of stack and more, n times.
func deep(n int) (sum int) {
	var room [64]byte
	room[n%64] = 1
	if n > 0 {
		sum = deep(n - 1)
	}
	return sum + int(room[1])
}
