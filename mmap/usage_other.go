//go:build unix && !linux

package mmap

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// MemoryUsage returns the peak of getrusage; these systems tell nothing more without cgo.
func MemoryUsage() Usage {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return Usage{}
	}
	peak := int64(r.Maxrss)
	if runtime.GOOS != "darwin" && runtime.GOOS != "ios" {
		peak <<= 10 // KiB everywhere but on Apple's systems
	}
	return Usage{PeakRSS: peak}
}
