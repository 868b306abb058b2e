package attention

import (
	"encoding/binary"

	"github.com/godwit-ai/godwit/internal/i8"
)

// Codes of 2, 3 and 4 bits lie in planes. Nibbles are in pairs of panels: the low each8 of a pair's bytes are the first panel. Of 2 bits,
// byte i of n/4 holds codes i, i + n/4, i + n/2 and i + 3n/4. 3 bits are such 2 bits and, behind them, bytes of the highest bits:
// byte i of n/8 has those of codes i, i + n/8, ….

// place returns where the code at i is: the byte and shift of its low bits, and those of its highest. n codes are in all, in panels.
func place(i, codes, panel, bits int) (lowAt, lowShift, highAt, highShift int) {
	if bits == 4 {
		p, in := i/panel, i%panel
		return p/2*panel + in, p % 2 * 4, -1, 0
	}
	q, e := codes/4, codes/8
	return i % q, i / q * 2, q + i%e, i / e
}

func setPlanes(b []byte, i, panel, bits int, code byte) {
	at, shift, highAt, highShift := place(i, len(b)*8/bits, panel, bits)
	if bits != 3 {
		b[at] |= code << shift
		return
	}
	b[at] |= code & 3 << shift
	b[highAt] |= code >> 2 << highShift
}

func getPlanes(b []byte, i, panel, bits int) byte {
	at, shift, highAt, highShift := place(i, len(b)*8/bits, panel, bits)
	switch bits {
	case 4:
		return b[at] >> shift & 15
	case 3:
		return b[at]>>shift&3 | b[highAt]>>highShift&1<<2
	}
	return b[at] >> shift & 3
}

// unpackNibbles unpacks codes of 4 bits, less 8, and returns dst: the low nibbles of so many bytes are the first panel, the high each8 the
// second, and so on.
func unpackNibbles(dst []int8, src []byte, panel int) []int8 {
	for p := range len(src) / panel {
		to := dst[p*2*panel:][:2*panel]
		i8.Unpack4(to[:panel], to[panel:], src[p*panel:][:panel])
	}
	return dst
}

const each8 = 0x0101010101010101 // in each byte

// unpackPlanes unpacks codes of 2 or 3 bits. len(dst) is a multiple of 64.
func unpackPlanes(dst []int8, src []byte, bits int) {
	n := len(dst)
	q, e := n/4, n/8
	out := bytesOf(dst)
	for i := 0; i < q; i += 8 {
		x := binary.LittleEndian.Uint64(src[i:])
		for j := range 4 {
			binary.LittleEndian.PutUint64(out[j*q+i:], x>>(2*j)&(3*each8))
		}
	}
	if bits != 3 {
		return
	}
	for i := 0; i < e; i += 8 {
		x := binary.LittleEndian.Uint64(src[q+i:])
		for j := range 8 {
			to := out[j*e+i:]
			binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(to)|x>>j&each8<<2)
		}
	}
}

// center turns codes c of up to 4 bits into 2c − top.
func center(codes []int8, top int) {
	b := bytesOf(codes)
	for i := 0; i < len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:]) << 1
		binary.LittleEndian.PutUint64(b[i:], (x|0x80*each8)-uint64(top)*each8^0x80*each8)
	}
}
