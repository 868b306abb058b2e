package mmap

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// copySparse shares the blocks of both files where the file system can (Btrfs, XFS), and else copies what is no hole.
func copySparse(dst, src *os.File, size int64) error {
	if unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())) == nil {
		return nil
	}
	for off := int64(0); off < size; {
		from, err := unix.Seek(int(src.Fd()), off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // no data behind off
			return nil
		}
		if err != nil {
			return copyAll(dst, src, off, size)
		}
		to, err := unix.Seek(int(src.Fd()), from, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if _, err := dst.Seek(from, io.SeekStart); err != nil {
			return err
		}
		if _, err := src.Seek(from, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(dst, src, to-from); err != nil { // copy_file_range
			return err
		}
		off = to
	}
	return nil
}
