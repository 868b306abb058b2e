package quant

// A Q4_K block of 256: halves d and dmin, 12 bytes with a 6-bit scale and a 6-bit minimum for each group of 32 (see
// scalesK), and 128 bytes of nibbles; byte 32*p+l holds element l of group 2p (low) and of group 2p+1 (high). Value
// d*scale*q - dmin*minimum.
func init() {
	Register(Format{Type: Q4_K, Name: "Q4_K", Elems: 256, Size: 144, Group: 32, Bits: 5, HasMin: true,
		Decode: decodeQ4_K, Unpack: unpackQ4_K})
}

func decodeQ4_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[144:] {
		y, b := (*[256]float32)(dst), (*[144]byte)(src)
		var d, m [8]float32
		scalesK(&d, &m, (*[16]byte)(b[:]))
		for p := range 4 {
			y, qs := (*[64]float32)(y[64*p:]), (*[32]byte)(b[16+32*p:])
			d0, d1, m0, m1 := d[2*p], d[2*p+1], m[2*p], m[2*p+1]
			for l, v := range qs {
				y[l] = float32(d0*float32(v&15)) + m0
				y[l+32] = float32(d1*float32(v>>4)) + m1
			}
		}
	}
}

func unpackQ4_K(q []int8, d, m []float32, src []byte) {
	m = m[:len(d)]
	for ; len(q) > 0; q, d, m, src = q[256:], d[8:], m[8:], src[144:] {
		y, b := (*[256]int8)(q), (*[144]byte)(src)
		scalesK((*[8]float32)(d), (*[8]float32)(m), (*[16]byte)(b[:]))
		for p := range 4 {
			y, qs := (*[64]int8)(y[64*p:]), (*[32]byte)(b[16+32*p:])
			for l, v := range qs {
				y[l] = int8(v & 15)
				y[l+32] = int8(v >> 4)
			}
		}
	}
}

// scalesK reads the head of a Q4_K or Q5_K block, halves d and dmin and 12 bytes of 6-bit pairs, into the scale and
// the offset (the minimum, negated) of each group of 32.
func scalesK(d, m *[8]float32, b *[16]byte) {
	scale, low := f16(b[:]), f16(b[2:])
	s := (*[12]byte)(b[4:])
	for j := range 4 {
		// Groups 0..3 have 6 bits in bytes j and j+4; the two bits left over there top the nibbles of groups 4..7.
		d[j] = scale * float32(s[j]&63)
		m[j] = -(low * float32(s[j+4]&63))
		d[j+4] = scale * float32(s[j+8]&15|s[j]>>6<<4)
		m[j+4] = -(low * float32(s[j+8]>>4|s[j+4]>>6<<4))
	}
}
