package quant

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/godwit-ai/godwit/seq"
)

// between gives n bytes that end at a page that cannot be read, and n that begin after one: a mapped matrix ends where its
// file ends.
func between(t *testing.T, n int) (last, first []byte) {
	page := unix.Getpagesize()
	size := (n + page - 1) / page * page
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
	return b[page+size-n : page+size : page+size], b[page : page+n : page+n]
}

// TestMulPageEdge gives every kernel weights, activations and results that touch pages it may not: reading or writing one
// byte too much ends the test with a fault.
func TestMulPageEdge(t *testing.T) {
	weights, weightsFirst := between(t, 1<<18)
	values, valuesFirst := between(t, 1<<16)
	results, resultsFirst := between(t, 1<<12)
	at := func(last, first []byte, begin bool, n int) []byte {
		if begin {
			return first[:n:n]
		}
		return last[len(last)-n:]
	}
	forAll(t, func(t *testing.T) {
		for _, f := range Formats() {
			rng := rand.New(rand.NewPCG(11, uint64(f.Type)))
			for _, rows := range []int{1, 8, 13, 16, 25} {
				for _, n := range []int{1, 3, 4, 9} {
					cols := f.Elems
					switch f.Elems {
					case 1:
						cols = 37
					case 32:
						cols = 96
					}
					m := randomMatrix(t, f, rng, rows, cols)
					random := randomFloats(rng, n*cols)
					for _, begin := range []bool{false, true} {
						m.Data = at(weights, weightsFirst, begin, len(m.Data))
						copy(m.Data, randomData(f, rng, rows*cols/f.Elems))
						x := unsafe.Slice((*float32)(unsafe.Pointer(&at(values, valuesFirst, begin, 4*len(random))[0])), len(random))
						copy(x, random)
						y := unsafe.Slice((*float32)(unsafe.Pointer(&at(results, resultsFirst, begin, 4*n*rows)[0])), n*rows)
						mem := new(seq.Arena)
						for _, exact := range []bool{false, true} {
							var in Input
							if err := in.Set(x, n, cols, exact, oneTeam{}, mem); err != nil {
								t.Fatal(err)
							}
							if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: y, Stride: rows}); err != nil {
								t.Fatal(err)
							}
							for i, want := range wantMul(&in, m, nil) {
								if !sameBits(y[i], want) {
									t.Fatalf("%s %d×%d, n=%d: %v, want %v", f.Name, rows, cols, n, y[i], want)
								}
							}
						}
					}
				}
			}
		}
	})
}
