package mmap

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// adviseHuge ignores kernels without transparent huge pages.
func adviseHuge(b []byte) error {
	if err := unix.Madvise(b, unix.MADV_HUGEPAGE); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// zeroPages replaces private anonymous pages by fresh ones.
func zeroPages(b []byte) bool { return unix.Madvise(b, unix.MADV_DONTNEED) == nil }

// drop unmaps the pages, then lets go of those in the file cache that are clean and that nobody else has mapped.
func drop(f *os.File, b []byte, off int64) error {
	if err := advise(b, Drop); err != nil {
		return err
	}
	return unix.Fadvise(int(f.Fd()), off, int64(len(b)), unix.FADV_DONTNEED)
}

// reserve allocates the blocks of a file.
func reserve(f *os.File, from, to int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, from, to-from)
		if !errors.Is(err, unix.EINTR) {
			return err // EOPNOTSUPP is errors.ErrUnsupported
		}
	}
}

// fill allocates the blocks of a hole.
func fill(f *os.File, from, to int64) error { return reserve(f, from, to) }

// flush begins to write dirty pages: msync(MS_ASYNC) does nothing here.
func flush(f *os.File, b []byte, off int64) error {
	err := unix.SyncFileRange(int(f.Fd()), off, int64(len(b)), unix.SYNC_FILE_RANGE_WRITE)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil // the system writes them when it wants to
	}
	return err
}
