package quant

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// The tile kernels for AVX-512 with VNNI, for 8, 4 and 1 rows of activations. VPDPBUSD takes unsigned weights: formats have
// minima (Min), or their weights are shifted (Off), or the kernel shifts them (Signed). Half: groups of 16. cols is a multiple of 32.

// Twin: rowDot, for unsigned weights.
//
//go:noescape
func tileMin8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights.
//
//go:noescape
func tileMin4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights.
//
//go:noescape
func tileMin1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 8.
//
//go:noescape
func tileOff88VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 8.
//
//go:noescape
func tileOff84VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 8.
//
//go:noescape
func tileOff81VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 16.
//
//go:noescape
func tileOff168VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 16.
//
//go:noescape
func tileOff164VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 16.
//
//go:noescape
func tileOff161VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 128.
//
//go:noescape
func tileOff1288VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 128.
//
//go:noescape
func tileOff1284VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 128.
//
//go:noescape
func tileOff1281VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 32 in groups of 16.
//
//go:noescape
func tileHalf8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 32 in groups of 16.
//
//go:noescape
func tileHalf4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for weights plus 32 in groups of 16.
//
//go:noescape
func tileHalf1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights in groups of 16.
//
//go:noescape
func tileMinHalf8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tileSigned8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights in groups of 16.
//
//go:noescape
func tileMinHalf4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tileSigned4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for unsigned weights in groups of 16.
//
//go:noescape
func tileMinHalf1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights.
//
//go:noescape
func tileSigned1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tileSignedHalf8VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tileSignedHalf4VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: rowDot, for signed weights in groups of 16.
//
//go:noescape
func tileSignedHalf1VNNI(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// Twin: unpackQ8_0, plus 128.
//
//go:noescape
func unpackQ8_0VNNI(q *int8, d, m *float32, src *byte, blocks int)

var tilesVNNI = tiler{
	rows: 16,
	special: [64]tiling{
		Q4_0:   {unpack: unpackQ4_0AVX2, eight: tileOff88VNNI, four: tileOff84VNNI, one: tileOff81VNNI, direct: directQ4_0AVX2},
		Q4_1:   {unpack: unpackQ4_1AVX2, eight: tileMin8VNNI, four: tileMin4VNNI, one: tileMin1VNNI, direct: directQ4_1AVX2},
		Q5_0:   {unpack: unpackQ5_0AVX2, eight: tileOff168VNNI, four: tileOff164VNNI, one: tileOff161VNNI, direct: directQ5_0AVX2},
		Q5_1:   {unpack: unpackQ5_1AVX2, eight: tileMin8VNNI, four: tileMin4VNNI, one: tileMin1VNNI, direct: directQ5_1AVX2},
		Q8_0:   {unpack: unpackQ8_0VNNI, eight: tileOff1288VNNI, four: tileOff1284VNNI, one: tileOff1281VNNI, direct: directQ8_0AVX2},
		Q4_K:   {unpack: unpackQ4_KAVX2, eight: tileMin8VNNI, four: tileMin4VNNI, one: tileMin1VNNI, direct: directQ4_KAVX2},
		Q5_K:   {unpack: unpackQ5_KAVX2, eight: tileMin8VNNI, four: tileMin4VNNI, one: tileMin1VNNI, direct: directQ5_KAVX2},
		Q6_K:   {unpack: unpackQ6_KAVX2, eight: tileHalf8VNNI, four: tileHalf4VNNI, one: tileHalf1VNNI, direct: directQ6_KAVX2},
		Q2_K:   {eight: tileMinHalf8VNNI, four: tileMinHalf4VNNI, one: tileMinHalf1VNNI},
		IQ4_NL: {unpack: unpackIQ4_NLAVX2, eight: tileSigned8VNNI, four: tileSigned4VNNI, one: tileSigned1VNNI, direct: directIQ4_NLAVX2},
	},
	byGroup: [2]tiling{
		{eight: tileSignedHalf8VNNI, four: tileSignedHalf4VNNI, one: tileSignedHalf1VNNI},
		{eight: tileSigned8VNNI, four: tileSigned4VNNI, one: tileSigned1VNNI},
	},
	interleave: interleaveAVX2,
}

var kernelsVNNI = kernels{quantize: kernelsAVX2.quantize, panel: tilesVNNI.panel, stream: tilesVNNI.stream, rows: tilesVNNI.rows, decode: &decodeAVX2}

func init() {
	impl.Register("quant", impl.Impl{Name: cpu.AVX512VNNI.Name, Available: cpu.AVX512VNNI.Have, Install: use(&kernelsVNNI)})
}
