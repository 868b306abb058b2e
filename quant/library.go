package quant

import (
	"fmt"
	"os"
	"time"

	"github.com/godwit-ai/godwit/internal/blas"
	"github.com/godwit-ai/godwit/internal/vec"
)

// library is a foreign product of float32 matrices, which breaks the promise of this package: its elements are sums in an order
// of the library's own, which depends on its version, the CPU, the sizes of chunks and the threads. There is none unless the
// program was built with the tag blas and the environment names one: GODWIT_BLAS=/path/to/libopenblas.so, or on macOS
// /System/Library/Frameworks/Accelerate.framework/Accelerate. It is used in exact mode and for the float formats, from the number of
// rows of activations on where it was faster than this package when it was loaded.
//
// On Zen 4, one thread, OpenBLAS 0.3.31 is not: it has 42, 76 and 103 GFLOPS for 16, 64 and 512 rows times 1,536×576, and DotTile
// 104, 100 and 101 (BenchmarkGemm in internal/blas).
var library struct {
	gemm  blas.Gemm
	least int // rows of activations
	err   error
}

// libraryRows is how many rows of weights are decoded for one call of the library.
const libraryRows = 256

// LibraryErr reports that GODWIT_BLAS names a library that cannot be loaded. It wraps blas.ErrLibrary.
func LibraryErr() error { return library.err }

func init() {
	if path := os.Getenv("GODWIT_BLAS"); path != "" {
		library.gemm, library.err = blas.Open(path)
		if library.err != nil {
			library.err = fmt.Errorf("GODWIT_BLAS: %w", library.err)
		} else if library.least = libraryLeast(library.gemm); library.least == 0 {
			library.gemm = nil
		}
	}
}

// libraryLeast measures from how many rows of activations on gemm is faster, by a tenth, than DotTile: 0 for never.
func libraryLeast(gemm blas.Gemm) int {
	const rows, cols = libraryRows, 640
	least, most := 0, 256
	w, x := make([]float32, rows*cols), make([]float32, most*cols)
	y, s := make([]float32, most*rows), make([]float32, vec.TileScratch)
	for n := most; n >= 32; n /= 2 {
		var best [2]time.Duration
		for range 5 {
			for i, f := range []func(){
				func() { gemm(y, x, w, n, rows, cols, rows, cols, cols) },
				func() { vec.DotTile(y, x, w, s, n, rows, cols, rows, cols, cols) },
			} {
				start := time.Now()
				f()
				if d := time.Since(start); best[i] == 0 || d < best[i] {
					best[i] = d
				}
			}
		}
		if best[0] >= best[1]*9/10 {
			break
		}
		least = n
	}
	return least
}

// byLibrary tells whether the library computes a job.
func (in *Input) byLibrary(j *Job) bool {
	return library.gemm != nil && in.n >= library.least && (in.exact || j.M.Format.Group == 0)
}

// libraryPanel is floatPanel for any rows [r0, r1). The library sees copies only: a fault in a mapping that C code reads cannot be
// caught.
func libraryPanel(in *Input, j *Job, r0, r1 int, s scratch) {
	cols := in.cols
	w := s.floats[:libraryRows*cols]
	rest := scratch{s.floats[len(w):], s.ints}
	for ; r0 < r1; r0 += libraryRows {
		rows := min(libraryRows, r1-r0)
		for r := range rows {
			floatRow(w[r*cols:][:cols], j.M, r0+r, rest)
		}
		library.gemm(j.Y[r0:], in.x, w, in.n, rows, cols, j.Stride, cols, cols)
	}
}
