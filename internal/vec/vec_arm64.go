package vec

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// dotNEON: l[0:16] = lanes of Σ a·b over n (multiple of 16) elements. Twin: dotGo.
//
//go:noescape
func dotNEON(a, b *float32, n int, l *float32)

// dotF16NEON: twin: dotF16Go.
//
//go:noescape
func dotF16NEON(a *float32, b *uint16, n int, l *float32)

// axpyRowsNEON: n multiple of 8, stride in bytes, rows > 0. Twin: axpyRowsGo.
//
//go:noescape
func axpyRowsNEON(y, p, v *float32, n, stride, rows int)

// axpyRowsF16NEON: twin: axpyRowsF16Go.
//
//go:noescape
func axpyRowsF16NEON(y, p *float32, v *uint16, n, stride, rows int)

// sumNEON: l[0:16] = lanes of Σ x over n (multiple of 16) elements. Twin: sumGo.
//
//go:noescape
func sumNEON(x *float32, n int, l *float32)

// maxNEON: n a positive multiple of 8. Twin: maxGo.
//
//go:noescape
func maxNEON(x *float32, n int) float32

// expNEON: n multiple of 8. Twin: expGo.
//
//go:noescape
func expNEON(y, x *float32, n int)

// f16ToF32NEON: n multiple of 8. Twin: f16ToF32Go.
//
//go:noescape
func f16ToF32NEON(dst *float32, src *uint16, n int)

// bf16ToF32NEON: n multiple of 8. Twin: bf16ToF32Go.
//
//go:noescape
func bf16ToF32NEON(dst *float32, src *uint16, n int)

// f32ToF16NEON: n multiple of 8. Twin: f32ToF16Go.
//
//go:noescape
func f32ToF16NEON(dst *uint16, src *float32, n int)

func init() {
	impl.Register("vec", impl.Impl{Name: "neon", Available: cpu.NEON.Have, Install: func() { simd = true }})
}

func dotLoop(a, b *float32, n int, l *float32)            { dotNEON(a, b, n, l) }
func dotF16Loop(a *float32, b *uint16, n int, l *float32) { dotF16NEON(a, b, n, l) }
func axpyRowsLoop(y, p, v *float32, n, stride, rows int)  { axpyRowsNEON(y, p, v, n, stride, rows) }
func axpyRowsF16Loop(y, p *float32, v *uint16, n, stride, rows int) {
	axpyRowsF16NEON(y, p, v, n, stride, rows)
}
func sumLoop(x *float32, n int, l *float32)          { sumNEON(x, n, l) }
func maxLoop(x *float32, n int) float32              { return maxNEON(x, n) }
func expLoop(y, x *float32, n int)                   { expNEON(y, x, n) }
func f16ToF32Loop(dst *float32, src *uint16, n int)  { f16ToF32NEON(dst, src, n) }
func bf16ToF32Loop(dst *float32, src *uint16, n int) { bf16ToF32NEON(dst, src, n) }
func f32ToF16Loop(dst *uint16, src *float32, n int)  { f32ToF16NEON(dst, src, n) }
