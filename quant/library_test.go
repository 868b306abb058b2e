package quant

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/godwit-ai/godwit/internal/blas"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// TestLibrary puts a library of Go in place: it computes the products it is for, whole matrices in few calls, and no others.
func TestLibrary(t *testing.T) {
	defer func() { library.gemm, library.least = nil, 0 }()
	var calls atomic.Int64
	library.least = 5
	library.gemm = func(y, x, w []float32, n, rows, cols, ldy, ldx, ldw int) {
		calls.Add(1)
		for i := range n {
			for r := range rows {
				y[i*ldy+r] = vec.Dot(x[i*ldx:][:cols], w[r*ldw:])
			}
		}
	}
	rng := rand.New(rand.NewPCG(14, 14))
	mem := new(seq.Arena)
	for _, f := range Formats() {
		for _, n := range []int{4, 5, 9} {
			for _, exact := range []bool{false, true} {
				m := randomMatrix(t, f, rng, 2*libraryRows+37, 256)
				bias := randomFloats(rng, m.Rows)
				var in Input
				if err := in.Set(randomFloats(rng, n*m.Cols), n, m.Cols, exact, oneTeam{}, mem); err != nil {
					t.Fatal(err)
				}
				calls.Store(0)
				checkMul(t, &in, m, bias, splitTeam{3, rng}, mem)
				switch used := n >= 5 && (exact || f.Group == 0); {
				case !used && calls.Load() != 0:
					t.Errorf("%s, n=%d exact=%v: the library was called", f.Name, n, exact)
				case used && (calls.Load() == 0 || calls.Load() > 3):
					t.Errorf("%s, n=%d exact=%v: the library was called %d times", f.Name, n, exact, calls.Load())
				}
				mem.Release(seq.Mark{})
			}
		}
	}
	// What cannot be loaded is an error of the products that it is for.
	defer func() { library.err = nil }()
	_, library.err = blas.Open("/nonexistent")
	for _, exact := range []bool{false, true} {
		f, _ := Lookup(Q8_0)
		m := randomMatrix(t, f, rng, 8, 64)
		var in Input
		if err := in.Set(randomFloats(rng, m.Cols), 1, m.Cols, exact, oneTeam{}, mem); err != nil {
			t.Fatal(err)
		}
		if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: make([]float32, 8), Stride: 8}); errors.Is(err, blas.ErrLibrary) != exact {
			t.Errorf("exact=%v: %v", exact, err)
		}
	}
}

// TestLibraryLeast: a product that does nothing is always faster, one that computes everything twice never.
func TestLibraryLeast(t *testing.T) {
	if n := libraryLeast(func(y, x, w []float32, n, rows, cols, ldy, ldx, ldw int) {}); n != 32 {
		t.Errorf("from %d rows on", n)
	}
	s := make([]float32, vec.TileScratch)
	if n := libraryLeast(func(y, x, w []float32, n, rows, cols, ldy, ldx, ldw int) {
		for range 2 {
			vec.DotTile(y, x, w, s, n, rows, cols, ldy, ldx, ldw)
		}
	}); n != 0 {
		t.Errorf("a slower one from %d rows on", n)
	}
}
