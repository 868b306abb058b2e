//go:build freebsd || netbsd || openbsd || dragonfly

package mmap

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func adviseHuge([]byte) error { return nil }

func zeroPages([]byte) bool { return false }

// drop lowers the priority of the pages.
func drop(_ *os.File, b []byte, _ int64) error { return advise(b, Drop) }

func reserve(*os.File, int64, int64) error { return errors.ErrUnsupported }

func fill(*os.File, int64, int64) error { return errors.ErrUnsupported }

func flush(_ *os.File, b []byte, _ int64) error { return unix.Msync(b, unix.MS_ASYNC) }
