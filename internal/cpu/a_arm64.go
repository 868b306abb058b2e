package cpu

import "golang.org/x/sys/cpu"

// The levels of arm64. Every 64-bit ARM has NEON.
var (
	NEON    = Level{"neon", true}
	DotProd = Level{"dotprod", cpu.ARM64.HasASIMDDP || appleSilicon}
	I8MM    = Level{"i8mm", DotProd.Have && cpu.ARM64.HasI8MM}
)

func init() { levels = []*Level{&NEON, &DotProd, &I8MM} }
