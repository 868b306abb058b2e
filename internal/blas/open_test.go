//go:build blas && long

package blas

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// TestLongGemm multiplies with the library that GODWIT_BLAS names, and compares with sums in float64: in any order,
// each of at most cols roundings is off by at most 2⁻²⁴ of the terms' magnitudes.
func TestLongGemm(t *testing.T) {
	path := os.Getenv("GODWIT_BLAS")
	if path == "" {
		t.Fatal("GODWIT_BLAS should name a library with cblas_sgemm")
	}
	gemm, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n, rows, cols := 1+rng.IntN(40), 1+rng.IntN(40), 1+rng.IntN(300)
		ldy, ldx, ldw := rows+rng.IntN(3), cols+rng.IntN(3), cols+rng.IntN(3)
		y, x, w := make([]float32, n*ldy), make([]float32, n*ldx), make([]float32, rows*ldw)
		for _, v := range [][]float32{y, x, w} {
			for i := range v {
				v[i] = float32(rng.NormFloat64())
			}
		}
		kept := append([]float32{}, y...)
		gemm(y, x, w, n, rows, cols, ldy, ldx, ldw)
		for i := range n * ldy {
			a, r := i/ldy, i%ldy
			var sum, size float64
			if r >= rows {
				sum = float64(kept[i])
			} else {
				for k := range cols {
					v := float64(x[a*ldx+k]) * float64(w[r*ldw+k])
					sum, size = sum+v, size+math.Abs(v)
				}
			}
			if math.Abs(float64(y[i])-sum) > size*float64(cols)*0x1p-24 {
				t.Fatalf("%d×%d, n=%d: row %d, column %d is %v, want %v", rows, cols, n, a, r, y[i], sum)
			}
		}
	}
}
