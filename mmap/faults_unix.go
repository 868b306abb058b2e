//go:build unix

package mmap

import "golang.org/x/sys/unix"

// MajorFaults returns how often this process has waited for a page from the disk; 0 where the system does not tell.
func MajorFaults() int64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return int64(r.Majflt)
}
