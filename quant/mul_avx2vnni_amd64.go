package quant

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// This file's name sorts before that of AVX-512's, as its kernels are registered before those.

// The tile kernels for AVX-VNNI, for 4 and 1 rows of activations (x4, x1). VPDPBUSD takes unsigned weights: formats have minima
// (Min), or their weights are shifted (Off), or the kernel shifts them (Signed). Half: groups of 16. cols is a multiple of 32.

// Twin: rowDot, for unsigned weights.
//
//go:noescape
func tileMinx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights.
//
//go:noescape
func tileMinx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 8.
//
//go:noescape
func tileOff8x4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 8.
//
//go:noescape
func tileOff8x1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 16.
//
//go:noescape
func tileOff16x4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 16.
//
//go:noescape
func tileOff16x1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 128.
//
//go:noescape
func tileOff128x4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 128.
//
//go:noescape
func tileOff128x1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 32 in groups of 16.
//
//go:noescape
func tileHalfx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 32 in groups of 16.
//
//go:noescape
func tileHalfx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights in groups of 16.
//
//go:noescape
func tileMinHalfx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights in groups of 16.
//
//go:noescape
func tileMinHalfx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tileSignedx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tileSignedx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tileSignedHalfx4AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tileSignedHalfx1AVXVNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// The same for tests on CPUs that have the instruction with AVX-512 only: the same source but for how VPDPBUSD is encoded. Programs
// do not call these and so do not contain them.

// Twin: rowDot, for unsigned weights.
//
//go:noescape
func tileMinx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights.
//
//go:noescape
func tileMinx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 8.
//
//go:noescape
func tileOff8x4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 8.
//
//go:noescape
func tileOff8x1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 16.
//
//go:noescape
func tileOff16x4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 16.
//
//go:noescape
func tileOff16x1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 128.
//
//go:noescape
func tileOff128x4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 128.
//
//go:noescape
func tileOff128x1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 32 in groups of 16.
//
//go:noescape
func tileHalfx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 32 in groups of 16.
//
//go:noescape
func tileHalfx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights in groups of 16.
//
//go:noescape
func tileMinHalfx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights in groups of 16.
//
//go:noescape
func tileMinHalfx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tileSignedx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tileSignedx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tileSignedHalfx4EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tileSignedHalfx1EVEX(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

var tilesAVXVNNI = tiler{
	rows: 8,
	special: [64]tiling{
		Q4_0:   {unpack: unpackQ4_0AVX2, four: tileOff8x4AVXVNNI, one: tileOff8x1AVXVNNI, direct: directQ4_0AVX2},
		Q4_1:   {unpack: unpackQ4_1AVX2, four: tileMinx4AVXVNNI, one: tileMinx1AVXVNNI, direct: directQ4_1AVX2},
		Q5_0:   {unpack: unpackQ5_0AVX2, four: tileOff16x4AVXVNNI, one: tileOff16x1AVXVNNI, direct: directQ5_0AVX2},
		Q5_1:   {unpack: unpackQ5_1AVX2, four: tileMinx4AVXVNNI, one: tileMinx1AVXVNNI, direct: directQ5_1AVX2},
		Q8_0:   {unpack: unpackQ8_0VNNI, four: tileOff128x4AVXVNNI, one: tileOff128x1AVXVNNI, direct: directQ8_0AVX2},
		Q4_K:   {unpack: unpackQ4_KAVX2, four: tileMinx4AVXVNNI, one: tileMinx1AVXVNNI, direct: directQ4_KAVX2},
		Q5_K:   {unpack: unpackQ5_KAVX2, four: tileMinx4AVXVNNI, one: tileMinx1AVXVNNI, direct: directQ5_KAVX2},
		Q6_K:   {unpack: unpackQ6_KAVX2, four: tileHalfx4AVXVNNI, one: tileHalfx1AVXVNNI, direct: directQ6_KAVX2},
		Q2_K:   {four: tileMinHalfx4AVXVNNI, one: tileMinHalfx1AVXVNNI},
		IQ4_NL: {unpack: unpackIQ4_NLAVX2, four: tileSignedx4AVXVNNI, one: tileSignedx1AVXVNNI, direct: directIQ4_NLAVX2},
	},
	byGroup: [2]tiling{
		{four: tileSignedHalfx4AVXVNNI, one: tileSignedHalfx1AVXVNNI},
		{four: tileSignedx4AVXVNNI, one: tileSignedx1AVXVNNI},
	},
	interleave: interleaveAVX2,
}

var kernelsAVXVNNI = kernels{quantize: kernelsAVX2.quantize, panel: tilesAVXVNNI.panel, stream: tilesAVXVNNI.stream, rows: tilesAVXVNNI.rows, decode: &decodeAVX2}

func init() {
	impl.Register("quant", impl.Impl{Name: cpu.AVXVNNI.Name, Available: cpu.AVXVNNI.Have, Install: use(&kernelsAVXVNNI)})
}
