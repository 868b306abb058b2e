package quant

// Q4_0, 18 bytes for 32 values (block_q4_0 of ggml-common.h):
//
//	0   d       half
//	2   nibbles 16 bytes; byte j holds elements j (low) and j+16 (high)
//
// Value d*(q-8).
func init() {
	Register(Format{Type: Q4_0, Name: "Q4_0", Elems: 32, Size: 18, Group: 32, Bits: 5,
		Decode: decodeQ4_0, Encode: encodeQ4_0, Unpack: unpackQ4_0})
}

func decodeQ4_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[18:] {
		y, b := (*[32]float32)(dst), (*[18]byte)(src)
		d := f16(b[:])
		for j, v := range b[2:] {
			y[j] = d * float32(int(v&15)-8)
			y[j+16] = d * float32(int(v>>4)-8)
		}
	}
}

func unpackQ4_0(q []int8, d, m []float32, src []byte) {
	clear(m)
	for i := range d {
		y, b := (*[32]int8)(q[32*i:]), (*[18]byte)(src[18*i:])
		d[i] = f16(b[:])
		for j, v := range b[2:] {
			y[j] = int8(v&15) - 8
			y[j+16] = int8(v>>4) - 8
		}
	}
}

func encodeQ4_0(dst []byte, src, importance []float32) {
	s2 := meanSquare(src, importance)
	for i := range len(src) / 32 {
		x, b := (*[32]float32)(src[32*i:]), (*[18]byte)(dst[18*i:])
		var q [32]uint8
		var d float32
		if importance == nil {
			d = roundSymmetric(&q, x, 8)
		} else {
			var w [32]float32
			weigh(w[:], importance[32*i:], x[:], s2)
			d = fitScale(q[:], x[:], w[:], 8)
		}
		putF16(b[:], d)
		packNibbles((*[16]byte)(b[2:]), &q)
	}
}

// packNibbles stores the low 4 bits of q[j] and q[j+16] in byte j.
func packNibbles(b *[16]byte, q *[32]uint8) {
	for j := range b {
		b[j] = q[j]&15 | q[j+16]<<4
	}
}
