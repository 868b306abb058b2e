package quant

// The unpackers for AVX2 write q without a shift to signed: Q4_0, Q5_0 and Q6_K keep their 8, 16 or 32 too much. Formats
// without minima leave m alone.

// Twin: unpackQ4_0, plus 8.
//
//go:noescape
func unpackQ4_0AVX2(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ4_1.
//
//go:noescape
func unpackQ4_1AVX2(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ5_0, plus 16.
//
//go:noescape
func unpackQ5_0AVX2(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ5_1.
//
//go:noescape
func unpackQ5_1AVX2(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackIQ4_NL.
//
//go:noescape
func unpackIQ4_NLAVX2(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ8_0.
//
//go:noescape
func unpackQ8_0AVX2(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ4_K.
//
//go:noescape
func unpackQ4_KAVX2(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ5_K.
//
//go:noescape
func unpackQ5_KAVX2(q *int8, d, m *float32, src *byte, blocks int)

// Twin: unpackQ6_K, plus 32.
//
//go:noescape
func unpackQ6_KAVX2(q *int8, d, m *float32, src *byte, blocks int)

// interleaveAVX2 needs n to be a multiple of 8. Twin: interleaveGo.
//
//go:noescape
func interleaveAVX2(dst *uint32, pitch int, src *uint32, stride, n int)

// Twin: quantizeGo.
//
//go:noescape
func quantizeAVX2(q *int8, meta, x *float32, blocks int)
