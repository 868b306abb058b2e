package i8

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/internal/vec"
)

// memory hands out the arguments of one call; number i of the call has its own.
type memory interface {
	int8s(i, n int) []int8
	uint16s(i, n int) []uint16
	float32s(i, n int) []float32
	metas(i, n int) []Meta
}

type heap struct{}

func (heap) int8s(_, n int) []int8       { return make([]int8, n) }
func (heap) uint16s(_, n int) []uint16   { return make([]uint16, n) }
func (heap) float32s(_, n int) []float32 { return make([]float32, n) }
func (heap) metas(_, n int) []Meta       { return make([]Meta, n) }

// extra is an implementation that only tests use.
type extra struct {
	name string
	have bool
	k    *kernels
}

// each is impl.Each with the extras.
func each(f func(name string)) {
	impl.Each("i8", f)
	best := active
	defer use(best)()
	for _, e := range extras {
		if e.have {
			use(e.k)()
			f(e.name)
		}
	}
}

func asBytes(x []int8) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// values are n numbers of a kind of rows: ordinary, with outliers, tiny, huge, all alike, or with what is no number.
func values(rng *rand.Rand, x []float32) {
	kind := rng.IntN(6)
	for i := range x {
		switch x[i] = float32(rng.NormFloat64()); kind {
		case 1:
			if rng.IntN(20) == 0 {
				x[i] *= 1000
			}
		case 2:
			x[i] *= 1e-31
		case 3:
			x[i] *= 1e37
		case 4:
			x[i] = -1
		case 5:
			if rng.IntN(40) == 0 {
				x[i] = float32(math.Inf(1)) * float32(rng.IntN(2)) // or NaN
			}
		}
	}
}

// same compares bits; any NaN equals any other.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// differ calls the kernels in use with arguments of their own sizes and compares them with the twins.
func differ(m memory, rng *rand.Rand, rows, groups, panels, gap int) string {
	dim := groups * Group
	x, q, meta := m.float32s(0, rows*dim), m.int8s(1, rows*dim), m.metas(2, rows*groups)
	values(rng, x)
	wantQ, wantMeta := make([]int8, len(q)), make([]Meta, len(meta))
	quantizeGo(wantQ, wantMeta, x)
	Quantize(q, meta, x)
	for i := range meta {
		if !same(meta[i].Scale, wantMeta[i].Scale) || meta[i].Bias != wantMeta[i].Bias || !slices.Equal(q, wantQ) {
			return fmt.Sprintf("Quantize: group %d of %d is %v %v, want %v %v", i, len(meta), meta[i], q, wantMeta[i], wantQ)
		}
	}
	f := m.float32s(0, dim) // x has been used
	x = append([]float32(nil), x...)
	values(rng, f)
	weighGo(wantQ, wantMeta, x, f)
	clear(q)
	Weigh(q, meta, x, f)
	for i := range meta {
		if !same(meta[i].Scale, wantMeta[i].Scale) || meta[i].Bias != wantMeta[i].Bias || !slices.Equal(q, wantQ) {
			return fmt.Sprintf("Weigh: group %d of %d is %v %v, want %v %v", i, len(meta), meta[i], q, wantMeta[i], wantQ)
		}
	}
	w, d := m.int8s(3, panels*Panel*dim), m.uint16s(4, panels*Panel*groups)
	for i := range w {
		w[i] = int8(rng.IntN(256))
	}
	packed, lo, hi := asBytes(m.int8s(5, 64*panels)), m.int8s(6, 64*panels), m.int8s(7, 64*panels)
	for i := range packed {
		packed[i] = byte(rng.Uint32())
	}
	wantLo, wantHi := make([]int8, len(lo)), make([]int8, len(hi))
	unpack4Go(wantLo, wantHi, packed)
	if Unpack4(lo, hi, packed); !slices.Equal(lo, wantLo) || !slices.Equal(hi, wantHi) {
		return fmt.Sprintf("Unpack4 of %d bytes", len(packed))
	}
	for _, bits := range []int{2, 3} {
		codes, centred := m.int8s(6, 256*panels), rng.IntN(2) == 0
		planes := asBytes(m.int8s(5, len(codes)*bits/8))
		for i := range planes {
			planes[i] = byte(rng.Uint32())
		}
		want := make([]int8, len(codes))
		planesGo(want, planes, bits, centred)
		if UnpackPlanes(codes, planes, bits, centred); !slices.Equal(codes, want) {
			return fmt.Sprintf("UnpackPlanes of %d codes of %d bits", len(codes), bits)
		}
	}
	one := []float32{0}
	for i := range d {
		values(rng, one)
		half := []uint16{0}
		vec.F32ToF16(half, one)
		d[i] = half[0]
	}
	ld := panels*Panel + gap
	type pair struct{ got, want func(y []float32) }
	kernels := map[string]pair{
		"Dot": {
			func(y []float32) { Dot(y, ld, q, meta, w, d, rows, dim) },
			func(y []float32) { dotGo(y, ld, q, meta, w, d, rows, dim) },
		},
		"MulAdd": {
			func(y []float32) { MulAdd(y, ld, q, meta, w, rows, dim) },
			func(y []float32) { mulAddGo(y, ld, q, meta, w, rows, dim) },
		},
	}
	if n := asBytes(w[len(w)/2:]); groups%2 == 0 { // half as many bytes
		kernels["Dot4"] = pair{
			func(y []float32) { Dot4(y, ld, q, meta, n, d, rows, dim) },
			func(y []float32) { dot4Go(y, ld, q, meta, n, d, rows, dim) },
		}
	}
	if panels%2 == 0 {
		n := asBytes(w[len(w)/2:])
		kernels["MulAdd4"] = pair{
			func(y []float32) { MulAdd4(y, ld, q, meta, n, rows, dim) },
			func(y []float32) { mulAdd4Go(y, ld, q, meta, n, rows, dim) },
		}
	}
	for name, f := range kernels {
		y := m.float32s(5, (rows-1)*ld+panels*Panel)
		values(rng, y)
		want := append([]float32(nil), y...)
		f.got(y)
		f.want(want)
		for i := range y {
			if !same(y[i], want[i]) {
				return fmt.Sprintf("%s of %d rows of %d with %d panels: value %d is %v, want %v", name, rows, dim, panels, i, y[i], want[i])
			}
		}
	}
	return ""
}

