//go:build blas && long

package blas

import (
	"fmt"
	"os"
	"testing"

	"github.com/godwit-ai/godwit/internal/vec"
)

// BenchmarkGemm/<product>/<rows>x<cols>/n=<activations>: the library of GODWIT_BLAS and DotTile, one thread.
func BenchmarkGemm(b *testing.B) {
	gemm, err := Open(os.Getenv("GODWIT_BLAS"))
	if err != nil {
		b.Fatal(err)
	}
	s := make([]float32, vec.TileScratch)
	for _, size := range [][2]int{{1536, 576}, {640, 2048}} {
		rows, cols := size[0], size[1]
		for _, n := range []int{4, 16, 64, 128, 256, 512} {
			y, x, w := make([]float32, n*rows), make([]float32, n*cols), make([]float32, rows*cols)
			for name, f := range map[string]func(){
				"library": func() { gemm(y, x, w, n, rows, cols, rows, cols, cols) },
				"tile": func() {
					for r := 0; r < rows; r += 16 {
						vec.DotTile(y[r:], x, w[r*cols:], s, n, 16, cols, rows, cols, cols)
					}
				},
			} {
				b.Run(fmt.Sprintf("%s/%dx%d/n=%d", name, rows, cols, n), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(2*float64(n)*float64(rows)*float64(cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
				})
			}
		}
	}
}
