package quant

import "math"

// h2f widens an IEEE half.
func h2f(h uint16) float32 {
	sign, abs := uint32(h&0x8000)<<16, uint32(h&0x7fff)<<13
	if abs >= 0x7c00<<13 {
		if abs > 0x7c00<<13 {
			abs |= 0x400000
		}
		return math.Float32frombits(sign | 0x7f800000 | abs)
	}
	// The exponent's bias is off by 112, for subnormals as well.
	return math.Float32frombits(sign|abs) * 0x1p112
}

// f2h rounds to the nearest IEEE half, ties to even.
func f2h(x float32) uint16 {
	b := math.Float32bits(x)
	sign, abs := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00 | uint16(abs>>13&0x3ff)
	case abs >= 0x477ff000: // 65520 and more
		return sign | 0x7c00
	case abs < 0x38800000: // below the smallest normal half: adding 0.5 leaves the rounded multiple of 2^-24
		return sign | uint16(math.Float32bits(math.Float32frombits(abs)+0.5)&0x7ff)
	}
	return sign | uint16((abs+0xfff+(abs>>13&1)-0x38000000)>>13)
}

// f16 reads the half at the start of b.
func f16(b []byte) float32 { return h2f(uint16(b[0]) | uint16(b[1])<<8) }

// putF16 stores x rounded to a half at the start of b. All NaNs are stored as one: which NaN a calculation gives
// depends on the CPU. (This is the one x86 gives.)
func putF16(b []byte, x float32) {
	h := f2h(x)
	if x != x {
		h = 0xfe00
	}
	b[0], b[1] = byte(h), byte(h>>8)
}
