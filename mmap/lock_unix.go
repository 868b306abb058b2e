//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package mmap

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return ErrLocked
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOTSUP):
		return nil // a file system without locks
	}
	return err
}
