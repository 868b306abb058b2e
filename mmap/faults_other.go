//go:build !unix

package mmap

// MajorFaults returns how often this process has waited for a page from the disk; 0 where the system does not tell.
func MajorFaults() int64 { return 0 }
