// Package vec holds the float32 kernels. Each is defined by its Go twin, down to the order of additions, and every SIMD version
// equals it bit for bit, so results do not depend on the CPU.
//
// Go may fuse x*y + z on some targets: here products are written float32(x*y) where they must be rounded, and FMA where
// they must not.
package vec

import "math"

// lanes is the number of partial sums of a reduction: element k belongs to lane k mod 16. It is one AVX-512 register, two of
// AVX2, four of NEON.
const lanes = 16

// tree adds the lanes in the fixed order that halving a vector register gives.
func tree(l *[lanes]float32) float32 {
	for n := lanes / 2; n > 0; n /= 2 {
		for i := range n {
			l[i] += l[i+n]
		}
	}
	return l[0]
}

// Dot returns Σ a[k]·b[k]: 16 lanes of fused multiply-adds, then tree. len(b) ≥ len(a).
func Dot(a, b []float32) float32 {
	if simd {
		return dotSIMD(a, b[:len(a)])
	}
	return dotGo(a, b[:len(a)])
}

// DotF16 is Dot with IEEE halves b.
func DotF16(a []float32, b []uint16) float32 {
	if simd {
		return dotF16SIMD(a, b[:len(a)])
	}
	return dotF16Go(a, b[:len(a)])
}

// Axpy adds a·x to y, fused. len(x) ≥ len(y).
func Axpy(y []float32, a float32, x []float32) {
	p := [1]float32{a}
	axpyAll(y, p[:], x[:len(y)], 0)
}

// AxpyF16 is Axpy with IEEE halves x.
func AxpyF16(y []float32, a float32, x []uint16) {
	p := [1]float32{a}
	axpyAllF16(y, p[:], x[:len(y)], 0)
}

// AxpyRows does Axpy(y, p[r], v[r·stride:]) for r in order.
func AxpyRows(y, p, v []float32, stride int) {
	if len(p) > 0 {
		_ = v[(len(p)-1)*stride+len(y)-1]
		axpyAll(y, p, v, stride)
	}
}

func axpyAll(y, p, v []float32, stride int) {
	if simd {
		axpyRowsSIMD(y, p, v, stride)
	} else {
		axpyRowsGo(y, p, v, stride)
	}
}

// AxpyRowsF16 is AxpyRows with IEEE halves v.
func AxpyRowsF16(y, p []float32, v []uint16, stride int) {
	if len(p) > 0 {
		_ = v[(len(p)-1)*stride+len(y)-1]
		axpyAllF16(y, p, v, stride)
	}
}

func axpyAllF16(y, p []float32, v []uint16, stride int) {
	if simd {
		axpyRowsF16SIMD(y, p, v, stride)
	} else {
		axpyRowsF16Go(y, p, v, stride)
	}
}

func dotGo(a, b []float32) float32 {
	var l [lanes]float32
	for i, x := range a {
		l[i%lanes] = FMA(x, b[i], l[i%lanes])
	}
	return tree(&l)
}

func dotF16Go(a []float32, b []uint16) float32 {
	var l [lanes]float32
	for i, x := range a {
		l[i%lanes] = FMA(x, H2F(b[i]), l[i%lanes])
	}
	return tree(&l)
}

func axpyGo(y []float32, a float32, x []float32) {
	for i := range y {
		y[i] = FMA(a, x[i], y[i])
	}
}

func axpyF16Go(y []float32, a float32, x []uint16) {
	for i := range y {
		y[i] = FMA(a, H2F(x[i]), y[i])
	}
}

func axpyRowsGo(y, p, v []float32, stride int) {
	for r, a := range p {
		axpyGo(y, a, v[r*stride:])
	}
}

func axpyRowsF16Go(y, p []float32, v []uint16, stride int) {
	for r, a := range p {
		axpyF16Go(y, a, v[r*stride:])
	}
}

// Sum returns Σ x[k]: 16 lanes, then tree.
func Sum(x []float32) float32 {
	if simd {
		return sumSIMD(x)
	}
	return sumGo(x)
}

func sumGo(x []float32) float32 {
	var l [lanes]float32
	for i, v := range x {
		l[i%lanes] += v
	}
	return tree(&l)
}

// Max returns the largest element, −∞ of none; NaN are passed over.
func Max(x []float32) float32 {
	// Adding 0 turns −0 into +0, whatever came first.
	if simd {
		return maxSIMD(x) + 0
	}
	return maxGo(x) + 0
}

func maxGo(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

// F16ToF32 widens IEEE halves; len(dst) elements.
func F16ToF32(dst []float32, src []uint16) {
	if simd {
		f16ToF32SIMD(dst, src[:len(dst)])
		return
	}
	f16ToF32Go(dst, src[:len(dst)])
}

// F32ToF16 rounds to IEEE halves, ties to even; len(dst) elements.
func F32ToF16(dst []uint16, src []float32) {
	if simd {
		f32ToF16SIMD(dst, src[:len(dst)])
		return
	}
	f32ToF16Go(dst, src[:len(dst)])
}
