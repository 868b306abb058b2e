package quant

import "encoding/binary"

func init() {
	Register(Format{Type: F16, Name: "F16", Elems: 1, Size: 2, Decode: decodeF16, Encode: encodeF16})
}

func decodeF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = f16(src[2*i:])
	}
}

func encodeF16(dst []byte, src []float32, _ []float32) {
	dst = dst[:2*len(src)]
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], f2h(x))
	}
}
