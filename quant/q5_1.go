package quant

import "encoding/binary"

// Q5_1, 24 bytes for 32 values (block_q5_1 of ggml-common.h):
//
//	0   d       half
//	2   m       half
//	4   fifths  32 bits, little endian; bit i is the highest of element i
//	8   nibbles 16 bytes; byte j holds the rest of elements j (low) and j+16 (high)
//
// Value d*q + m.
func init() {
	Register(Format{Type: Q5_1, Name: "Q5_1", Elems: 32, Size: 24, Group: 32, Bits: 6, HasMin: true,
		Decode: decodeQ5_1, Encode: encodeQ5_1, Unpack: unpackQ5_1})
}

func decodeQ5_1(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[24:] {
		y, b := (*[32]float32)(dst), (*[24]byte)(src)
		d, m, h := f16(b[:]), f16(b[2:]), binary.LittleEndian.Uint32(b[4:])
		for j, v := range b[8:] {
			y[j] = float32(d*float32(uint32(v&15)|h<<4&16)) + m
			y[j+16] = float32(d*float32(uint32(v>>4)|h>>12&16)) + m
			h >>= 1
		}
	}
}

func unpackQ5_1(q []int8, d, m []float32, src []byte) {
	m = m[:len(d)]
	for i := range d {
		y, b := (*[32]int8)(q[32*i:]), (*[24]byte)(src[24*i:])
		d[i], m[i] = f16(b[:]), f16(b[2:])
		h := binary.LittleEndian.Uint32(b[4:])
		for j, v := range b[8:] {
			y[j] = int8(uint32(v&15) | h<<4&16)
			y[j+16] = int8(uint32(v>>4) | h>>12&16)
			h >>= 1
		}
	}
}

func encodeQ5_1(dst []byte, src, importance []float32) {
	s2 := meanSquare(src, importance)
	for i := range len(src) / 32 {
		b := (*[24]byte)(dst[24*i:])
		var q [32]uint8
		fitBlock1(b[:], &q, src, importance, i, s2, 31)
		packFives((*[20]byte)(b[4:]), &q)
	}
}
