package quant

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// The tile kernels for CPUs with SMMLA, on tiles of eight columns together: for groups of 32 or 16, with minima (Min) or
// without, for four packed rows of activations or one row. Weights are signed; cols is a multiple of 32.

// With SMMLA. Twin: rowDot.
//
//go:noescape
func tile32FourI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SMMLA. Twin: rowDot.
//
//go:noescape
func tile32MinFourI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SMMLA. Twin: rowDot.
//
//go:noescape
func tile16FourI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SMMLA. Twin: rowDot.
//
//go:noescape
func tile16MinFourI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile32OneI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile32MinOneI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile16OneI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// With SDOT. Twin: rowDot.
//
//go:noescape
func tile16MinOneI8MM(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// eightsNEON needs n to be a multiple of 2. Twin: eightsGo.
//
//go:noescape
func eightsNEON(dst, src *uint64, stride, n int)

var tilesI8MM = tiler{
	rows: 8,
	special: [64]tiling{
		Q4_0:   {unpack: unpackQ4_0NEON, four: tile32FourI8MM, one: tile32OneI8MM, direct: directQ4_0Dot},
		Q4_1:   {unpack: unpackQ4_1NEON, four: tile32MinFourI8MM, one: tile32MinOneI8MM, direct: directQ4_1Dot},
		Q5_0:   {unpack: unpackQ5_0NEON, four: tile32FourI8MM, one: tile32OneI8MM, direct: directQ5_0Dot},
		Q5_1:   {unpack: unpackQ5_1NEON, four: tile32MinFourI8MM, one: tile32MinOneI8MM, direct: directQ5_1Dot},
		Q8_0:   {unpack: unpackQ8_0NEON, four: tile32FourI8MM, one: tile32OneI8MM, direct: directQ8_0Dot},
		Q4_K:   {unpack: unpackQ4_KNEON, four: tile32MinFourI8MM, one: tile32MinOneI8MM, direct: directQ4_KDot},
		Q5_K:   {unpack: unpackQ5_KNEON, four: tile32MinFourI8MM, one: tile32MinOneI8MM, direct: directQ5_KDot},
		Q6_K:   {unpack: unpackQ6_KNEON, four: tile16FourI8MM, one: tile16OneI8MM, direct: directQ6_KDot},
		IQ4_NL: {unpack: unpackIQ4_NLNEON, four: tile32FourI8MM, one: tile32OneI8MM, direct: directIQ4_NLDot},
		Q2_K:   {four: tile16MinFourI8MM, one: tile16MinOneI8MM},
	},
	byGroup:    [2]tiling{{four: tile16FourI8MM, one: tile16OneI8MM}, {four: tile32FourI8MM, one: tile32OneI8MM}},
	interleave: interleaveNEON,
	eights:     eightsNEON,
}

func quantizeFoursNEON(q []int8, meta, x []float32, cols int) {
	var rows [4][actBlock]int8
	var metas [4][metaLen]float32
	for b := range cols / actBlock {
		for r := range rows {
			quantizeNEON(&rows[r][0], &metas[r][0], &x[r*cols+b*actBlock], 1)
		}
		packFours((*[4 * actBlock]int8)(q[4*b*actBlock:]), (*[4 * metaLen]float32)(meta[4*b*metaLen:]), &rows, &metas)
	}
}

var kernelsI8MM = kernels{quantize: quantizeWithNEON, fours: quantizeFoursNEON, panel: tilesI8MM.panel, stream: tilesI8MM.stream, rows: 8, decode: &decodeNEON}

func init() {
	impl.Register("quant", impl.Impl{Name: cpu.I8MM.Name, Available: cpu.I8MM.Have, Install: use(&kernelsI8MM)})
}
