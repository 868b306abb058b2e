package vec

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
)

// TestMulAdd sweeps shapes, strides and misalignments: every implementation equals the twin bit for bit and writes nothing
// but c's rows.
func TestMulAdd(t *testing.T) {
	impl.Each("vec", func(name string) {
		rng := rand.New(rand.NewPCG(5, 6))
		for m := 1; m <= 14; m++ {
			for n := 1; n <= 140; n += 1 + rng.IntN(5) {
				k, wild := 1+rng.IntN(70), rng.IntN(3) == 0
				lda, ldb, ldc := k+rng.IntN(4), n+rng.IntN(4), n+rng.IntN(4)
				off := rng.IntN(5)
				a := numbers(rng, off+(m-1)*lda+k, wild)[off:]
				b := numbers(rng, off+(k-1)*ldb+n, wild)[off:]
				got := numbers(rng, m*ldc+16, wild)
				want := append([]float32{}, got...)
				MulAdd(got, a, b, m, k, n, lda, ldb, ldc)
				mulAddGo(want, a, b, m, k, n, lda, ldb, ldc)
				equal(t, name+" MulAdd", n, got, want)
				h := halves(b)
				MulAddF16(got, a, h, m, k, n, lda, ldb, ldc)
				mulAddF16Go(want, a, h, m, k, n, lda, ldb, ldc)
				equal(t, name+" MulAddF16", n, got, want)
			}
		}
	})
}

// TestMulAddCut: a product cut along k is the same product.
func TestMulAddCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const m, k, n = 7, 50, 64
	a, b, got := numbers(rng, m*k, false), numbers(rng, k*n, false), numbers(rng, m*n, false)
	want := append([]float32{}, got...)
	MulAdd(want, a, b, m, k, n, k, n, n)
	MulAdd(got, a, b, m, 13, n, k, n, n)
	MulAdd(got, a[13:], b[13*n:], m, k-13, n, k, n, n)
	equal(t, "cut", n, got, want)
}

// TestSoftTile compares every implementation with the twin on ordinary rows, masked ones, and ones with NaN and ∞.
func TestSoftTile(t *testing.T) {
	impl.Each("vec", func(name string) {
		rng := rand.New(rand.NewPCG(9, 10))
		for round := range 400 {
			rows, wild := 1+rng.IntN(40), round%3 == 0
			s, high, sum := numbers(rng, rows*TileCols, wild), numbers(rng, rows, wild), numbers(rng, rows, wild)
			for r := range rows {
				if rng.IntN(3) == 0 {
					high[r] = float32(math.Inf(-1))
				}
				for i := range rng.IntN(TileCols + 1) {
					s[r*TileCols+i] = float32(math.Inf(-1))
				}
			}
			clone := func(x []float32) []float32 { return append(append([]float32{}, x...), 77) } // and a canary
			s1, m1, l1, f1 := clone(s), clone(high), clone(sum), clone(sum)
			s2, m2, l2, f2 := clone(s), clone(high), clone(sum), clone(sum)
			SoftTile(s1, m1[:rows], l1, f1)
			softTileGo(s2, m2[:rows], l2, f2)
			equal(t, name+" SoftTile s", rows, s1, s2)
			equal(t, name+" SoftTile max", rows, m1, m2)
			equal(t, name+" SoftTile sum", rows, l1, l2)
			equal(t, name+" SoftTile f", rows, f1, f2)

			n := rng.IntN(150)
			y := numbers(rng, rows*n+1, wild)
			f1[rng.IntN(rows)] = 1
			y1, y2 := clone(y), clone(y)
			ScaleRows(y1, f1[:rows], n)
			scaleRowsGo(y2, f1[:rows], n)
			equal(t, name+" ScaleRows", n, y1, y2)
		}
	})
}

func BenchmarkSoftTile(b *testing.B) {
	for _, rows := range []int{1, 3, 96} {
		b.Run(strconv.Itoa(rows), func(b *testing.B) {
			s, m, l, f := make([]float32, rows*TileCols), make([]float32, rows), make([]float32, rows), make([]float32, rows)
			for b.Loop() {
				SoftTile(s, m, l, f)
			}
		})
	}
}

func BenchmarkMulAdd(b *testing.B) {
	for _, m := range []int{1, 2, 3, 4, 96} {
		b.Run(strconv.Itoa(m), func(b *testing.B) {
			x, y, c := make([]float32, m*64), make([]float32, 64*64), make([]float32, m*64)
			for b.Loop() {
				MulAdd(c, x, y, m, 64, 64, 64, 64, 64)
			}
			b.ReportMetric(float64(2*m*64*64)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOPS")
		})
	}
}

func BenchmarkScaleRows(b *testing.B) {
	y, f := make([]float32, 64*64), make([]float32, 64)
	for b.Loop() {
		ScaleRows(y, f, 64)
	}
}
