package quant

// A Q4_1 block: halves d and m and 16 bytes of nibbles; byte j holds elements j (low) and j+16 (high), value d*q+m.
func init() {
	Register(Format{Type: Q4_1, Name: "Q4_1", Elems: 32, Size: 20, Group: 32, Bits: 5, HasMin: true,
		Decode: decodeQ4_1, Unpack: unpackQ4_1})
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
