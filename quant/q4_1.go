package quant

// Q4_1, 20 bytes for 32 values (block_q4_1 of ggml-common.h):
//
//	0   d       half
//	2   m       half
//	4   nibbles 16 bytes; byte j holds elements j (low) and j+16 (high)
//
// Value d*q + m.
func init() {
	Register(Format{Type: Q4_1, Name: "Q4_1", Elems: 32, Size: 20, Group: 32, Bits: 5, HasMin: true,
		Decode: decodeQ4_1, Encode: encodeQ4_1, Unpack: unpackQ4_1})
}

func decodeQ4_1(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[20:] {
		y, b := (*[32]float32)(dst), (*[20]byte)(src)
		d, m := f16(b[:]), f16(b[2:])
		for j, v := range b[4:] {
			y[j] = float32(d*float32(v&15)) + m
			y[j+16] = float32(d*float32(v>>4)) + m
		}
	}
}

func unpackQ4_1(q []int8, d, m []float32, src []byte) {
	m = m[:len(d)]
	for i := range d {
		y, b := (*[32]int8)(q[32*i:]), (*[20]byte)(src[20*i:])
		d[i], m[i] = f16(b[:]), f16(b[2:])
		for j, v := range b[4:] {
			y[j] = int8(v & 15)
			y[j+16] = int8(v >> 4)
		}
	}
}

func encodeQ4_1(dst []byte, src, importance []float32) {
	s2 := meanSquare(src, importance)
	for i := range len(src) / 32 {
		b := (*[20]byte)(dst[20*i:])
		var q [32]uint8
		fitBlock1(b[:], &q, src, importance, i, s2, 15)
		packNibbles((*[16]byte)(b[4:]), &q)
	}
}

// fitBlock1 quantises block i of a row for Q4_1 and Q5_1, and stores the two halves at the start of b. s2 is the mean
// square of the row.
func fitBlock1(b []byte, q *[32]uint8, src, importance []float32, i int, s2 float32, top int) {
	x := (*[32]float32)(src[32*i:])
	var d, m float32
	if importance == nil {
		d, m = roundRange(q, x, int32(top))
	} else {
		var w [32]float32
		weigh(w[:], importance[32*i:], x[:], s2)
		d, m = fitScaleMin(q[:], x[:], w[:], top, weightedGrid, false)
		m = -m
	}
	putF16(b, d)
	putF16(b[2:], m)
}