// TestTwins sweeps sizes.
func TestTwins(t *testing.T) {
	each(func(name string) {
		rng := rand.New(rand.NewPCG(1, 2))
		for rows := 1; rows <= 13; rows++ {
			for groups := 1; groups <= 3; groups++ {
				for panels := 1; panels <= 4; panels += 3 {
					if d := differ(heap{}, rng, rows, groups, panels, rng.IntN(3)); d != "" {
						t.Errorf("%s: %s", name, d)
					}
				}
			}
		}
		for groups := 16; groups <= 17; groups++ { // kernels that copy rows to the stack take 512 columns
			for _, rows := range []int{4, 8} {
				if d := differ(heap{}, rng, rows, groups, 1, 0); d != "" {
					t.Errorf("%s: %s", name, d)
				}
			}
		}
	})
}

// TestTwinsReject damages an implementation and wants the comparison to notice.
func TestTwinsReject(t *testing.T) {
	for name, hurt := range map[string]func(k *kernels){
		"quantize": func(k *kernels) {
			k.quantize = func(q []int8, meta []Meta, x []float32) { quantizeGo(q, meta, x); meta[0].Bias++ }
		},
		"weigh": func(k *kernels) {
			k.weigh = func(q []int8, meta []Meta, x, f []float32) { weighGo(q, meta, x, f); q[len(q)-1]++ }
		},
		"dot": func(k *kernels) {
			k.dot = func(s []float32, lds int, q []int8, meta []Meta, w []int8, d []uint16, rows, dim int) {
				dotGo(s, lds, q, meta, w, d, rows, dim)
				for i := range s[:Panel] {
					s[i] = 1 - s[i]
				}
			}
		},
		"dot4": func(k *kernels) {
			k.dot4 = func(s []float32, lds int, q []int8, meta []Meta, w []byte, d []uint16, rows, dim int) {}
		},
		"mulAdd": func(k *kernels) {
			k.mulAdd = func(y []float32, ldy int, p []int8, meta []Meta, w []int8, rows, dim int) {}
		},
		"mulAdd4": func(k *kernels) {
			k.mulAdd4 = func(y []float32, ldy int, p []int8, meta []Meta, w []byte, rows, dim int) {}
		},
		"planes": func(k *kernels) {
			k.planes = func(dst []int8, src []byte, bits int, centred bool) { planesGo(dst, src, bits, centred); dst[0] ^= 1 }
		},
		"unpack4": func(k *kernels) { k.unpack4 = func(lo, hi []int8, src []byte) {} },
	} {
		bad := kernelsGo
		hurt(&bad)
		old := active
		active = &bad
		rng, noticed := rand.New(rand.NewPCG(3, 4)), false
		for range 5 { // some inputs are NaN throughout
			noticed = noticed || differ(heap{}, rng, 3, 2, 2, 0) != ""
		}
		if !noticed {
			t.Errorf("the comparison accepts a wrong %s", name)
		}
		active = old
	}
}

