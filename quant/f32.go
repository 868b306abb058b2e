package quant

import (
	"encoding/binary"
	"math"
)

func init() {
	Register(Format{Type: F32, Name: "F32", Elems: 1, Size: 4, Decode: decodeF32, Encode: encodeF32})
}

func decodeF32(dst []float32, src []byte) {
	src = src[:4*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func encodeF32(dst []byte, src []float32, _ []float32) {
	dst = dst[:4*len(src)]
	for i, x := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
	}
}
