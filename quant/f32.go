package quant

import (
	"encoding/binary"
	"math"
)

// F32: 4 bytes a value, an IEEE single, little endian.
func init() {
	Register(Format{Type: F32, Name: "F32", Elems: 1, Size: 4, Decode: decodeF32, Encode: encodeF32})
}

func decodeF32(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src))
		src = src[4:]
	}
}

func encodeF32(dst []byte, src, _ []float32) {
	for _, x := range src {
		binary.LittleEndian.PutUint32(dst, math.Float32bits(x))
		dst = dst[4:]
	}
}
