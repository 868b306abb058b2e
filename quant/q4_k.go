package quant

// Q4_K, 144 bytes for 256 values in groups of 32 (block_q4_K of ggml-common.h):
//
//	0   d       half
//	2   dmin    half
//	4   scales  12 bytes, a 6-bit scale and a 6-bit minimum a group, see scalesK
//	16  nibbles 128 bytes; byte 32*p+l holds element l of group 2p (low) and of group 2p+1 (high)
//
// Value d*scale*q - dmin*minimum.
func init() {
	Register(Format{Type: Q4_K, Name: "Q4_K", Elems: 256, Size: 144, Group: 32, Bits: 5, HasMin: true,
		Decode: decodeQ4_K, Encode: encodeQ4_K, Unpack: unpackQ4_K})
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
		m[j] = -float32(low * float32(s[j+4]&63))
		d[j+4] = scale * float32(s[j+8]&15|s[j]>>6<<4)
		m[j+4] = -float32(low * float32(s[j+8]>>4|s[j+4]>>6<<4))
	}
}

func encodeQ4_K(dst []byte, src, importance []float32) {
	for i := range len(src) / 256 {
		b := (*[144]byte)(dst[144*i:])
		var q [256]uint8
		fitK((*[16]byte)(b[:]), &q, src, importance, i, 15, grid{-1, 0.1, 20})
		for p := range 4 {
			q := (*[64]uint8)(q[64*p:])
			for l := range 32 {
				b[16+32*p+l] = q[l] | q[l+32]<<4
			}
		}
	}
}

// fitK quantises block i of a row for Q4_K and Q5_K to q in 0..top, and stores the head that scalesK reads. Without
// importance it searches the grid g.
func fitK(head *[16]byte, q *[256]uint8, src, importance []float32, i, top int, g grid) {
	block := (*[256]float32)(src[256*i:])
	var d, m, sw [8]float32
	s2 := 2 * sumSquares(block[:]) / 256
	for j := range 8 {
		x, q := block[32*j:32*j+32], q[32*j:32*j+32]
		var w [32]float32
		if importance == nil {
			floor := sqrt32(sumSquares(x) / 32)
			for l, v := range x {
				w[l] = floor + abs32(v)
			}
		} else {
			weigh(w[:], importance[256*i+32*j:], x, s2)
			for _, v := range w {
				sw[j] += v
			}
			g = weightedGrid
		}
		d[j], m[j] = fitScaleMin(q, x, w[:], top, g, false)
	}
	var qd, qm [8]uint8
	var scale, low float32
	if importance == nil {
		scale = roundUnsigned(qd[:], d[:], 63) / 63
		low = roundUnsigned(qm[:], m[:], 63) / 63
	} else {
		scale = fitUnsigned(qd[:], d[:], sw[:], 63)
		low = fitUnsigned(qm[:], m[:], sw[:], 63)
	}
	putF16(head[:], scale)
	putF16(head[2:], low)
	s := (*[12]byte)(head[4:])
	for j := range 4 {
		a, b, c, e := min(63, qd[j]), min(63, qm[j]), min(63, qd[j+4]), min(63, qm[j+4])
		s[j] = a | c>>4<<6
		s[j+4] = b | e>>4<<6
		s[j+8] = c&15 | e<<4
	}
	// The stored scales are rounded: choose the integers again for those.
	scalesK(&d, &m, head)
	for j := range 8 {
		if d[j] == 0 {
			continue
		}
		for l, v := range block[32*j : 32*j+32] {
			q[32*j+l] = uint8(max(0, min(top, nearestInt((v-m[j])/d[j]))))
		}
	}
}

// roundUnsigned quantises x >= 0 to 0..top for the largest one to be top, and returns that.
func roundUnsigned(q []uint8, x []float32, top float32) (largest float32) {
	for _, v := range x {
		if v > largest {
			largest = v
		}
	}
	var inv float32
	if largest > 0 {
		inv = top / largest
	}
	for i, v := range x {
		q[i] = uint8(nearestInt(inv * v))
	}
	return largest
}
