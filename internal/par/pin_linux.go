package par

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// affinity is a thread's mask of CPUs.
type affinity struct{ set unix.CPUSet }

// save notes the calling thread's mask.
func (a *affinity) save() bool { return unix.SchedGetaffinity(0, &a.set) == nil }

// restore sets it again. The thread is the one that saved it: its goroutine is locked to it.
func (a *affinity) restore() { unix.SchedSetaffinity(0, &a.set) }

// bind binds the calling thread; false: it cannot be. The system ignores those of the CPUs that the process may not use.
func bind(cpus []int) bool {
	var set unix.CPUSet
	for _, c := range cpus {
		set.Set(c)
	}
	return unix.SchedSetaffinity(0, &set) == nil
}

// yield lets another thread run on this CPU.
func yield() { syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
