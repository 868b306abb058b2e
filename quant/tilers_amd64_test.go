package quant

import "github.com/godwit-ai/godwit/internal/cpu"

var tilers = []tilerCase{
	{cpu.AVX2, &tilesAVX2, &kernelsAVX2, map[Type]uint8{Q4_0: 8, Q5_0: 16, Q6_K: 32}},
	{cpu.AVX512VNNI, &tilesVNNI, &kernelsVNNI, map[Type]uint8{Q4_0: 8, Q5_0: 16, Q6_K: 32, Q8_0: 128}},
}
