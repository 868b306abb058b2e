package topo

import (
	"runtime"

	"golang.org/x/sys/unix"
)

func system() *Machine {
	model, _ := unix.Sysctl("machdep.cpu.brand_string")
	return darwin(model, runtime.NumCPU(), func(name string) int {
		n, err := unix.SysctlUint32(name)
		if err != nil || n > maxCPU {
			return 0
		}
		return int(n)
	})
}
