package quant

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/seq"
)

// BenchmarkMul/<format>/<implementation>/<rows>x<cols>/n=<activations>: one worker; n=1 shows GB/s of weights (from
// beyond the cache), the others GOPS, two operations a weight and row.
func BenchmarkMul(b *testing.B) {
	shapes := []struct {
		t          Type
		rows, cols int
	}{{Q4_1, 1536, 576}, {Q8_0, 2048, 576}, {Q5_0, 2048, 640}, {Q4_K, 640, 2048}, {Q6_K, 640, 2048}, {Q4_0, 1536, 576}, {IQ4_NL, 1536, 576}}
	for _, s := range shapes {
		f, _ := Lookup(s.t)
		rng := rand.New(rand.NewPCG(1, 1))
		m := randomMatrix(b, f, rng, s.rows, s.cols)
		copies := (48<<20)/len(m.Data) + 1
		big := make([]byte, 0, copies*len(m.Data))
		for range copies {
			big = append(big, m.Data...)
		}
		impl.Each("quant", func(name string) {
			for _, n := range []int{1, 2, 4, 16, 128, 512} {
				if name == "generic" && n > 4 {
					continue
				}
				b.Run(fmt.Sprintf("%s/%s/%dx%d/n=%d", f.Name, name, s.rows, s.cols, n), func(b *testing.B) {
					mem := new(seq.Arena)
					x := randomFloats(rng, n*s.cols)
					y := make([]float32, n*s.rows)
					var in Input
					if err := in.Set(x, n, s.cols, false, oneTeam{}, mem); err != nil {
						b.Fatal(err)
					}
					b.SetBytes(int64(len(m.Data)))
					i := 0
					for b.Loop() {
						m := m
						if n == 1 {
							m.Data = big[i%copies*len(m.Data):][:len(m.Data)]
							i++
						}
						if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: y, Stride: s.rows}); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(2*float64(n)*float64(s.rows)*float64(s.cols)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOPS")
				})
			}
		})
	}
}
