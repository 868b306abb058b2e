//go:build !unix && !windows

package mmap

// MemoryUsage: these systems tell nothing.
func MemoryUsage() Usage { return Usage{} }
