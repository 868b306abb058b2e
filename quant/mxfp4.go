package quant

import "math"

// MXFP4, 17 bytes for 32 values (block_mxfp4 of ggml-common.h):
//
//	0   e       1 byte, a power of two: 2^(e-127)
//	1   nibbles 16 bytes; byte j holds elements j (low) and j+16 (high), 4-bit floats E2M1
//
// Value 2^(e-127)*tableMXFP4[q]/2. These are the blocks of OCP's Microscaling Formats 1.0, except that an exponent
// of 255 is 2^128, not NaN.
func init() {
	Register(Format{Type: MXFP4, Name: "MXFP4", Elems: 32, Size: 17, Group: 32, Bits: 5,
		Decode: decodeMXFP4, Encode: encodeMXFP4, Unpack: unpackMXFP4})
}

// tableMXFP4 has twice the values of the 4-bit floats, so that they are integers; index 8 is minus zero.
var tableMXFP4 = [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// scaleMXFP4 is half the scale of exponent e, to go with the doubled table: 2^(e-128).
func scaleMXFP4(e byte) float32 {
	if e < 2 { // below the smallest normal float32
		return math.Float32frombits(0x200000 << e)
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

func decodeMXFP4(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[17:] {
		y, b := (*[32]float32)(dst), (*[17]byte)(src)
		d := scaleMXFP4(b[0])
		for j, v := range b[1:] {
			y[j] = d * float32(tableMXFP4[v&15])
			y[j+16] = d * float32(tableMXFP4[v>>4])
		}
	}
}

func unpackMXFP4(q []int8, d, m []float32, src []byte) {
	clear(m)
	for i := range d {
		y, b := (*[32]int8)(q[32*i:]), (*[17]byte)(src[17*i:])
		d[i] = scaleMXFP4(b[0])
		for j, v := range b[1:] {
			y[j] = tableMXFP4[v&15]
			y[j+16] = tableMXFP4[v>>4]
		}
	}
}

// encodeMXFP4 takes the exponent that puts the largest value at 4 to 8, where the format ends at 6, and rounds to
// nearest, ties to the smaller magnitude. Importance has no say: the exponent is not searched.
func encodeMXFP4(dst []byte, src, _ []float32) {
	for i := range len(src) / 32 {
		x, b := (*[32]float32)(src[32*i:]), (*[17]byte)(dst[17*i:])
		if _, top := extreme(x[:]); top > 0 {
			b[0] = byte(floorLog2(top) - 2 + 127)
		} else {
			b[0] = 0
		}
		d := scaleMXFP4(b[0])
		var q [32]uint8
		for j, v := range x {
			best := abs32(v)
			from := uint8(1)
			if v < 0 {
				from = 9
			}
			for k := from; k < from+7; k++ {
				if e := abs32(float32(float32(tableMXFP4[k])*d) - v); e < best {
					q[j], best = k, e
				}
			}
		}
		packNibbles((*[16]byte)(b[1:]), &q)
	}
}

// floorLog2 is floor(log2(x)) for x > 0, with the logarithm rounded to float32 first, as in the encoders that files come
// from: a value just below a power of two counts as that power. For +Inf it gives the exponent 0 has in a block.
func floorLog2(x float32) int {
	if x > math.MaxFloat32 {
		return 2 - 127
	}
	frac, exp := math.Frexp(float64(x)) // x = frac * 2^exp, 0.5 <= frac < 1
	n := float32(exp)
	below := float64(n) - float64(math.Nextafter32(n, float32(math.Inf(-1))))
	if (1-frac)/math.Ln2 < below/2 { // log2(x) = exp - (1-frac)/ln2 rounds to exp
		return exp
	}
	return exp - 1
}
