package quant

// The unpackers of arm64 leave q as it is: shift is not read. Twin: scaleGo.
//
//go:noescape
func scaleNEON(dst *float32, q *int8, d, m *float32, groups, group, shift int)

var decodeNEON = decoder{tilings: &tilesNEON.special, scale: scaleNEON}
