package mmap

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func adviseHuge([]byte) error { return nil }

// zeroPages cannot: MADV_DONTNEED keeps the contents of anonymous pages here.
func zeroPages([]byte) bool { return false }

// drop lowers the priority of the pages.
func drop(_ *os.File, b []byte, _ int64) error { return advise(b, Drop) }

// reserve allocates blocks behind the end of a file, without moving it.
func reserve(f *os.File, from, to int64) error {
	return unix.FcntlFstore(f.Fd(), unix.F_PREALLOCATE, &unix.Fstore_t{
		Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: to - from})
}

// fill cannot: F_PREALLOCATE allocates at the end of a file, and not in its holes.
func fill(*os.File, int64, int64) error { return errors.ErrUnsupported }

func flush(_ *os.File, b []byte, _ int64) error { return unix.Msync(b, unix.MS_ASYNC) }
