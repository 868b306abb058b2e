package quant

import "unsafe"

// decoder is how one instruction set decodes rows for exact mode: the unpackers of its tiles, and then the scales.
type decoder struct {
	tilings *[64]tiling // by Type
	shift   [64]uint8   // what the unpackers add to q
	// scale is scaleGo: positive numbers of groups, of 16 or 32.
	scale func(dst *float32, q *int8, d, m *float32, groups, group, shift int)
}

// decode is Format.Decode of one row, with scratch of decodeScratch. It refuses formats that it does not know.
func (k *decoder) decode(dst []float32, f *Format, row []byte, s scratch) bool {
	if k == nil || int(f.Type) >= len(k.tilings) || k.tilings[f.Type].unpack == nil {
		return false
	}
	groups := len(dst) / f.Group
	q, d, m := s.ints[:len(dst)], s.floats[:groups], s.floats[groups:2*groups]
	k.tilings[f.Type].unpack(&q[0], &d[0], &m[0], &row[0], len(dst)/f.Elems)
	minima := &m[0]
	if !f.HasMin {
		minima = nil
	}
	k.scale(&dst[0], &q[0], &d[0], minima, groups, f.Group, int(k.shift[f.Type]))
	return true
}

// decodeScratch is the number of float32 and of int8 that decode needs for a row of m.
func decodeScratch(m Matrix) (floats, ints int) {
	if m.Format.Group == 0 {
		return 0, 0
	}
	return 2 * (m.Cols / m.Format.Group), m.Cols
}

// scaleGo defines the last step of decoding: d·(q − shift), and m added if there are minima.
func scaleGo(dst *float32, q *int8, d, m *float32, groups, group, shift int) {
	n := groups * group
	to, from, scales := unsafe.Slice(dst, n), unsafe.Slice(q, n), unsafe.Slice(d, groups)
	for i, v := range from {
		to[i] = scales[i/group] * float32(int(v)-shift)
	}
	if m != nil {
		for i, v := range unsafe.Slice(m, groups) {
			for k := range group {
				to[i*group+k] += v
			}
		}
	}
}
