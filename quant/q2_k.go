package quant

// Q2_K, 84 bytes for 256 values in groups of 16 (block_q2_K of ggml-common.h):
//
//	0   scales  16 bytes, one a group: a 4-bit scale (low) and a 4-bit minimum (high)
//	16  q       64 bytes of bit pairs, see pack2
//	80  d       half
//	82  dmin    half
//
// Value d*scale*q - dmin*minimum.
func init() {
	Register(Format{Type: Q2_K, Name: "Q2_K", Elems: 256, Size: 84, Group: 16, Bits: 3, HasMin: true,
		Decode: decodeQ2_K, Encode: encodeQ2_K, Unpack: unpackQ2_K})
}

func decodeQ2_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[84:] {
		y, b := (*[256]float32)(dst), (*[84]byte)(src)
		var d, m [16]float32
		scalesQ2_K(&d, &m, b)
		for k := range 4 { // 16 bytes: groups g, g+2, g+4 and g+6
			g := k/2*8 + k%2
			y, qs := (*[112]float32)(y[16*g:]), (*[16]byte)(b[16+16*k:])
			d0, d1, d2, d3 := d[g], d[g+2], d[g+4], d[g+6]
			m0, m1, m2, m3 := m[g], m[g+2], m[g+4], m[g+6]
			for l, v := range qs {
				y[l] = float32(d0*float32(v&3)) + m0
				y[l+32] = float32(d1*float32(v>>2&3)) + m1
				y[l+64] = float32(d2*float32(v>>4&3)) + m2
				y[l+96] = float32(d3*float32(v>>6)) + m3
			}
		}
	}
}

func unpackQ2_K(q []int8, d, m []float32, src []byte) {
	m = m[:len(d)]
	for ; len(q) > 0; q, d, m, src = q[256:], d[16:], m[16:], src[84:] {
		y, b := (*[256]int8)(q), (*[84]byte)(src)
		scalesQ2_K((*[16]float32)(d), (*[16]float32)(m), b)
		for n := range 2 {
			y, qs := (*[128]int8)(y[128*n:]), (*[32]byte)(b[16+32*n:])
			for l, v := range qs {
				y[l] = int8(v & 3)
				y[l+32] = int8(v >> 2 & 3)
				y[l+64] = int8(v >> 4 & 3)
				y[l+96] = int8(v >> 6)
			}
		}
	}
}

// scalesQ2_K reads the scale and the offset (the minimum, negated) of each group.
func scalesQ2_K(d, m *[16]float32, b *[84]byte) {
	scale, low := f16(b[80:]), f16(b[82:])
	for g := range 16 {
		d[g] = scale * float32(b[g]&15)
		m[g] = -float32(low * float32(b[g]>>4))
	}
}

func encodeQ2_K(dst []byte, src, importance []float32) {
	for i := range len(src) / 256 {
		block, b := (*[256]float32)(src[256*i:]), (*[84]byte)(dst[84*i:])
		s2 := sumSquares(block[:]) / 256
		var q [256]uint8
		var d, m, sw [16]float32
		for g := range d {
			x, q := block[16*g:16*g+16], q[16*g:16*g+16]
			var w [16]float32
			if importance == nil {
				for l, v := range x {
					w[l] = abs32(v)
				}
				d[g], m[g] = fitScaleMin(q, x, w[:], 3, grid{-0.5, 0.1, 15}, true)
			} else {
				weigh(w[:], importance[256*i+16*g:], x, s2)
				for _, v := range w {
					sw[g] += v
				}
				d[g], m[g] = fitScaleMin(q, x, w[:], 3, weightedGrid, false)
			}
		}
		var qd, qm [16]uint8
		var scale, low float32
		if importance == nil {
			scale = roundUnsigned(qd[:], d[:], 15) / 15
			low = roundUnsigned(qm[:], m[:], 15) / 15
		} else {
			scale = fitUnsigned(qd[:], d[:], sw[:], 15)
			low = fitUnsigned(qm[:], m[:], sw[:], 15)
		}
		for g := range 16 {
			b[g] = qd[g] | qm[g]<<4
		}
		putF16(b[80:], scale)
		putF16(b[82:], low)
		// The stored scales are rounded: choose the integers again for those.
		scalesQ2_K(&d, &m, b)
		for g := range d {
			if d[g] == 0 {
				continue
			}
			for l, v := range block[16*g : 16*g+16] {
				q[16*g+l] = uint8(max(0, min(3, nearestInt((v-m[g])/d[g]))))
			}
		}
		pack2((*[64]byte)(b[16:]), &q)
	}
}

// pack2 stores the low 2 bits of 256 values: in each half of 128, byte l holds elements l, l+32, l+64 and l+96, the
// first in the lowest bits.
func pack2(b *[64]byte, q *[256]uint8) {
	for n := range 2 {
		b, q := (*[32]byte)(b[32*n:]), (*[128]uint8)(q[128*n:])
		for l := range b {
			b[l] = q[l]&3 | q[l+32]&3<<2 | q[l+64]&3<<4 | q[l+96]<<6
		}
	}
}
