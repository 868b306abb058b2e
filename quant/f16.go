package quant

import "encoding/binary"

// F16: 2 bytes a value, an IEEE half, little endian. Encoding rounds to nearest, ties to even; 65520 and more become
// infinity, NaNs stay NaNs.
func init() {
	Register(Format{Type: F16, Name: "F16", Elems: 1, Size: 2, Decode: decodeF16, Encode: encodeF16})
}

func decodeF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = f16(src)
		src = src[2:]
	}
}

func encodeF16(dst []byte, src, _ []float32) {
	for _, x := range src {
		binary.LittleEndian.PutUint16(dst, f2h(x))
		dst = dst[2:]
	}
}
