package quant

// A Q4_0 block: a half d and 16 bytes of nibbles; byte j holds elements j (low) and j+16 (high), value d*(q-8).
func init() {
	Register(Format{Type: Q4_0, Name: "Q4_0", Elems: 32, Size: 18, Group: 32, Bits: 5,
		Decode: decodeQ4_0, Unpack: unpackQ4_0})
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
