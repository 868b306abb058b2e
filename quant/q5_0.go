package quant

import "encoding/binary"

// Q5_0, 22 bytes for 32 values (block_q5_0 of ggml-common.h):
//
//	0   d       half
//	2   fifths  32 bits, little endian; bit i is the highest of element i
//	6   nibbles 16 bytes; byte j holds the rest of elements j (low) and j+16 (high)
//
// Value d*(q-16).
func init() {
	Register(Format{Type: Q5_0, Name: "Q5_0", Elems: 32, Size: 22, Group: 32, Bits: 6,
		Decode: decodeQ5_0, Encode: encodeQ5_0, Unpack: unpackQ5_0})
}

func decodeQ5_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[22:] {
		y, b := (*[32]float32)(dst), (*[22]byte)(src)
		d, h := f16(b[:]), binary.LittleEndian.Uint32(b[2:])
		for j, v := range b[6:] {
			y[j] = d * float32(int(uint32(v&15)|h<<4&16)-16)
			y[j+16] = d * float32(int(uint32(v>>4)|h>>12&16)-16)
			h >>= 1
		}
	}
}

func unpackQ5_0(q []int8, d, m []float32, src []byte) {
	clear(m)
	for i := range d {
		y, b := (*[32]int8)(q[32*i:]), (*[22]byte)(src[22*i:])
		d[i] = f16(b[:])
		h := binary.LittleEndian.Uint32(b[2:])
		for j, v := range b[6:] {
			y[j] = int8(uint32(v&15)|h<<4&16) - 16
			y[j+16] = int8(uint32(v>>4)|h>>12&16) - 16
			h >>= 1
		}
	}
}

func encodeQ5_0(dst []byte, src, importance []float32) {
	s2 := meanSquare(src, importance)
	for i := range len(src) / 32 {
		x, b := (*[32]float32)(src[32*i:]), (*[22]byte)(dst[22*i:])
		var q [32]uint8
		var d float32
		if importance == nil {
			d = roundSymmetric(&q, x, 16)
		} else {
			var w [32]float32
			weigh(w[:], importance[32*i:], x[:], s2)
			d = fitScale(q[:], x[:], w[:], 16)
		}
		putF16(b[:], d)
		packFives((*[20]byte)(b[2:]), &q)
	}
}

// packFives stores 32 fifth bits, then the nibbles.
func packFives(b *[20]byte, q *[32]uint8) {
	var h uint32
	for i, v := range q {
		h |= uint32(v>>4&1) << i
	}
	binary.LittleEndian.PutUint32(b[:], h)
	packNibbles((*[16]byte)(b[4:]), q)
}
