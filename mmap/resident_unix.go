//go:build linux || darwin || freebsd || netbsd || dragonfly

package mmap

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// resident asks mincore, a byte per page, for pieces of 64 MiB at a time.
func resident(b []byte) (int64, error) {
	const piece = 64 << 20
	vec := make([]byte, (min(len(b), piece)+pageSize-1)/pageSize)
	var n int64
	for len(b) > 0 {
		p := b[:min(len(b), piece)]
		b = b[len(p):]
		// x/sys has no wrapper for mincore.
		_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), uintptr(unsafe.Pointer(&vec[0])))
		if errno != 0 {
			return 0, errno
		}
		for _, v := range vec[:(len(p)+pageSize-1)/pageSize] {
			if v&1 != 0 {
				n += int64(pageSize)
			}
		}
	}
	runtime.KeepAlive(vec)
	return n, nil
}
