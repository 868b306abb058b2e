package quant

import "math"

// Q8_0, 34 bytes for 32 values (block_q8_0 of ggml-common.h):
//
//	0   d       half
//	2   q       32 signed bytes
//
// Value d*q.
func init() {
	Register(Format{Type: Q8_0, Name: "Q8_0", Elems: 32, Size: 34, Group: 32, Bits: 9,
		Decode: decodeQ8_0, Encode: encodeQ8_0, Unpack: unpackQ8_0})
}

func decodeQ8_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[34:] {
		y, b := (*[32]float32)(dst), (*[34]byte)(src)
		d := f16(b[:])
		for j, v := range b[2:] {
			y[j] = d * float32(int8(v))
		}
	}
}

// unpackQ8_0 copies the integers as they are: -128, which no writer makes but a file may hold, is why Bits is 9.
func unpackQ8_0(q []int8, d, m []float32, src []byte) {
	clear(m)
	for i := range d {
		y, b := (*[32]int8)(q[32*i:]), (*[34]byte)(src[34*i:])
		d[i] = f16(b[:])
		for j, v := range b[2:] {
			y[j] = int8(v)
		}
	}
}

// encodeQ8_0 takes absmax/127 as the scale and rounds to nearest, ties away from zero.
func encodeQ8_0(dst []byte, src, _ []float32) {
	for i := range len(src) / 32 {
		x, b := (*[32]float32)(src[32*i:]), (*[34]byte)(dst[34*i:])
		var top float32
		for _, v := range x {
			if a := abs32(v); !(top > a) { // a NaN is forgotten at the next value
				top = a
			}
		}
		d := top / 127
		var inv float32
		if d != 0 {
			inv = 1 / d
		}
		putF16(b[:], d)
		for j, v := range x {
			// The float below a half, not a half, so that the sum does not round the largest fraction below a half up.
			// If 1/d overflowed, truncInt gives a low byte of 0; d as a half is 0 then, too.
			y := float32(v * inv)
			b[2+j] = byte(truncInt(y + float32(math.Copysign(0x0.ffffffp-1, float64(y)))))
		}
	}
}
