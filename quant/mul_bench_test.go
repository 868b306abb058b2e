package quant

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/seq"
)

// BenchmarkMul/<format>/<implementation>/<rows>x<cols>/n=<activations>: one worker. n=1 reads weights from beyond the
// cache: MB/s, and "of-read", their rate as a part of that of a plain read of memory just before. The others are bound by
// arithmetic: GOPS, two operations a weight and row.
func BenchmarkMul(b *testing.B) {
	shapes := []struct {
		t          Type
		rows, cols int
	}{
		{Q4_1, 1536, 576}, {Q4_0, 1536, 576}, {Q8_0, 2048, 640}, {Q5_0, 2048, 640}, {Q5_1, 2048, 640}, {Q4_K, 640, 2048},
		{Q5_K, 640, 2048}, {Q6_K, 640, 2048}, {IQ4_NL, 1536, 576}, {F16, 640, 2048}, {F16, 1536, 576},
		{BF16, 640, 2048}, {BF16, 1536, 576}, {F32, 640, 2048}, {F32, 1536, 576},
	}
	plainMemory := bytes.Repeat([]byte{1}, 64<<20)
	for _, s := range shapes {
		f, _ := Lookup(s.t)
		rng := rand.New(rand.NewPCG(1, 1))
		m := randomMatrix(b, f, rng, s.rows, s.cols)
		copies := (64<<20)/len(m.Data) + 1
		big := bytes.Repeat(m.Data, copies)
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
					read := 0.0
					if n == 1 {
						read = readRate(b, plainMemory)
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
					seconds := b.Elapsed().Seconds() / float64(b.N)
					b.ReportMetric(2*float64(n)*float64(s.rows)*float64(s.cols)/seconds/1e9, "GOPS")
					if n == 1 {
						b.ReportMetric(float64(len(m.Data))/seconds/read, "of-read")
					}
				})
			}
		})
	}
}

// readRate is how many bytes a second one thread reads of memory.
func readRate(b *testing.B, memory []byte) float64 {
	best := 0.0
	for range 3 {
		start := time.Now()
		if bytes.IndexByte(memory, 2) >= 0 {
			b.Fatal("the memory changed")
		}
		best = max(best, float64(len(memory))/time.Since(start).Seconds())
	}
	return best
}
