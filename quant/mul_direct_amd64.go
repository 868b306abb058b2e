package quant

// Products of 8 packed rows, stride bytes apart, and one row of activations: y[0:8], no tile needed.

// Twin: rowDot.
//
//go:noescape
func directQ4_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ4_1AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ8_0AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ4_KAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_1AVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_KAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ6_KAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directIQ4_NLAVX2(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)
