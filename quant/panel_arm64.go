package quant

// The unpackers of arm64 write signed q. Formats without minima leave m alone.

// Twin: unpackQ4_0.
//
//go:noescape
func unpackQ4_0NEON(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ4_1.
//
//go:noescape
func unpackQ4_1NEON(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ5_0.
//
//go:noescape
func unpackQ5_0NEON(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ5_1.
//
//go:noescape
func unpackQ5_1NEON(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ8_0.
//
//go:noescape
func unpackQ8_0NEON(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackIQ4_NL.
//
//go:noescape
func unpackIQ4_NLNEON(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ4_K.
//
//go:noescape
func unpackQ4_KNEON(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ5_K.
//
//go:noescape
func unpackQ5_KNEON(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ6_K.
//
//go:noescape
func unpackQ6_KNEON(q *int8, d, m *float32, src *byte, blocks int)

// interleaveNEON needs n to be a multiple of 8. Twin: interleaveGo.
//
//go:noescape
func interleaveNEON(dst *uint32, pitch int, src *uint32, stride, n int)

// Twin: quantizeGo.
//
//go:noescape
func quantizeNEON(q *int8, meta, x *float32, blocks int)
