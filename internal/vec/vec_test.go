package vec

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
)

// numbers returns n values of the kind that break kernels: all magnitudes, zeros of both signs, and some extremes.
func numbers(rng *rand.Rand, n int, wild bool) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64() * math.Exp2(float64(rng.IntN(20)-10)))
		if wild {
			switch rng.IntN(12) {
			case 0:
				x[i] = float32(math.Inf(1 - 2*rng.IntN(2)))
			case 1:
				x[i] = float32(math.NaN())
			case 2:
				x[i] = math.Float32frombits(rng.Uint32()) // any bits, subnormal ones too
			case 3:
				x[i] = float32(math.Copysign(0, rng.Float64()-0.5))
			}
		}
	}
	return x
}

func halves(x []float32) []uint16 {
	h := make([]uint16, len(x))
	f32ToF16Go(h, x)
	return h
}

// same compares bits; any NaN equals any NaN, since hardware and Go differ in which payload survives.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func equal(t *testing.T, what string, n int, got, want []float32) {
	t.Helper()
	for i := range want {
		if !same(got[i], want[i]) {
			t.Fatalf("%s, length %d, element %d: %x (%v), want %x (%v)", what, n, i, math.Float32bits(got[i]), got[i], math.Float32bits(want[i]), want[i])
		}
	}
}

// TestTwins sweeps lengths and misalignments: every implementation equals the Go twins bit for bit.
func TestTwins(t *testing.T) {
	var ran []string
	impl.Each("vec", func(name string) {
		ran = append(ran, name)
		t.Run(name, func(t *testing.T) { twins(t) })
	})
	if len(ran) < 1 || ran[0] != "generic" {
		t.Fatalf("implementations run: %v", ran)
	}
	t.Log("implementations run:", ran)
}

func twins(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < 300; n++ {
		for _, wild := range []bool{false, true} {
			off := rng.IntN(9)
			a, b, y := numbers(rng, n+off, wild)[off:], numbers(rng, n+off, wild)[off:], numbers(rng, n+off, wild)[off:]
			h := halves(b)
			equal(t, "Dot", n, []float32{Dot(a, b)}, []float32{dotGo(a, b)})
			equal(t, "DotF16", n, []float32{DotF16(a, h)}, []float32{dotF16Go(a, h)})
			equal(t, "Sum", n, []float32{Sum(a)}, []float32{sumGo(a)})
			equal(t, "Max", n, []float32{Max(a)}, []float32{maxGo(a) + 0})
			got, want := append([]float32{}, y...), append([]float32{}, y...)
			Axpy(got, 0.7, a)
			axpyGo(want, 0.7, a)
			equal(t, "Axpy", n, got, want)
			AxpyF16(got, -1.3, h)
			axpyF16Go(want, -1.3, h)
			equal(t, "AxpyF16", n, got, want)
			Exp(got, a)
			expGo(want, a)
			equal(t, "Exp", n, got, want)
			F16ToF32(got, h)
			f16ToF32Go(want, h)
			equal(t, "F16ToF32", n, got, want)
			BF16ToF32(got, h)
			bf16ToF32Go(want, h)
			equal(t, "BF16ToF32", n, got, want)
			gh := make([]uint16, n)
			F32ToF16(gh, a)
			for i, v := range halves(a) {
				if gh[i] != v && a[i] == a[i] {
					t.Fatalf("F32ToF16(%x) = %x, want %x", math.Float32bits(a[i]), gh[i], v)
				}
			}
			glueTwins(t, a, b, y)
			if n < 150 {
				rowTwins(t, rng, n, wild)
			}
		}
	}
}

// glueTwins compares the passes over vectors, also in place, with loops over the definitions.
func glueTwins(t *testing.T, a, b, y []float32) {
	t.Helper()
	n, k := len(y), float32(0.37)
	for name, f := range map[string]struct{ got, want func(z []float32) }{
		"Scale":   {func(z []float32) { Scale(z, k) }, func(z []float32) { scaleGo(z, z, k) }},
		"scaleTo": {func(z []float32) { scaleTo(z, a, k) }, func(z []float32) { scaleGo(z, a, k) }},
		"Div":     {func(z []float32) { Div(z, k) }, func(z []float32) { divToGo(z, z, k) }},
		"shiftTo": {func(z []float32) { shiftTo(z, a, k) }, func(z []float32) { shiftToGo(z, a, k) }},
		"Add":     {func(z []float32) { Add(z, a) }, func(z []float32) { addGo(z, a) }},
		"cubic":   {func(z []float32) { cubic(z, a, k, 3) }, func(z []float32) { cubicGo(z, a, -k, 3) }},
		"gate":    {func(z []float32) { gate(z, a, z, b) }, func(z []float32) { gateGo(z, a, z, b) }},
		"RMSNorm": {func(z []float32) { RMSNorm(z, a, b, 0.1) }, func(z []float32) {
			normGo(z, a, b, 1/float32(math.Sqrt(float64(dotGo(a, a)/float32(n)+0.1))))
		}},
	} {
		got, want := append([]float32{}, y...), append([]float32{}, y...)
		f.got(got)
		f.want(want)
		equal(t, name, n, got, want)
	}
}

