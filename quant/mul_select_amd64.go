package quant

import "golang.org/x/sys/cpu"

func init() {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		active = &kernelsAVX2
		implementations["avx2"] = &kernelsAVX2
	}
}
