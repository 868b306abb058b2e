package quant

// A Q6_K block of 256: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales for groups of 16, and a
// half d. Each half of 128 elements has 64 bytes of nibbles and 32 of pairs: pairs byte l holds the top bits of elements l,
// l+32, l+64 and l+96, whose nibbles are the low ones of bytes l and l+32 and the high ones of the same. Value
// d*scale*(q-32).
func init() {
	Register(Format{Type: Q6_K, Name: "Q6_K", Elems: 256, Size: 210, Group: 16, Bits: 7,
		Decode: decodeQ6_K, Unpack: unpackQ6_K})
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