func rowTwins(t *testing.T, rng *rand.Rand, n int, wild bool) {
	rows, stride := rng.IntN(10), n+rng.IntN(5)
	q, k, p := numbers(rng, n, wild), numbers(rng, rows*stride+n, wild), numbers(rng, rows, wild)
	h := halves(k)
	if n > 0 {
		y := append([]float32{}, q...)
		z := append([]float32{}, q...)
		AxpyRows(y, p, k, stride)
		axpyRowsGo(z, p, k, stride)
		equal(t, "AxpyRows", n, y, z)
		AxpyRowsF16(y, p, h, stride)
		axpyRowsF16Go(z, p, h, stride)
		equal(t, "AxpyRowsF16", n, y, z)
	}
}

// TestFMA compares with big-number-free ground truth: math.FMA in float64 is exact for float32 products unless the sum needs
// more than 53 bits; round-to-odd then decides. The cases are aimed at half-way points.
func TestFMA(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2_000_000 {
		a := math.Float32frombits(rng.Uint32())
		b := math.Float32frombits(rng.Uint32())
		if rng.IntN(2) == 0 { // few significant bits: sums that fall half way
			a, b = float32(rng.IntN(1<<13)), float32(rng.IntN(1<<12)+1)
		}
		c := math.Float32frombits(math.Float32bits(a*b) + uint32(rng.IntN(1<<27)) - 1<<26)
		if rng.IntN(4) == 0 {
			c = float32(math.Copysign(math.Exp2(float64(rng.IntN(60)-40)), rng.Float64()-0.5))
		}
		want := fmaExact(a, b, c)
		if got := FMA(a, b, c); !same(got, want) {
			t.Fatalf("FMA(%x, %x, %x) = %x, want %x", math.Float32bits(a), math.Float32bits(b), math.Float32bits(c), math.Float32bits(got), math.Float32bits(want))
		}
	}
}

func TestExp(t *testing.T) {
	worst := 0.0
	for x := float32(expLo); x < expHi; x += 0.00037 {
		want := math.Exp(float64(x))
		worst = max(worst, math.Abs(float64(exp1(x))-want)/want)
	}
	t.Logf("largest relative error %.3g", worst)
	if worst > 1.2e-7 {
		t.Errorf("Exp is off by %.3g of its value, want at most 1.2e-7", worst)
	}
}

// TestHalfAll rounds every half to float32 and back, and every boundary between two halves.
func TestHalfAll(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := H2F(h)
		if f != f {
			continue
		}
		if F2H(f) != h {
			t.Fatalf("half %04x → %v → %04x", h, f, F2H(f))
		}
		if h&0x7fff < 0x7bff {
			mid := float32((float64(f) + float64(H2F(h+1))) / 2)
			if got := F2H(mid); got != h+h&1 {
				t.Fatalf("half way from %04x rounds to %04x, want the even one", h, got)
			}
		}
	}
}

func TestActivations(t *testing.T) {
	for x := -12.0; x < 12; x += 0.01 {
		in := []float32{float32(x)}
		x := float64(in[0])
		for name, c := range map[string]struct {
			f    func(y, x []float32)
			want float64
		}{
			"SiLUMul": {func(y, x []float32) { SiLUMul(y, x, []float32{1}) }, x / (1 + math.Exp(-x))},
			"GELUMul": {func(y, x []float32) { GELUMul(y, x, []float32{1}) }, 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))},
			"Tanh":    {Tanh, math.Tanh(x)},
		} {
			y := []float32{0}
			c.f(y, in)
			if d := math.Abs(float64(y[0]) - c.want); d > 1e-6*max(1, math.Abs(c.want)) {
				t.Errorf("%s(%v) = %v, want %v", name, x, y[0], c.want)
			}
		}
	}
}

func BenchmarkAxpyRowsF16(b *testing.B) {
	y, v, p := make([]float32, 64), make([]uint16, 64*64), make([]float32, 64)
	b.SetBytes(int64(len(v)) * 2)
	for b.Loop() {
		AxpyRowsF16(y, p, v, 64)
	}
}

func BenchmarkExp(b *testing.B) {
	x := make([]float32, 1024)
	b.SetBytes(4096)
	for b.Loop() {
		Exp(x, x)
	}
}
