package vec

import "github.com/godwit-ai/godwit/internal/impl"

// simd says that the loops of this CPU's instruction set are in use. They take whole vectors; the functions below finish the tails
// with the Go twins, which give the same bits. Calls are static, so that nothing escapes to the heap.
var simd bool

func init() {
	impl.Register("vec", impl.Impl{Name: "generic", Available: true, Install: func() { simd = false }})
}

func dotSIMD(a, b []float32) float32 {
	var l [lanes]float32
	n := len(a) &^ (lanes - 1)
	if n > 0 {
		dotLoop(&a[0], &b[0], n, &l[0])
	}
	for i, x := range a[n:] {
		l[i] = FMA(x, b[n+i], l[i])
	}
	return tree(&l)
}

func dotF16SIMD(a []float32, b []uint16) float32 {
	var l [lanes]float32
	n := len(a) &^ (lanes - 1)
	if n > 0 {
		dotF16Loop(&a[0], &b[0], n, &l[0])
	}
	for i, x := range a[n:] {
		l[i] = FMA(x, H2F(b[n+i]), l[i])
	}
	return tree(&l)
}

func axpyRowsSIMD(y, p, v []float32, stride int) {
	n := len(y) &^ 7
	if n > 0 && len(p) > 0 {
		axpyRowsLoop(&y[0], &p[0], &v[0], n, 4*stride, len(p))
	}
	if n < len(y) {
		axpyRowsGo(y[n:], p, v[n:], stride)
	}
}

func axpyRowsF16SIMD(y, p []float32, v []uint16, stride int) {
	n := len(y) &^ 7
	if n > 0 && len(p) > 0 {
		axpyRowsF16Loop(&y[0], &p[0], &v[0], n, 2*stride, len(p))
	}
	if n < len(y) {
		axpyRowsF16Go(y[n:], p, v[n:], stride)
	}
}

func sumSIMD(x []float32) float32 {
	var l [lanes]float32
	n := len(x) &^ (lanes - 1)
	if n > 0 {
		sumLoop(&x[0], n, &l[0])
	}
	for i, v := range x[n:] {
		l[i] += v
	}
	return tree(&l)
}

func maxSIMD(x []float32) float32 {
	n := len(x) &^ 7
	m := maxGo(x[n:])
	if n > 0 {
		m = max(m, maxLoop(&x[0], n))
	}
	return m
}

func expSIMD(y, x []float32) {
	n := len(x) &^ 7
	if n > 0 {
		expLoop(&y[0], &x[0], n)
	}
	expGo(y[n:], x[n:])
}

func f16ToF32SIMD(dst []float32, src []uint16) {
	n := len(dst) &^ 7
	if n > 0 {
		f16ToF32Loop(&dst[0], &src[0], n)
	}
	f16ToF32Go(dst[n:], src[n:])
}

func f32ToF16SIMD(dst []uint16, src []float32) {
	n := len(dst) &^ 7
	if n > 0 {
		f32ToF16Loop(&dst[0], &src[0], n)
	}
	f32ToF16Go(dst[n:], src[n:])
}
