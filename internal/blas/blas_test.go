package blas

import (
	"errors"
	"testing"
)

func TestOpenErrors(t *testing.T) {
	for _, path := range []string{"", "libopenblas.so", "/nonexistent/libblas.so"} {
		if gemm, err := Open(path); gemm != nil || !errors.Is(err, ErrLibrary) {
			t.Errorf("%q: %v, want ErrLibrary", path, err)
		}
	}
}
