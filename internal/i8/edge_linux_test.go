package i8

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/godwit-ai/godwit/internal/testenv"
)

// edges gives arguments that end at a page that cannot be touched, or begin after one.
type edges struct {
	at    [8]testenv.Edge
	begin bool
}

func (e *edges) int8s(i, n int) []int8       { return testenv.At[int8](e.at[i], e.begin, n) }
func (e *edges) uint16s(i, n int) []uint16   { return testenv.At[uint16](e.at[i], e.begin, n) }
func (e *edges) float32s(i, n int) []float32 { return testenv.At[float32](e.at[i], e.begin, n) }
func (e *edges) metas(i, n int) []Meta {
	x := testenv.At[uint32](e.at[i], e.begin, 2*n)
	return unsafe.Slice((*Meta)(unsafe.Pointer(&x[0])), n)
}

// TestPageEdge: reading or writing one byte too much ends the test with a fault.
func TestPageEdge(t *testing.T) {
	var e edges
	for i := range e.at {
		e.at[i] = testenv.NewEdge(t, 1<<15)
	}
	each(func(name string) {
		rng := rand.New(rand.NewPCG(8, 9))
		for _, e.begin = range []bool{false, true} {
			for rows := 1; rows <= 9; rows++ {
				for groups := 1; groups <= 2; groups++ {
					if d := differ(&e, rng, rows, groups, 1+rng.IntN(4), rng.IntN(2)); d != "" {
						t.Errorf("%s: %s", name, d)
					}
				}
			}
		}
	})
}
