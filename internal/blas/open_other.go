//go:build !blas || !((linux && !android) || darwin) || !(amd64 || arm64)

package blas

import "fmt"

// Open fails: this program was built without the tag blas, or for a system where no library can be loaded.
func Open(path string) (Gemm, error) {
	return nil, fmt.Errorf("%w: %s: this program was built without the tag blas, or the system has no support for it", ErrLibrary, path)
}
