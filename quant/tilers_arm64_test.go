package quant

import "github.com/godwit-ai/godwit/internal/cpu"

var tilers = []tilerCase{
	{cpu.NEON, &tilesNEON, &kernelsNEON, nil},
	{cpu.DotProd, &tilesDot, &kernelsDot, nil},
	{cpu.I8MM, &tilesI8MM, &kernelsI8MM, nil},
}

var extras []extra
