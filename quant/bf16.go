package quant

import (
	"encoding/binary"
	"math"
)

// BF16: 2 bytes a value, the upper half of an IEEE single, little endian.
func init() {
	Register(Format{Type: BF16, Name: "BF16", Elems: 1, Size: 2, Decode: decodeBF16, Encode: encodeBF16})
}

func decodeBF16(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src)) << 16)
		src = src[2:]
	}
}

// encodeBF16 rounds to nearest, ties to even, and makes NaNs quiet.
func encodeBF16(dst []byte, src, _ []float32) {
	for _, x := range src {
		b := math.Float32bits(x)
		if x != x {
			b |= 0x400000
		} else {
			b += 0x7fff + b>>16&1
		}
		binary.LittleEndian.PutUint16(dst, uint16(b>>16))
		dst = dst[2:]
	}
}
