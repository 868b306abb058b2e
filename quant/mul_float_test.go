package quant

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/seq"
)

// TestMulFloat sweeps the float formats, and exact mode of all, over the kernels of internal/vec, which the other tests take
// as they find them: whole vectors and not, up to and beyond floatDirect, addresses of every alignment.
func TestMulFloat(t *testing.T) {
	impl.Each("vec", func(name string) {
		t.Run(name, func(t *testing.T) {
			rows := []int{1, 3, 4, 7, 16, 17, 21, 32}
			ns := []int{1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, floatDirect, floatDirect + 1}
			for k, f := range Formats() {
				rng := rand.New(rand.NewPCG(13, uint64(f.Type)))
				mem := new(seq.Arena)
				for i, n := range ns {
					r := rows[(i+k)%len(rows)]
					cols := max(f.Elems, []int{16, 48, 64, 37, 96, 33, 128, 80}[i%8])
					if f.Elems == 32 {
						cols = cols / 32 * 32
					}
					if n <= 2 && !testing.Short() {
						cols = max(f.Elems, 1024)
					}
					m := randomMatrix(t, f, rng, r, cols)
					m.Data = shifted(m.Data, []int{0, 2, 4, 1, 64, 6, 3, 8}[(i+k)%8])
					x := shifted(randomFloats(rng, n*cols), i%16)
					var bias []float32
					if i%2 == 0 {
						bias = randomFloats(rng, r)
					}
					var in Input
					if err := in.Set(x, n, cols, true, oneTeam{}, mem); err != nil {
						t.Fatal(err)
					}
					checkMul(t, &in, m, bias, splitTeam{1 + i%3, rng}, mem)
					mem.Release(seq.Mark{})
				}
			}
		})
	})
}

// TestFloatStride: four decoded rows begin in different quarters of 4 KB, and many columns leave room in the second cache.
func TestFloatStride(t *testing.T) {
	for cols := 1; cols < 40000; cols += 1 + cols/7 {
		ld := floatStride(cols)
		if ld < cols || ld%512 != 256 || ld > cols+512 {
			t.Errorf("%d columns: rows %d apart", cols, ld)
		}
		if r := floatRows(cols); r%4 != 0 || r < 4 || r > panelRows || r > 4 && 4*r*ld > 512<<10 {
			t.Errorf("%d columns: %d rows of %d", cols, r, ld)
		}
	}
}

// BenchmarkMulExact/<format>/<implementation>/<rows>x<cols>/n=<activations>: exact mode, one worker.
func BenchmarkMulExact(b *testing.B) {
	for _, s := range []struct {
		t          Type
		rows, cols int
	}{{Q4_1, 1536, 576}, {Q8_0, 2048, 640}, {Q5_0, 2048, 640}, {Q4_K, 640, 2048}, {Q6_K, 640, 2048}} {
		f, _ := Lookup(s.t)
		rng := rand.New(rand.NewPCG(1, 1))
		m := randomMatrix(b, f, rng, s.rows, s.cols)
		impl.Each("quant", func(name string) {
			for _, n := range []int{1, 4, 16, 128, 512} {
				b.Run(fmt.Sprintf("%s/%s/%dx%d/n=%d", f.Name, name, s.rows, s.cols, n), func(b *testing.B) {
					mem := new(seq.Arena)
					var in Input
					if err := in.Set(randomFloats(rng, n*s.cols), n, s.cols, true, oneTeam{}, mem); err != nil {
						b.Fatal(err)
					}
					y := make([]float32, n*s.rows)
					b.SetBytes(int64(len(m.Data)))
					for b.Loop() {
						if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: y, Stride: s.rows}); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(2*float64(n)*float64(s.rows)*float64(s.cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOPS")
				})
			}
		})
	}
}
