package quant

import (
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/internal/testenv"
	"github.com/godwit-ai/godwit/seq"
)

// TestMulPageEdge gives every kernel weights, activations and results that touch pages it may not: reading or writing one
// byte too much ends the test with a fault.
func TestMulPageEdge(t *testing.T) {
	weights, values, results := testenv.NewEdge(t, 1<<18), testenv.NewEdge(t, 1<<16), testenv.NewEdge(t, 1<<12)
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
						m.Data = testenv.At[byte](weights, begin, len(m.Data))
						copy(m.Data, randomData(f, rng, rows*cols/f.Elems))
						x := testenv.At[float32](values, begin, len(random))
						copy(x, random)
						y := testenv.At[float32](results, begin, n*rows)
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

// edges is memory at the edge of a page: what a kernel must not touch is right beside it.
type edges struct {
	number [7]testenv.Edge
	begin  bool
}

func (e edges) int8s(i, n int) []int8       { return testenv.At[int8](e.number[i], e.begin, n) }
func (e edges) uint8s(i, n int) []uint8     { return testenv.At[uint8](e.number[i], e.begin, n) }
func (e edges) uint32s(i, n int) []uint32   { return testenv.At[uint32](e.number[i], e.begin, n) }
func (e edges) float32s(i, n int) []float32 { return testenv.At[float32](e.number[i], e.begin, n) }

// TestTilerPageEdge is TestTilerTwins with every argument of every kernel at an edge: the scratch and the quantised
// activations too, which TestMulPageEdge leaves in the middle of an arena.
func TestTilerPageEdge(t *testing.T) {
	e := edges{}
	for i := range e.number {
		e.number[i] = testenv.NewEdge(t, 1<<15)
	}
	for _, c := range tilers {
		if !c.level.Have {
			continue
		}
		for _, e.begin = range []bool{false, true} {
			for _, problem := range c.differs(e) {
				t.Errorf("%s: %s", c.level.Name, problem)
			}
		}
	}
}
