package vec

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// dotAVX2: l[0:16] = lanes of Σ a·b over n (multiple of 16) elements. Twin: dotGo.
//
//go:noescape
func dotAVX2(a, b *float32, n int, l *float32)

// dotF16AVX2: twin: dotF16Go.
//
//go:noescape
func dotF16AVX2(a *float32, b *uint16, n int, l *float32)

// axpyRowsAVX2: n multiple of 8, stride in bytes, rows > 0. Twin: axpyRowsGo.
//
//go:noescape
func axpyRowsAVX2(y, p, v *float32, n, stride, rows int)

// axpyRowsF16AVX2: twin: axpyRowsF16Go.
//
//go:noescape
func axpyRowsF16AVX2(y, p *float32, v *uint16, n, stride, rows int)

// sumAVX2: l[0:16] = lanes of Σ x over n (multiple of 16) elements. Twin: sumGo.
//
//go:noescape
func sumAVX2(x *float32, n int, l *float32)

// maxAVX2: n a positive multiple of 8. Twin: maxGo.
//
//go:noescape
func maxAVX2(x *float32, n int) float32

// expAVX2: n multiple of 8. Twin: expGo.
//
//go:noescape
func expAVX2(y, x *float32, n int)

// f16ToF32AVX2: n multiple of 8. Twin: f16ToF32Go.
//
//go:noescape
func f16ToF32AVX2(dst *float32, src *uint16, n int)

// bf16ToF32AVX2: n multiple of 8. Twin: bf16ToF32Go.
//
//go:noescape
func bf16ToF32AVX2(dst *float32, src *uint16, n int)

// f32ToF16AVX2: n multiple of 8. Twin: f32ToF16Go.
//
//go:noescape
func f32ToF16AVX2(dst *uint16, src *float32, n int)

func init() {
	impl.Register("vec", impl.Impl{Name: cpu.AVX2.Name, Available: cpu.AVX2.Have, Install: func() { simd, wide = true, false }})
	impl.Register("vec", impl.Impl{Name: cpu.AVX512.Name, Available: cpu.AVX512.Have, Install: func() { simd, wide = true, true }})
}

func dotLoop(a, b *float32, n int, l *float32)            { dotAVX2(a, b, n, l) }
func dotF16Loop(a *float32, b *uint16, n int, l *float32) { dotF16AVX2(a, b, n, l) }
func axpyRowsLoop(y, p, v *float32, n, stride, rows int)  { axpyRowsAVX2(y, p, v, n, stride, rows) }
func axpyRowsF16Loop(y, p *float32, v *uint16, n, stride, rows int) {
	axpyRowsF16AVX2(y, p, v, n, stride, rows)
}
func sumLoop(x *float32, n int, l *float32)          { sumAVX2(x, n, l) }
func maxLoop(x *float32, n int) float32              { return maxAVX2(x, n) }
func f16ToF32Loop(dst *float32, src *uint16, n int)  { f16ToF32AVX2(dst, src, n) }
func bf16ToF32Loop(dst *float32, src *uint16, n int) { bf16ToF32AVX2(dst, src, n) }
func f32ToF16Loop(dst *uint16, src *float32, n int)  { f32ToF16AVX2(dst, src, n) }

func expLoop(y, x *float32, n int) {
	if wide {
		expAVX512(y, x, n)
		return
	}
	expAVX2(y, x, n)
}
