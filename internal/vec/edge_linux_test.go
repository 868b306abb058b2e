package vec

import (
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/internal/testenv"
)

// TestPageEdge runs every kernel on arguments that end at a page that cannot be touched, or begin after one, and compares with
// the twins. Reading or writing one byte too much ends the test with a fault.
func TestPageEdge(t *testing.T) {
	var number [4]testenv.Edge
	for i := range number {
		number[i] = testenv.NewEdge(t, 1<<14)
	}
	impl.Each("vec", func(name string) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 6))
			for _, begin := range []bool{false, true} {
				floats := func(i, n int) []float32 {
					x := testenv.At[float32](number[i], begin, n)
					copy(x, numbers(rng, n, n%2 == 0))
					return x
				}
				for n := 1; n < 100; n++ {
					edgeOnes(t, n, floats, func(i, n int) []uint16 { return testenv.At[uint16](number[i], begin, n) })
					for _, rows := range []int{1, 3, 4, 5, 8, 9} {
						edgeRows(t, n, rows, n+rng.IntN(3), floats, func(i, n int) []uint16 {
							h := testenv.At[uint16](number[i], begin, n)
							copy(h, halves(numbers(rng, n, n%2 == 0)))
							return h
						})
					}
				}
			}
		})
	})
}

// edgeOnes runs the kernels of one or two vectors.
func edgeOnes(t *testing.T, n int, floats func(i, n int) []float32, words func(i, n int) []uint16) {
	a, b := floats(0, n), floats(1, n)
	equal(t, "Dot", n, []float32{Dot(a, b)}, []float32{dotGo(a, b)})
	equal(t, "Sum", n, []float32{Sum(a)}, []float32{sumGo(a)})
	equal(t, "Max", n, []float32{Max(a)}, []float32{maxGo(a) + 0})
	y, h, want := floats(2, n), words(3, n), make([]float32, n)
	Exp(y, a)
	expGo(want, a)
	equal(t, "Exp", n, y, want)
	F32ToF16(h, a)
	for i, v := range halves(a) {
		if h[i] != v && a[i] == a[i] {
			t.Fatalf("F32ToF16(%v) = %x, want %x", a[i], h[i], v)
		}
	}
	equal(t, "DotF16", n, []float32{DotF16(b, h)}, []float32{dotF16Go(b, h)})
	F16ToF32(y, h)
	f16ToF32Go(want, h)
	equal(t, "F16ToF32", n, y, want)
	BF16ToF32(y, h)
	bf16ToF32Go(want, h)
	equal(t, "BF16ToF32", n, y, want)
	glueTwins(t, a, b, y)
}

// edgeRows runs the kernels of a vector and several rows.
func edgeRows(t *testing.T, n, rows, stride int, floats func(i, n int) []float32, words func(i, n int) []uint16) {
	room := (rows-1)*stride + n
	q, s, want := floats(0, n), floats(1, rows), make([]float32, max(n, rows))
	k, h := floats(2, room), words(3, room)
	copy(want, q)
	AxpyRows(q, s, k, stride)
	axpyRowsGo(want[:n], s, k, stride)
	equal(t, "AxpyRows", n, q, want[:n])
	AxpyRowsF16(q, s, h, stride)
	axpyRowsF16Go(want[:n], s, h, stride)
	equal(t, "AxpyRowsF16", n, q, want[:n])
	// The products have n columns here, rows rows and few terms; SoftTile's tiles are 64 wide whatever n is.
	c, a, terms := floats(0, room), floats(1, 3*rows), 3
	b, w := floats(2, 2*stride+n), words(3, 2*stride+n)
	want = append(want[:0], c...)
	MulAdd(c, a, b, rows, terms, n, terms, stride, stride)
	mulAddGo(want, a, b, rows, terms, n, terms, stride, stride)
	equal(t, "MulAdd", n, c, want)
	MulAddF16(c, a, w, rows, terms, n, terms, stride, stride)
	mulAddF16Go(want, a, w, rows, terms, n, terms, stride, stride)
	equal(t, "MulAddF16", n, c, want)
	y, f := floats(0, rows*n), floats(1, rows)
	want = append(want[:0], y...)
	ScaleRows(y, f, n)
	scaleRowsGo(want, f, n)
	equal(t, "ScaleRows", n, y, want)
	edgeDots(t, tileCase{kd: kind((n + rows) % 3), n: 1 + n%7, rows: 2*rows - 1 + n%2, cols: n}, floats, words)
	if n%16 == 1 {
		edgeTile(t, rows, floats)
	}
}

// edgeDots completes and runs a product of DotTile whose arguments are all at an edge, without gaps between rows.
func edgeDots(t *testing.T, c tileCase, floats func(i, n int) []float32, words func(i, n int) []uint16) {
	c.ldy, c.ldx, c.ldw = c.rows, c.cols, c.cols
	c.y, c.x, c.s = floats(0, c.n*c.ldy), floats(1, c.n*c.ldx), floats(3, TileScratch)
	if c.kd == kindF32 {
		c.w = floats(2, c.rows*c.ldw)
	} else {
		c.h = words(2, c.rows*c.ldw)
	}
	got, want := c.run()
	equal(t, "DotTile", c.cols, got, want)
}

func edgeTile(t *testing.T, rows int, floats func(i, n int) []float32) {
	got := [4][]float32{floats(0, rows*TileCols), floats(1, rows), floats(2, rows), floats(3, rows)}
	var want [4][]float32
	for i := range got {
		want[i] = append(want[i], got[i]...)
	}
	SoftTile(got[0], got[1], got[2], got[3])
	softTileGo(want[0], want[1], want[2], want[3])
	for i := range got {
		equal(t, "SoftTile", rows, got[i], want[i])
	}
}

// TestStripsEdge runs the passes over a vocabulary on arguments that end at, or begin after, a page that cannot be touched.
func TestStripsEdge(t *testing.T) {
	var number [8]testenv.Edge
	for i := range number {
		number[i] = testenv.NewEdge(t, 1<<14)
	}
	impl.Each("vec", func(name string) {
		rng := rand.New(rand.NewPCG(25, 26))
		for _, begin := range []bool{false, true} {
			for n := 1; n < 100; n++ {
				floats := func(i, n int) []float32 {
					x := testenv.At[float32](number[i], begin, n)
					copy(x, numbers(rng, n, n%2 == 0))
					return x
				}
				strips := 1 + n%9
				id := testenv.At[int32](number[4], begin, n)
				copy(id, idsOf(n))
				stripTwins(t, rng, floats(0, strips), floats(1, strips*Strip), floats(2, n), floats(3, n), testenv.At[int32](number[5], begin, n), id, floats(6, n))
			}
		}
	})
}
