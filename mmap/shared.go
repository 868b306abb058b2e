package mmap

import (
	"errors"
	"fmt"
	"math"
	"os"
)

// ErrLocked says that another process, or another part of this one, has a file.
var ErrLocked = errors.New("the file is in use")

// Share maps the first size bytes of f, which has as many, as memory: what is written to them is in the file. The Block takes f over, and closes it
// when it is freed; on error f stays the caller's.
func Share(f *os.File, size int64) (*Block, error) {
	st, err := f.Stat()
	if err == nil && (size <= 0 || size > math.MaxInt-int64(pageSize) || size > st.Size()) {
		err = fmt.Errorf("%w: %d bytes of %d", ErrBounds, size, st.Size())
	}
	var data []byte
	if err == nil {
		data, err = mapFile(f, 0, int(size), true)
	}
	if err != nil {
		return nil, fmt.Errorf("mmap: share %s: %w", f.Name(), err)
	}
	return &Block{file: f, data: data}, nil
}

// Lock takes f for this process as long as it is open, where the system can (Unix, Windows). The error is an ErrLocked if somebody else has it. The
// lock is advisory on Unix: it keeps out who asks for it too.
func Lock(f *os.File) error {
	if err := lockFile(f); err != nil {
		return fmt.Errorf("mmap: lock %s: %w", f.Name(), err)
	}
	return nil
}
