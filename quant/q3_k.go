package quant

import "encoding/binary"

// Q3_K, 110 bytes for 256 values in groups of 16 (block_q3_K of ggml-common.h):
//
//	0   high    32 bytes; bit k of byte l is the highest of element 32*k+l
//	32  low     64 bytes of bit pairs, see pack2
//	96  scales  12 bytes, 6 bits a group, see scalesQ3_K
//	108 d       half
//
// Value d*(scale-32)*(q-4).
func init() {
	Register(Format{Type: Q3_K, Name: "Q3_K", Elems: 256, Size: 110, Group: 16, Bits: 4,
		Decode: decodeQ3_K, Encode: encodeQ3_K, Unpack: unpackQ3_K})
}

func decodeQ3_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[110:] {
		y, b := (*[256]float32)(dst), (*[110]byte)(src)
		var d [16]float32
		scalesQ3_K(&d, b)
		for k := range 4 { // 16 bytes: groups g, g+2, g+4 and g+6
			g := k/2*8 + k%2
			y, hs, qs := (*[112]float32)(y[16*g:]), (*[16]byte)(b[k%2*16:]), (*[16]byte)(b[32+16*k:])
			d0, d1, d2, d3 := d[g], d[g+2], d[g+4], d[g+6]
			for l, v := range qs {
				h := hs[l] >> (k / 2 * 4)
				y[l] = d0 * float32(int(v&3|h<<2&4)-4)
				y[l+32] = d1 * float32(int(v>>2&3|h<<1&4)-4)
				y[l+64] = d2 * float32(int(v>>4&3|h&4)-4)
				y[l+96] = d3 * float32(int(v>>6|h>>1&4)-4)
			}
		}
	}
}

func unpackQ3_K(q []int8, d, m []float32, src []byte) {
	clear(m)
	for ; len(q) > 0; q, d, src = q[256:], d[16:], src[110:] {
		y, b := (*[256]int8)(q), (*[110]byte)(src)
		scalesQ3_K((*[16]float32)(d), b)
		hs := (*[32]byte)(b[:])
		for n := range 2 {
			y, qs := (*[128]int8)(y[128*n:]), (*[32]byte)(b[32+32*n:])
			for l, v := range qs {
				h := hs[l] >> (4 * n)
				y[l] = int8(v&3|h<<2&4) - 4
				y[l+32] = int8(v>>2&3|h<<1&4) - 4
				y[l+64] = int8(v>>4&3|h&4) - 4
				y[l+96] = int8(v>>6|h>>1&4) - 4
			}
		}
	}
}

// scalesQ3_K reads the scale of each group. Its low 4 bits are nibble g of 8 bytes (groups 8 to 15 have the high ones)
// and its high 2 bits are in byte 8+g%4 of the 12, from bit g/4*2 on.
func scalesQ3_K(d *[16]float32, b *[110]byte) {
	scale := f16(b[108:])
	low, high := binary.LittleEndian.Uint64(b[96:]), binary.LittleEndian.Uint32(b[104:])
	for g := range 8 {
		d[g] = scale * float32(int(low>>(8*g)&15|uint64(high>>(g%4*8+g/4*2)&3<<4))-32)
		d[g+8] = scale * float32(int(low>>(8*g+4)&15|uint64(high>>(g%4*8+g/4*2+4)&3<<4))-32)
	}
}

func encodeQ3_K(dst []byte, src, importance []float32) {
	for i := range len(src) / 256 {
		block, b := (*[256]float32)(src[256*i:]), (*[110]byte)(dst[110*i:])
		s2 := 2 * sumSquares(block[:]) / 256
		var q [256]uint8
		var scales, sw [16]float32
		var qs [16]uint8
		for g := range scales {
			x, q := block[16*g:16*g+16], q[16*g:16*g+16]
			if importance == nil {
				scales[g] = descendScale(q, x, 4)
				continue
			}
			var w [16]float32
			weigh(w[:], importance[256*i+16*g:], x, s2)
			for _, v := range w {
				sw[g] += v
			}
			scales[g] = fitScale(q, x, w[:], 4)
		}
		var d float32
		if importance != nil {
			d = fitScale(qs[:], scales[:], sw[:], 32)
		} else if top, _ := extreme(scales[:]); top != 0 {
			inv := -32 / top
			for g, s := range scales {
				qs[g] = uint8(32 + max(-32, min(31, int8(nearestInt(inv*s)))))
			}
			d = 1 / inv
		}
		clear(b[:])
		for g, s := range qs {
			b[96+g%8] |= s & 15 << (g / 8 * 4)
			b[104+g%4] |= s >> 4 << (g / 4 * 2)
		}
		putF16(b[108:], d)
		// The stored scales are rounded: choose the integers again for those.
		scalesQ3_K(&scales, b)
		for g, d := range scales {
			if d == 0 {
				continue
			}
			for l, v := range block[16*g : 16*g+16] {
				q[16*g+l] = uint8(4 + max(-4, min(3, nearestInt(v/d))))
			}
		}
		for j, v := range q {
			b[j%32] |= v >> 2 << (j / 32)
		}
		pack2((*[64]byte)(b[32:]), &q)
	}
}
