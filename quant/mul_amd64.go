package quant

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// The tile kernels for AVX2. Their names give the bits of a weight, whether groups have minima (Min) or weights are
// shifted to be unsigned (Off: by 8, 16 and 32 for 4, 5 and 6 bits), and the rows of activations. Those for 8 bits take
// signed weights, of any bits, without minima, in groups of 32 (Whole) or 16 (Half); those for 6 bits have groups of 16.
// cols is a multiple of 32.

// Twin: rowDot, for weights of up to 4 bits.
//
//go:noescape
func tile4Min4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of up to 4 bits.
//
//go:noescape
func tile4Min1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of 4 bits less 8.
//
//go:noescape
func tile4Off4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of 4 bits less 8.
//
//go:noescape
func tile4Off1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of up to 5 bits.
//
//go:noescape
func tile5Min4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of up to 5 bits.
//
//go:noescape
func tile5Min1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of 5 bits less 16.
//
//go:noescape
func tile5Off4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of 5 bits less 16.
//
//go:noescape
func tile5Off1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of 6 bits less 32 in groups of 16.
//
//go:noescape
func tile6Off4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of 6 bits less 32 in groups of 16.
//
//go:noescape
func tile6Off1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of up to 6 bits in groups of 16.
//
//go:noescape
func tile6Min4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights of up to 6 bits in groups of 16.
//
//go:noescape
func tile6Min1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tile8Whole4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tile8Whole1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tile8Half4AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tile8Half1AVX2(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

var tilesAVX2 = tiler{
	rows: 8,
	special: [64]tiling{
		Q4_0:   {unpack: unpackQ4_0AVX2, four: tile4Off4AVX2, one: tile4Off1AVX2, direct: directQ4_0AVX2},
		Q4_1:   {unpack: unpackQ4_1AVX2, four: tile4Min4AVX2, one: tile4Min1AVX2, direct: directQ4_1AVX2},
		Q5_0:   {unpack: unpackQ5_0AVX2, four: tile5Off4AVX2, one: tile5Off1AVX2, direct: directQ5_0AVX2},
		Q5_1:   {unpack: unpackQ5_1AVX2, four: tile5Min4AVX2, one: tile5Min1AVX2, direct: directQ5_1AVX2},
		Q8_0:   {unpack: unpackQ8_0AVX2, four: tile8Whole4AVX2, one: tile8Whole1AVX2, direct: directQ8_0AVX2},
		Q2_K:   {four: tile6Min4AVX2, one: tile6Min1AVX2},
		Q4_K:   {unpack: unpackQ4_KAVX2, four: tile4Min4AVX2, one: tile4Min1AVX2, direct: directQ4_KAVX2},
		Q5_K:   {unpack: unpackQ5_KAVX2, four: tile5Min4AVX2, one: tile5Min1AVX2, direct: directQ5_KAVX2},
		Q6_K:   {unpack: unpackQ6_KAVX2, four: tile6Off4AVX2, one: tile6Off1AVX2, direct: directQ6_KAVX2},
		IQ4_NL: {unpack: unpackIQ4_NLAVX2, four: tile8Whole4AVX2, one: tile8Whole1AVX2, direct: directIQ4_NLAVX2},
	},
	byGroup: [2]tiling{
		{four: tile8Half4AVX2, one: tile8Half1AVX2},
		{four: tile8Whole4AVX2, one: tile8Whole1AVX2},
	},
	interleave: interleaveAVX2,
}

var kernelsAVX2 = kernels{
	quantize: func(q []int8, meta []float32, x []float32) { quantizeAVX2(&q[0], &meta[0], &x[0], len(x)/actBlock) },
	panel:    tilesAVX2.panel,
	stream:   tilesAVX2.stream,
	rows:     tilesAVX2.rows,
	decode:   &decodeAVX2,
}

func init() {
	impl.Register("quant", impl.Impl{Name: cpu.AVX2.Name, Available: cpu.AVX2.Have, Install: use(&kernelsAVX2)})
}
