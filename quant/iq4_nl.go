package quant

// IQ4_NL, 18 bytes for 32 values (block_iq4_nl of ggml-common.h):
//
//	0   d       half
//	2   nibbles 16 bytes; byte j holds elements j (low) and j+16 (high)
//
// Value d*tableIQ4_NL[q]: the table is denser near zero.
func init() {
	Register(Format{Type: IQ4_NL, Name: "IQ4_NL", Elems: 32, Size: 18, Group: 32, Bits: 8,
		Decode: decodeIQ4_NL, Encode: encodeIQ4_NL, Unpack: unpackIQ4_NL})
}

var tableIQ4_NL = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func decodeIQ4_NL(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[18:] {
		y, b := (*[32]float32)(dst), (*[18]byte)(src)
		d := f16(b[:])
		for j, v := range b[2:] {
			y[j] = d * float32(tableIQ4_NL[v&15])
			y[j+16] = d * float32(tableIQ4_NL[v>>4])
		}
	}
}

func unpackIQ4_NL(q []int8, d, m []float32, src []byte) {
	clear(m)
	for i := range d {
		y, b := (*[32]int8)(q[32*i:]), (*[18]byte)(src[18*i:])
		d[i] = f16(b[:])
		for j, v := range b[2:] {
			y[j] = tableIQ4_NL[v&15]
			y[j+16] = tableIQ4_NL[v>>4]
		}
	}
}

// encodeIQ4_NL tries 15 scales around the one that puts the value of largest magnitude at the table's end, and takes
// the best scale for the indices of each.
func encodeIQ4_NL(dst []byte, src, importance []float32) {
	for i := range len(src) / 32 {
		x, b := (*[32]float32)(src[32*i:]), (*[18]byte)(dst[18*i:])
		var w [32]float32
		if importance == nil {
			for j, v := range x {
				w[j] = v * v
			}
		} else {
			weigh(w[:], importance[32*i:], x[:], float32(sumSquares(x[:])*(2./32)))
		}
		// project is the best scale for the indices of scale 1/inv, as a fraction.
		project := func(inv float32) (xq, qq float32) {
			for j, v := range x {
				q := float32(tableIQ4_NL[nearestIQ4_NL(float32(inv*v))])
				xq += float32(w[j] * q * v)
				qq += float32(w[j] * q * q)
			}
			return xq, qq
		}
		var d float32
		if top, magnitude := extreme(x[:]); !(magnitude < tiny) {
			end := float32(tableIQ4_NL[0])
			xq, qq := project(1 / (-top / end))
			if qq > 0 {
				d = xq / qq
			}
			best := d * xq
			for k := -7; k <= 7; k++ {
				xq, qq := project((float32(k) + end) / top)
				if qq > 0 && xq*xq > best*qq {
					d = xq / qq
					best = d * xq
				}
			}
		}
		putF16(b[:], d)
		var inv float32
		if d != 0 {
			inv = 1 / d
		}
		var q [32]uint8
		for j, v := range x {
			q[j] = nearestIQ4_NL(float32(inv * v))
		}
		packNibbles((*[16]byte)(b[2:]), &q)
	}
}

// nearestIQ4_NL is the index of the table's value nearest to x, the upper one of a tie.
func nearestIQ4_NL(x float32) uint8 {
	if !(x > -127) { // NaN goes to the other end, like whatever else comparisons do not stop
		if x <= -127 {
			return 0
		}
		return 15
	}
	if x >= 113 {
		return 15
	}
	k := floorIQ4_NL[uint8(int(x+128))]
	lo, hi := float32(tableIQ4_NL[k]), float32(tableIQ4_NL[k+1])
	if x-lo < hi-x {
		return k
	}
	return k + 1
}

// floorIQ4_NL[n+128] is the index of the largest value of the table, but for its last, that is at most n.
var floorIQ4_NL = func() (floor [256]uint8) {
	for i := range floor {
		for k := uint8(1); k < 15 && int(tableIQ4_NL[k]) <= i-128; k++ {
			floor[i] = k
		}
	}
	return floor
}()
