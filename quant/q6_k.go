package quant

// Q6_K, 210 bytes for 256 values in groups of 16 (block_q6_K of ggml-common.h):
//
//	0   nibbles 128 bytes, 64 for each half of 128 elements
//	128 pairs   64 bytes, 32 for each half
//	192 scales  16 signed bytes, one a group
//	208 d       half
//
// In a half, byte l of the pairs has the top bits of elements l, l+32, l+64 and l+96, from its lowest bits on; their low
// nibbles are the low ones of bytes l and l+32 and the high ones of the same. Value d*scale*(q-32).
func init() {
	Register(Format{Type: Q6_K, Name: "Q6_K", Elems: 256, Size: 210, Group: 16, Bits: 7,
		Decode: decodeQ6_K, Encode: encodeQ6_K, Unpack: unpackQ6_K})
}

func decodeQ6_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[210:] {
		y, b := (*[256]float32)(dst), (*[210]byte)(src)
		d := f16(b[208:])
		for n := range 2 {
			y, ql, qh := (*[128]float32)(y[128*n:]), (*[64]byte)(b[64*n:]), (*[32]byte)(b[128+32*n:])
			var s [8]float32
			for i, v := range b[192+8*n : 200+8*n] {
				s[i] = d * float32(int8(v))
			}
			for l, h := range qh {
				a, c, g := ql[l], ql[l+32], l/16
				y[l] = s[g] * float32(int(a&15|h<<4&48)-32)
				y[l+32] = s[g+2] * float32(int(c&15|h<<2&48)-32)
				y[l+64] = s[g+4] * float32(int(a>>4|h&48)-32)
				y[l+96] = s[g+6] * float32(int(c>>4|h>>2&48)-32)
			}
		}
	}
}

func unpackQ6_K(q []int8, d, m []float32, src []byte) {
	clear(m)
	for ; len(q) > 0; q, d, src = q[256:], d[16:], src[210:] {
		y, b, s := (*[256]int8)(q), (*[210]byte)(src), (*[16]float32)(d)
		scale := f16(b[208:])
		for i, v := range b[192:208] {
			s[i] = scale * float32(int8(v))
		}
		for n := range 2 {
			y, ql, qh := (*[128]int8)(y[128*n:]), (*[64]byte)(b[64*n:]), (*[32]byte)(b[128+32*n:])
			for l, h := range qh {
				a, c := ql[l], ql[l+32]
				y[l] = int8(a&15|h<<4&48) - 32
				y[l+32] = int8(c&15|h<<2&48) - 32
				y[l+64] = int8(a>>4|h&48) - 32
				y[l+96] = int8(c>>4|h>>2&48) - 32
			}
		}
	}
}

// encodeQ6_K weighs errors by importance alone, not by the values as the other formats do.
func encodeQ6_K(dst []byte, src, importance []float32) {
	for i := range len(src) / 256 {
		x, b := (*[256]float32)(src[256*i:]), (*[210]byte)(dst[210*i:])
		var q [256]uint8
		var scales [16]float32
		for g := range scales {
			var w []float32
			if importance != nil {
				w = importance[256*i+16*g:][:16]
			}
			scales[g] = fitScale(q[16*g:16*g+16], x[16*g:16*g+16], w, 32)
		}
		top, magnitude := extreme(scales[:])
		if magnitude < tiny {
			clear(b[:])
			continue
		}
		inv := -128 / top
		putF16(b[208:], 1/inv)
		d := f16(b[208:])
		for g, s := range scales {
			n := int8(min(127, nearestInt(inv*s)))
			b[192+g] = byte(n)
			// The stored scale is rounded: choose the integers again for it.
			if s := d * float32(n); s != 0 {
				for l, v := range x[16*g : 16*g+16] {
					q[16*g+l] = uint8(32 + max(-32, min(31, nearestInt(v/s))))
				}
			}
		}
		for n := range 2 {
			q, ql, qh := (*[128]uint8)(q[128*n:]), (*[64]byte)(b[64*n:]), (*[32]byte)(b[128+32*n:])
			for l := range qh {
				ql[l] = q[l]&15 | q[l+64]<<4
				ql[l+32] = q[l+32]&15 | q[l+96]<<4
				qh[l] = q[l]>>4 | q[l+32]>>4<<2 | q[l+64]>>4<<4 | q[l+96]>>4<<6
			}
		}
	}
}
