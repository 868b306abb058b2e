//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly && !windows

package mmap

import (
	"errors"
	"os"
	"unsafe"
)

// Systems without maps: files are read into the Go heap, and there are no spill files.

const (
	pageSize    = 4096
	granularity = pageSize
)

func duplicate(uintptr) (*os.File, error) { return nil, errors.ErrUnsupported }

func mapFile(*os.File, int64, int, bool) ([]byte, error) { return nil, errors.ErrUnsupported }

func mapAnon(n int) ([]byte, error) {
	b := make([]byte, n+pageSize)
	off := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % pageSize
	return b[off : off+uintptr(n)], nil
}

func unmap([]byte) error     { return nil }
func unmapAnon([]byte) error { return nil }
func lock([]byte) error      { return errors.ErrUnsupported }
func unlock([]byte) error    { return errors.ErrUnsupported }
func syncMap([]byte) error   { return nil }

func advise([]byte, Advice) error { return nil }

func drop(*os.File, []byte, int64) error { return nil }

func zeroPages([]byte) bool { return false }

func reserve(*os.File, int64, int64) error { return errors.ErrUnsupported }

func fill(*os.File, int64, int64) error { return errors.ErrUnsupported }

func flush(*os.File, []byte, int64) error { return nil }

func createUnnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func resident([]byte) (int64, error) { return 0, errors.ErrUnsupported }
