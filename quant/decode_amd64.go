package quant

// Twin: scaleGo.
//
//go:noescape
func scaleAVX2(dst *float32, q *int8, d, m *float32, groups, group, shift int)

var decodeAVX2 = decoder{
	tilings: &tilesAVX2.special,
	shift:   [64]uint8{Q4_0: 8, Q5_0: 16, Q6_K: 32},
	scale:   scaleAVX2,
}
