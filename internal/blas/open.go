//go:build blas && ((linux && !android) || darwin) && (amd64 || arm64)

package blas

import (
	"fmt"
	"path/filepath"

	"github.com/ebitengine/purego"
)

const rowMajor, noTrans, trans = 101, 111, 112

// Open loads the library at an absolute path and looks for cblas_sgemm, with integers of 32 bits, or of 64 under the names that such
// builds use. A library with threads of its own is told to use one, where it can be told: callers are parallel. It stays loaded.
func Open(path string) (Gemm, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%w: %q is not an absolute path", ErrLibrary, path)
	}
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrLibrary, err)
	}
	for _, name := range []string{"openblas_set_num_threads", "openblas_set_num_threads64_", "scipy_openblas_set_num_threads64_"} {
		if sym, err := purego.Dlsym(lib, name); err == nil {
			var set func(int32)
			purego.RegisterFunc(&set, sym)
			set(1)
		}
	}
	for _, name := range []string{"scipy_cblas_sgemm64_", "cblas_sgemm64_"} {
		if sym, err := purego.Dlsym(lib, name); err == nil {
			return gemm[int64](sym), nil
		}
	}
	for _, name := range []string{"cblas_sgemm", "scipy_cblas_sgemm"} {
		if sym, err := purego.Dlsym(lib, name); err == nil {
			return gemm[int32](sym), nil
		}
	}
	return nil, fmt.Errorf("%w: %s has no cblas_sgemm", ErrLibrary, path)
}

// gemm is the SGEMM at sym, whose integers are Int.
func gemm[Int int32 | int64](sym uintptr) Gemm {
	var f func(order, transA, transB int32, m, n, k Int, alpha float32, a *float32, lda Int, b *float32, ldb Int, beta float32, c *float32, ldc Int)
	purego.RegisterFunc(&f, sym)
	return func(y, x, w []float32, n, rows, cols, ldy, ldx, ldw int) {
		_, _, _ = y[(n-1)*ldy+rows-1], x[(n-1)*ldx+cols-1], w[(rows-1)*ldw+cols-1]
		f(rowMajor, noTrans, trans, Int(n), Int(rows), Int(cols), 1, &x[0], Int(ldx), &w[0], Int(ldw), 0, &y[0], Int(ldy))
	}
}