// TestExact: an independent sum in float64 is near, so that the twins are right themselves.
func TestExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	const rows, dim, panels = 3, 96, 2
	x, q, meta := make([]float32, rows*dim), make([]int8, rows*dim), make([]Meta, rows*dim/Group)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	Quantize(q, meta, x)
	k := make([]float32, panels*Panel*dim) // [row, column]
	w, d := make([]int8, len(k)), make([]uint16, panels*Panel*dim/Group)
	half, scale := make([]uint16, 1), make([]float32, 1)
	for r := range panels * Panel {
		for g := range dim / Group {
			scale[0] = float32(0.01 + rng.Float64())
			vec.F32ToF16(half, scale)
			vec.F16ToF32(scale, half)
			d[(r/Panel*dim/Group+g)*Panel+r%Panel] = half[0]
			for c := g * Group; c < (g+1)*Group; c++ {
				v := int8(rng.IntN(255) - 127)
				w[r/Panel*Panel*dim+c/4*4*Panel+r%Panel*4+c%4] = v
				k[r*dim+c] = scale[0] * float32(v)
			}
		}
	}
	s := make([]float32, rows*panels*Panel)
	Dot(s, panels*Panel, q, meta, w, d, rows, dim)
	for r := range rows {
		for c := range panels * Panel {
			var want, size float64
			for i := range dim {
				p := float64(x[r*dim+i]) * float64(k[c*dim+i])
				want, size = want+p, size+math.Abs(p)
			}
			if got := float64(s[r*panels*Panel+c]); math.Abs(got-want) > size/127 {
				t.Errorf("row %d, column %d: %v, want %v", r, c, got, want)
			}
		}
	}
}

// FuzzTwins varies sizes and contents.
func FuzzTwins(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(2), uint8(4), uint8(1))
	f.Fuzz(func(t *testing.T, seed uint64, rows, groups, panels, gap uint8) {
		each(func(name string) {
			rng := rand.New(rand.NewPCG(seed, 7))
			if d := differ(heap{}, rng, 1+int(rows)%20, 1+int(groups)%9, 1+int(panels)%5, int(gap)%5); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		})
	})
}

func BenchmarkAttention(b *testing.B) {
	for _, rows := range []int{3, 96} {
		const dim, tile = 64, 64
		x, q, meta := make([]float32, rows*dim), make([]int8, rows*dim), make([]Meta, rows*dim/Group)
		for i := range x {
			x[i] = float32(math.Sin(float64(i)))
		}
		w, d, s := make([]int8, tile*dim), make([]uint16, tile*dim/Group), make([]float32, rows*tile)
		nibbles := make([]byte, tile*dim/2)
		for _, k := range []struct {
			name string
			run  func()
		}{
			{"dot", func() { Dot(s, tile, q, meta, w, d, rows, dim) }},
			{"mulAdd", func() { MulAdd(s, tile, q, meta, w, rows, dim) }},
			{"dot4", func() { Dot4(s, tile, q, meta, nibbles, d, rows, dim) }},
			{"mulAdd4", func() { MulAdd4(s, tile, q, meta, nibbles, rows, dim) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", k.name, rows), func(b *testing.B) {
				for b.Loop() {
					k.run()
				}
				b.ReportMetric(2*float64(rows*tile*dim)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gop/s")
			})
		}
		b.Run(fmt.Sprintf("quantize/%d", rows), func(b *testing.B) {
			for b.Loop() {
				Quantize(q, meta, x)
			}
			b.ReportMetric(float64(rows*dim)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gval/s")
		})
		b.Run(fmt.Sprintf("weigh/%d", rows), func(b *testing.B) {
			for b.Loop() {
				Weigh(q, meta, x, x[:tile])
			}
			b.ReportMetric(float64(rows*dim)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gval/s")
		})
	}
}

// TestThresholds: a group whose largest magnitude is 2^-100 has a scale, and one just below counts as zero; the largest number has
// a scale, and infinity has not.
func TestThresholds(t *testing.T) {
	tops := []uint32{27 << 23, 27<<23 - 1, 0x7f7fffff, 0x7f800000, 0x7f800001, 0xffffffff, 27<<23 | 1<<31, 0}
	each(func(name string) {
		for n := 1; n <= 2*len(tops); n++ {
			x, f := make([]float32, n*Group), make([]float32, 2*Group)
			for g := range n {
				x[g*Group+(5*g+n)%Group] = math.Float32frombits(tops[(g+n)%len(tops)])
			}
			for i := range f {
				f[i] = 1
			}
			q, meta, want, wantMeta := make([]int8, len(x)), make([]Meta, n), make([]int8, len(x)), make([]Meta, n)
			quantizeGo(want, wantMeta, x)
			for _, quantize := range []func(){func() { Quantize(q, meta, x) }, func() { Weigh(q, meta, x, f) }} {
				clear(meta)
				quantize()
				for g := range meta {
					if !same(meta[g].Scale, wantMeta[g].Scale) || meta[g].Bias != wantMeta[g].Bias || !slices.Equal(q, want) {
						t.Fatalf("%s: group %d of %d is %v %v, want %v %v", name, g, n, meta[g], q, wantMeta[g], want)
					}
				}
			}
		}
	})
}
