package quant

import "github.com/godwit-ai/godwit/internal/cpu"

var tilers = []tilerCase{
	{cpu.NEON, &tilesNEON, &kernelsNEON, nil},
	{cpu.DotProd, &tilesDot, &kernelsDot, nil},
}
