package topo

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// system asks for the mask of the thread that it runs on, which is that of the process unless somebody pinned the thread: so Default
// asks once.
func system() *Machine {
	var ids []int
	var set unix.CPUSet // 1,024 CPUs; a larger mask is an error
	if err := unix.SchedGetaffinity(0, &set); err == nil {
		for id := range maxCPU {
			if set.IsSet(id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		for id := range runtime.NumCPU() {
			ids = append(ids, id)
		}
	}
	return Linux(os.DirFS("/"), ids)
}
