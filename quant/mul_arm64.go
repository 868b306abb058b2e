package quant

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// The tile kernels of arm64: for groups of 32 or 16, with minima (Min) or without, for four rows of activations or one.
// Weights are signed; cols is a multiple of 32.

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile32FourDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile32MinFourDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile16FourDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile16MinFourDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile32OneDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile32MinOneDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile16OneDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile16MinOneDot(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For up to 5 bits. Twin: rowDot.
//
//go:noescape
func tile32FourNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For up to 5 bits. Twin: rowDot.
//
//go:noescape
func tile32MinFourNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For up to 6 bits. Twin: rowDot.
//
//go:noescape
func tile16FourNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For up to 6 bits. Twin: rowDot.
//
//go:noescape
func tile16MinFourNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For up to 5 bits. Twin: rowDot.
//
//go:noescape
func tile32OneNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For up to 5 bits. Twin: rowDot.
//
//go:noescape
func tile32MinOneNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For up to 6 bits. Twin: rowDot.
//
//go:noescape
func tile16OneNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For up to 6 bits. Twin: rowDot.
//
//go:noescape
func tile16MinOneNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For any signed weights. Twin: rowDot.
//
//go:noescape
func tile32WideNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// For any signed weights. Twin: rowDot.
//
//go:noescape
func tile16WideNEON(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Products of 8 packed rows and one row of activations, with SDOT (Dot) and without: y[0:8], no tile needed.

// Twin: rowDot.
//
//go:noescape
func directQ4_0Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ4_1Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_0Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_1Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ8_0Dot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ4_KDot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_KDot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ6_KDot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directIQ4_NLDot(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ4_0NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ4_1NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_0NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_1NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ8_0NEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ4_KNEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ5_KNEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directQ6_KNEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// Twin: rowDot.
//
//go:noescape
func directIQ4_NLNEON(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

var tilesNEON = tiler{
	rows: 8,
	special: [64]tiling{
		Q4_0:   {unpack: unpackQ4_0NEON, four: tile32FourNEON, one: tile32OneNEON, direct: directQ4_0NEON},
		Q4_1:   {unpack: unpackQ4_1NEON, four: tile32MinFourNEON, one: tile32MinOneNEON, direct: directQ4_1NEON},
		Q5_0:   {unpack: unpackQ5_0NEON, four: tile32FourNEON, one: tile32OneNEON, direct: directQ5_0NEON},
		Q5_1:   {unpack: unpackQ5_1NEON, four: tile32MinFourNEON, one: tile32MinOneNEON, direct: directQ5_1NEON},
		Q8_0:   {unpack: unpackQ8_0NEON, one: tile32WideNEON, direct: directQ8_0NEON},
		Q4_K:   {unpack: unpackQ4_KNEON, four: tile32MinFourNEON, one: tile32MinOneNEON, direct: directQ4_KNEON},
		Q5_K:   {unpack: unpackQ5_KNEON, four: tile32MinFourNEON, one: tile32MinOneNEON, direct: directQ5_KNEON},
		Q6_K:   {unpack: unpackQ6_KNEON, four: tile16FourNEON, one: tile16OneNEON, direct: directQ6_KNEON},
		Q2_K:   {four: tile16MinFourNEON, one: tile16MinOneNEON},
		Q3_K:   {four: tile16FourNEON, one: tile16OneNEON},
		IQ4_NL: {unpack: unpackIQ4_NLNEON, one: tile32WideNEON, direct: directIQ4_NLNEON},
		MXFP4:  {four: tile32FourNEON, one: tile32OneNEON},
	},
	byGroup:    [2]tiling{{one: tile16WideNEON}, {one: tile32WideNEON}},
	interleave: interleaveNEON,
}

var tilesDot = tiler{
	rows: 8,
	special: [64]tiling{
		Q4_0:   {unpack: unpackQ4_0NEON, four: tile32FourDot, one: tile32OneDot, direct: directQ4_0Dot},
		Q4_1:   {unpack: unpackQ4_1NEON, four: tile32MinFourDot, one: tile32MinOneDot, direct: directQ4_1Dot},
		Q5_0:   {unpack: unpackQ5_0NEON, four: tile32FourDot, one: tile32OneDot, direct: directQ5_0Dot},
		Q5_1:   {unpack: unpackQ5_1NEON, four: tile32MinFourDot, one: tile32MinOneDot, direct: directQ5_1Dot},
		Q8_0:   {unpack: unpackQ8_0NEON, four: tile32FourDot, one: tile32OneDot, direct: directQ8_0Dot},
		Q4_K:   {unpack: unpackQ4_KNEON, four: tile32MinFourDot, one: tile32MinOneDot, direct: directQ4_KDot},
		Q5_K:   {unpack: unpackQ5_KNEON, four: tile32MinFourDot, one: tile32MinOneDot, direct: directQ5_KDot},
		Q6_K:   {unpack: unpackQ6_KNEON, four: tile16FourDot, one: tile16OneDot, direct: directQ6_KDot},
		IQ4_NL: {unpack: unpackIQ4_NLNEON, four: tile32FourDot, one: tile32OneDot, direct: directIQ4_NLDot},
		Q2_K:   {four: tile16MinFourDot, one: tile16MinOneDot},
	},
	byGroup:    [2]tiling{{four: tile16FourDot, one: tile16OneDot}, {four: tile32FourDot, one: tile32OneDot}},
	interleave: interleaveNEON,
}

func quantizeWithNEON(q []int8, meta []float32, x []float32) {
	quantizeNEON(&q[0], &meta[0], &x[0], len(x)/actBlock)
}

var (
	kernelsNEON = kernels{quantize: quantizeWithNEON, panel: tilesNEON.panel, stream: tilesNEON.stream, rows: 8, decode: &decodeNEON}
	kernelsDot  = kernels{quantize: quantizeWithNEON, panel: tilesDot.panel, stream: tilesDot.stream, rows: 8, decode: &decodeNEON}
)

func init() {
	impl.Register("quant", impl.Impl{Name: cpu.NEON.Name, Available: cpu.NEON.Have, Install: use(&kernelsNEON)})
	impl.Register("quant", impl.Impl{Name: cpu.DotProd.Name, Available: cpu.DotProd.Have, Install: use(&kernelsDot)})
}
