package quant

// Q5_K, 176 bytes for 256 values in groups of 32 (block_q5_K of ggml-common.h):
//
//	0   d       half
//	2   dmin    half
//	4   scales  12 bytes, a 6-bit scale and a 6-bit minimum a group, see scalesK
//	16  fifths  32 bytes; bit g of byte l is the highest of element l of group g
//	48  nibbles 128 bytes; byte 32*p+l holds the rest of element l of group 2p (low) and of group 2p+1 (high)
//
// Value d*scale*q - dmin*minimum.
func init() {
	Register(Format{Type: Q5_K, Name: "Q5_K", Elems: 256, Size: 176, Group: 32, Bits: 6, HasMin: true,
		Decode: decodeQ5_K, Encode: encodeQ5_K, Unpack: unpackQ5_K})
}

func decodeQ5_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[176:] {
		y, b := (*[256]float32)(dst), (*[176]byte)(src)
		var d, m [8]float32
		scalesK(&d, &m, (*[16]byte)(b[:]))
		qh := (*[32]byte)(b[16:])
		for p := range 4 {
			y, qs := (*[64]float32)(y[64*p:]), (*[32]byte)(b[48+32*p:])
			d0, d1, m0, m1 := d[2*p], d[2*p+1], m[2*p], m[2*p+1]
			for l, v := range qs {
				h := qh[l] >> (2 * p)
				y[l] = float32(d0*float32(v&15|h<<4&16)) + m0
				y[l+32] = float32(d1*float32(v>>4|h<<3&16)) + m1
			}
		}
	}
}

func unpackQ5_K(q []int8, d, m []float32, src []byte) {
	m = m[:len(d)]
	for ; len(q) > 0; q, d, m, src = q[256:], d[8:], m[8:], src[176:] {
		y, b := (*[256]int8)(q), (*[176]byte)(src)
		scalesK((*[8]float32)(d), (*[8]float32)(m), (*[16]byte)(b[:]))
		qh := (*[32]byte)(b[16:])
		for p := range 4 {
			y, qs := (*[64]int8)(y[64*p:]), (*[32]byte)(b[48+32*p:])
			for l, v := range qs {
				h := qh[l] >> (2 * p)
				y[l] = int8(v&15 | h<<4&16)
				y[l+32] = int8(v>>4 | h<<3&16)
			}
		}
	}
}

func encodeQ5_K(dst []byte, src, importance []float32) {
	for i := range len(src) / 256 {
		b := (*[176]byte)(dst[176*i:])
		var q [256]uint8
		fitK((*[16]byte)(b[:]), &q, src, importance, i, 31, grid{-0.5, 0.1, 15})
		qh := (*[32]byte)(b[16:])
		clear(qh[:])
		for p := range 4 {
			q := (*[64]uint8)(q[64*p:])
			for l := range 32 {
				b[48+32*p+l] = q[l]&15 | q[l+32]<<4
				qh[l] |= (q[l]>>4 | q[l+32]>>4<<1) << (2 * p)
			}
		}
	}
}
