//go:build !amd64 && !arm64

package vec

// Without an implementation for the CPU simd stays false and none of these is called.

func dotLoop(a, b *float32, n int, l *float32)                      {}
func dotF16Loop(a *float32, b *uint16, n int, l *float32)           {}
func axpyRowsLoop(y, p, v *float32, n, stride, rows int)            {}
func axpyRowsF16Loop(y, p *float32, v *uint16, n, stride, rows int) {}
func sumLoop(x *float32, n int, l *float32)                         {}
func maxLoop(x *float32, n int) float32                             { return 0 }
func expLoop(y, x *float32, n int)                                  {}
func f16ToF32Loop(dst *float32, src *uint16, n int)                 {}
func bf16ToF32Loop(dst *float32, src *uint16, n int)                {}
func f32ToF16Loop(dst *uint16, src *float32, n int)                 {}
func scaleLoop(y, x *float32, n int, a float32)                     {}
func divToLoop(y, x *float32, n int, a float32)                     {}
func shiftToLoop(y, x *float32, n int, a float32)                   {}
func addLoop(y, x *float32, n int)                                  {}
func normLoop(y, x, w *float32, n int, r float32)                   {}
func gateLoop(y, x, e, up *float32, n int)                          {}
func cubicLoop(y, x *float32, n int, a, b float32)                  {}

func stripMaxLoop(high, x *float32, n int)                              {}
func sumExpLoop(sum *Lanes, x *float32, n int, shift float32)           {}
func sumFromLoop(sum *Lanes, key, p *float32, n int, least float32) int { return 0 }
func sumProdLoop(sum *Lanes, p, x *float32, n int, shift float32)       {}
func nearLoop(y, x *float32, n int, at float64)                         {}
func pickLoop(ids *int32, xs *float32, id *int32, x, key *float32, n int, lo, hi float32) int {
	return 0
}
