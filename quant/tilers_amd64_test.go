package quant

import "github.com/godwit-ai/godwit/internal/cpu"

var tilers = []tilerCase{
	{cpu.AVX2, &tilesAVX2, &kernelsAVX2, map[Type]uint8{Q4_0: 8, Q5_0: 16, Q6_K: 32}},
	{cpu.AVXVNNI, &tilesAVXVNNI, &kernelsAVXVNNI, shiftVNNI},
	{evex, &tilesEVEX, &kernelsEVEX, shiftVNNI},
	{cpu.AVX512VNNI, &tilesVNNI, &kernelsVNNI, shiftVNNI},
}

var shiftVNNI = map[Type]uint8{Q4_0: 8, Q5_0: 16, Q6_K: 32, Q8_0: 128}

// evex stands for AVX-VNNI where the instruction is there in AVX-512's encoding.
var evex = cpu.Level{Name: "avxvnni by evex", Have: cpu.AVX512VNNI.Have}

var extras = []extra{{evex, &kernelsEVEX}}

var tilesEVEX = tiler{
	rows: 8,
	special: [64]tiling{
		Q4_0:   {unpack: unpackQ4_0AVX2, four: tileOff8x4EVEX, one: tileOff8x1EVEX, direct: directQ4_0AVX2},
		Q4_1:   {unpack: unpackQ4_1AVX2, four: tileMinx4EVEX, one: tileMinx1EVEX, direct: directQ4_1AVX2},
		Q5_0:   {unpack: unpackQ5_0AVX2, four: tileOff16x4EVEX, one: tileOff16x1EVEX, direct: directQ5_0AVX2},
		Q5_1:   {unpack: unpackQ5_1AVX2, four: tileMinx4EVEX, one: tileMinx1EVEX, direct: directQ5_1AVX2},
		Q8_0:   {unpack: unpackQ8_0VNNI, four: tileOff128x4EVEX, one: tileOff128x1EVEX, direct: directQ8_0AVX2},
		Q4_K:   {unpack: unpackQ4_KAVX2, four: tileMinx4EVEX, one: tileMinx1EVEX, direct: directQ4_KAVX2},
		Q5_K:   {unpack: unpackQ5_KAVX2, four: tileMinx4EVEX, one: tileMinx1EVEX, direct: directQ5_KAVX2},
		Q6_K:   {unpack: unpackQ6_KAVX2, four: tileHalfx4EVEX, one: tileHalfx1EVEX, direct: directQ6_KAVX2},
		Q2_K:   {four: tileMinHalfx4EVEX, one: tileMinHalfx1EVEX},
		IQ4_NL: {unpack: unpackIQ4_NLAVX2, four: tileSignedx4EVEX, one: tileSignedx1EVEX, direct: directIQ4_NLAVX2},
	},
	byGroup: [2]tiling{
		{four: tileSignedHalfx4EVEX, one: tileSignedHalfx1EVEX},
		{four: tileSignedx4EVEX, one: tileSignedx1EVEX},
	},
	interleave: interleaveAVX2,
}

var kernelsEVEX = kernels{quantize: kernelsAVX2.quantize, panel: tilesEVEX.panel, stream: tilesEVEX.stream, rows: tilesEVEX.rows, decode: &decodeAVX2}
