package vec

import "math"

// H2F returns the float32 equal to the IEEE half h.
func H2F(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10&31), uint32(h&0x3ff)
	switch exp {
	case 0: // zero or subnormal: frac·2⁻²⁴ exactly
		return math.Float32frombits(math.Float32bits(float32(frac)*(1.0/(1<<24))) | sign)
	case 31: // infinity, or NaN made quiet as the hardware does
		if frac != 0 {
			frac |= 0x200
		}
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// F2H rounds f to the nearest IEEE half, ties to even; too large becomes infinity.
func F2H(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN, made quiet, keeping the top of its payload
		return sign | 0x7e00 | uint16(b>>13&0x3ff)
	case b >= 0x477ff000: // rounds to 2¹⁶ or more
		return sign | 0x7c00
	case b < 0x38800000: // subnormal half: adding 0.5 leaves the rounded fraction in the low bits
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	return sign | uint16((b+0xfff+b>>13&1-0x38000000)>>13)
}

// BF2F returns the float32 equal to the bfloat16 h.
func BF2F(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// F2BF rounds f to the nearest bfloat16, ties to even.
func F2BF(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16 | 0x40)
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func f16ToF32Go(dst []float32, src []uint16) {
	for i, h := range src[:len(dst)] {
		dst[i] = H2F(h)
	}
}

func f32ToF16Go(dst []uint16, src []float32) {
	for i, f := range src[:len(dst)] {
		dst[i] = F2H(f)
	}
}

// BF16ToF32 widens src; len(dst) elements.
func BF16ToF32(dst []float32, src []uint16) {
	n := vectors(len(dst))
	if n > 0 {
		bf16ToF32Loop(&dst[0], &src[:n][0], n)
	}
	bf16ToF32Go(dst[n:], src[n:])
}

func bf16ToF32Go(dst []float32, src []uint16) {
	for i, h := range src[:len(dst)] {
		dst[i] = BF2F(h)
	}
}

// F32ToBF16 rounds src; len(dst) elements.
func F32ToBF16(dst []uint16, src []float32) {
	for i, f := range src[:len(dst)] {
		dst[i] = F2BF(f)
	}
}
