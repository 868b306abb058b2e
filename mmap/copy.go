package mmap

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// CopySparse makes dst, which is empty, the same as src, with its holes. Where the file system can, both share what they have until one of them changes it.
func CopySparse(dst, src *os.File) error {
	st, err := src.Stat()
	if err == nil {
		err = dst.Truncate(st.Size())
	}
	if err == nil {
		err = copySparse(dst, src, st.Size())
	}
	if err != nil {
		return fmt.Errorf("mmap: copy %s: %w", src.Name(), err)
	}
	return nil
}

// copyAll copies from off on what is not zero.
func copyAll(dst, src *os.File, off, size int64) error {
	b, zero := make([]byte, 1<<16), make([]byte, 1<<16)
	for off < size {
		n, err := src.ReadAt(b, off)
		if n == 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if !bytes.Equal(b[:n], zero[:n]) {
			if _, err := dst.WriteAt(b[:n], off); err != nil {
				return err
			}
		}
		off += int64(n)
	}
	return nil
}
