//go:build amd64 || arm64

package vec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/viterin/vek/vek32"
)

// TestPeer: what is done element by element has the bits of vek, which others wrote, as has the largest of numbers. (Where there
// are NaN, or −∞ alone, vek's largest depends on the CPU.)
func TestPeer(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for n := 1; n < 200; n++ {
		x, y := numbers(rng, n, true), numbers(rng, n, true)
		got, want := append([]float32{}, y...), append([]float32{}, y...)
		Add(got, x)
		vek32.Add_Inplace(want, x)
		equal(t, "Add", n, got, want)
		Scale(got, 0.7)
		vek32.MulNumber_Inplace(want, 0.7)
		equal(t, "Scale", n, got, want)
		for i, v := range x {
			if v-v != 0 {
				x[i] = float32(math.Copysign(1, float64(v)))
			}
		}
		equal(t, "Max", n, []float32{Max(x)}, []float32{vek32.Max(x)})
	}
}

// BenchmarkPeer/<kernel>/<ours or vek>/<elements>, in cache.
func BenchmarkPeer(b *testing.B) {
	var sink float32
	for _, n := range []int{64, 576, 2048, 49152} {
		x, y := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i], y[i] = float32(i%100), 1
		}
		for _, c := range []struct {
			name string
			f    func()
		}{
			{"Add/ours", func() { Add(y, x) }}, {"Add/vek", func() { vek32.Add_Inplace(y, x) }},
			{"Scale/ours", func() { Scale(y, 1) }}, {"Scale/vek", func() { vek32.MulNumber_Inplace(y, 1) }},
			{"Max/ours", func() { sink = Max(x) }}, {"Max/vek", func() { sink = vek32.Max(x) }},
			{"Sum/ours", func() { sink = Sum(x) }}, {"Sum/vek", func() { sink = vek32.Sum(x) }},
			{"Dot/ours", func() { sink = Dot(x, y) }}, {"Dot/vek", func() { sink = vek32.Dot(x, y) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				for b.Loop() {
					c.f()
				}
			})
		}
	}
	_ = sink
}
