//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package mmap

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

var (
	pageSize    = os.Getpagesize()
	granularity = pageSize // of offsets into a file
)

func duplicate(fd uintptr) (*os.File, error) {
	if fd > math.MaxInt32 {
		return nil, unix.EBADF
	}
	n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(n), fmt.Sprintf("descriptor %d", fd)), nil
}

// mapFile maps n bytes of f from off, a multiple of granularity.
func mapFile(f *os.File, off int64, n int, writable bool) ([]byte, error) {
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	b, err := unix.Mmap(int(f.Fd()), off, n, prot, unix.MAP_SHARED)
	if errors.Is(err, unix.ENODEV) {
		return nil, fmt.Errorf("%w: the file system cannot map: %w", errors.ErrUnsupported, err)
	}
	return b, err
}

func mapAnon(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func unmap(b []byte) error     { return unix.Munmap(b) }
func unmapAnon(b []byte) error { return unix.Munmap(b) }
func lock(b []byte) error      { return unix.Mlock(b) }
func unlock(b []byte) error    { return unix.Munlock(b) }
func syncMap(b []byte) error   { return unix.Msync(b, unix.MS_SYNC) }

func advise(b []byte, a Advice) error {
	switch a {
	case Normal:
		return unix.Madvise(b, unix.MADV_NORMAL)
	case Sequential:
		return unix.Madvise(b, unix.MADV_SEQUENTIAL)
	case Random:
		return unix.Madvise(b, unix.MADV_RANDOM)
	case WillNeed:
		return unix.Madvise(b, unix.MADV_WILLNEED)
	case Drop:
		return unix.Madvise(b, unix.MADV_DONTNEED)
	case Huge:
		return adviseHuge(b)
	}
	return fmt.Errorf("%w: advice %d", errors.ErrUnsupported, a)
}

// createUnnamed returns a file that has no name any more.
func createUnnamed(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".godwit-spill-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
