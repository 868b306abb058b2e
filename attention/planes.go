package attention

import "github.com/godwit-ai/godwit/internal/i8"

// Codes of 1 to 3 bits lie in planes, as i8.UnpackPlanes has them. Nibbles are in pairs of panels: the low ones of a pair's bytes are the
// first panel.

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
	if bits == 1 {
		b[i%len(b)] |= code << (i / len(b))
		return
	}
	at, shift, highAt, highShift := place(i, len(b)*8/bits, panel, bits)
	if bits != 3 {
		b[at] |= code << shift
		return
	}
	b[at] |= code & 3 << shift
	b[highAt] |= code >> 2 << highShift
}

func getPlanes(b []byte, i, panel, bits int) byte {
	if bits == 1 {
		return b[i%len(b)] >> (i / len(b)) & 1
	}
	at, shift, highAt, highShift := place(i, len(b)*8/bits, panel, bits)
	switch bits {
	case 4:
		return b[at] >> shift & 15
	case 3:
		return b[at]>>shift&3 | b[highAt]>>highShift&1<<2
	}
	return b[at] >> shift & 3
}

// unpackNibbles unpacks codes of 4 bits, less 8, and returns dst: the low nibbles of so many bytes are the first panel, the high ones the
// second, and so on.
func unpackNibbles(dst []int8, src []byte, panel int) []int8 {
	for p := range len(src) / panel {
		to := dst[p*2*panel:][:2*panel]
		i8.Unpack4(to[:panel], to[panel:], src[p*panel:][:panel])
	}
	return dst
}
