package mmap

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
)

// Block is writable memory outside the Go heap: the collector neither scans nor counts it. It begins at a page and is
// zeroed at first. Its methods may be called from several goroutines; the bytes must not be used after Free.
type Block struct {
	mu    sync.RWMutex
	data  []byte
	old   [][]byte // maps that Grow replaced, which slices may still point to
	file  *os.File // the spill file; nil: anonymous memory
	freed bool
}

// Anon returns n bytes of anonymous memory. Pages that are never touched cost nothing (on Windows: no memory, but they count
// as committed).
func Anon(n int) (*Block, error) {
	if n < 0 || n > math.MaxInt-pageSize {
		return nil, fmt.Errorf("mmap: anonymous memory of %d bytes: %w", n, ErrBounds)
	}
	if n == 0 {
		return &Block{}, nil
	}
	b, err := mapAnon(n)
	if err != nil {
		return nil, fmt.Errorf("mmap: anonymous memory of %d bytes: %w", n, err)
	}
	return &Block{data: b[:n:n]}, nil
}

// CreateSpill returns size bytes that live in a file, so that the system can write them out instead of killing the process.
// If path is a directory, the file has no name there and vanishes with the Block, even when the process is killed;
// otherwise it is created at path, where nothing may exist yet, and stays. The space is reserved at once: a full disk is an
// error here and not a fault later (where the file system can reserve).
func CreateSpill(path string, size int64) (*Block, error) {
	b, err := createSpill(path, size)
	if err != nil {
		return nil, fmt.Errorf("mmap: spill file in %s: %w", path, err)
	}
	return b, nil
}

// CreateSparse is CreateSpill in a directory, but the file takes no room on the disk before Reserve (on Windows it takes all at once).
func CreateSparse(dir string, size int64) (*Block, error) {
	b, err := createSparse(dir, size)
	if err != nil {
		return nil, fmt.Errorf("mmap: spill file in %s: %w", dir, err)
	}
	return b, nil
}

func createSparse(dir string, size int64) (*Block, error) {
	if size <= 0 || size > math.MaxInt-int64(pageSize) {
		return nil, fmt.Errorf("%w: %d bytes", ErrBounds, size)
	}
	f, err := createUnnamed(dir)
	if err != nil {
		return nil, err
	}
	var data []byte
	if err = f.Truncate(size); err == nil {
		data, err = mapFile(f, 0, int(size), true)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Block{file: f, data: data}, nil
}

// Reserve gives n bytes from off of a sparse spill file, nothing of which was written yet, room on the disk. Where the system cannot
// do that, zeros are written. So a full disk is an error here, and not a fault when they are written.
func (b *Block) Reserve(off, n int) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	err := b.reserve(off, n)
	if err != nil {
		return fmt.Errorf("mmap: reserve: %w", err)
	}
	return nil
}

func (b *Block) reserve(off, n int) error {
	switch {
	case b.freed:
		return ErrClosed
	case b.file == nil:
		return fmt.Errorf("%w: anonymous memory", errors.ErrUnsupported)
	case off < 0 || n < 0 || off > len(b.data) || n > len(b.data)-off:
		return fmt.Errorf("%w: %d bytes at %d of %d", ErrBounds, n, off, len(b.data))
	case n == 0:
		return nil
	}
	err := fill(b.file, int64(off), int64(off+n))
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	zeros := make([]byte, min(n, 1<<16))
	for end := off + n; off < end; {
		k, err := b.file.WriteAt(zeros[:min(len(zeros), end-off)], int64(off))
		if err != nil {
			return err
		}
		off += k
	}
	return nil
}

func createSpill(path string, size int64) (b *Block, err error) {
	if size <= 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrBounds, size)
	}
	var f *os.File
	named := true
	if st, e := os.Stat(path); e == nil && st.IsDir() {
		named = false
		f, err = createUnnamed(path)
	} else {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return nil, err
	}
	b = &Block{file: f}
	if err = b.extend(size); err != nil {
		f.Close()
		if named {
			os.Remove(path)
		}
		return nil, err
	}
	return b, nil
}

// extend makes the spill file size bytes long and maps it whole.
func (b *Block) extend(size int64) error {
	if size > math.MaxInt-int64(pageSize) {
		return fmt.Errorf("%w: %d bytes do not fit the address space", ErrBounds, size)
	}
	// Some systems reserve from the end of the file, so the end must not move before.
	if err := reserve(b.file, int64(len(b.data)), size); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := b.file.Truncate(size); err != nil {
		return err
	}
	data, err := mapFile(b.file, 0, int(size), true)
	if err != nil {
		return err
	}
	b.data = data
	return nil
}

// Grow makes a spill file size bytes long; the new bytes are zero. Slices taken before stay valid and show the same memory,
// but end where they did: take Bytes anew. Each Grow keeps address space until Free, so grow by a factor and not by a
// constant. On error the Block is as it was. Anonymous memory cannot grow.
func (b *Block) Grow(size int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.grow(size)
	if err != nil {
		return fmt.Errorf("mmap: grow: %w", err)
	}
	return nil
}

func (b *Block) grow(size int64) error {
	old := b.data
	switch {
	case b.freed:
		return ErrClosed
	case b.file == nil:
		return fmt.Errorf("%w: anonymous memory", errors.ErrUnsupported)
	case size < int64(len(old)):
		return fmt.Errorf("%w: from %d to %d bytes", ErrBounds, len(old), size)
	case size == int64(len(old)):
		return nil
	}
	if err := b.extend(size); err != nil {
		return errors.Join(err, b.file.Truncate(int64(len(old))))
	}
	b.old = append(b.old, old)
	advise(old, Drop) // its page table entries; the pages are the file's
	return nil
}

// Bytes returns the memory, nil after Free.
func (b *Block) Bytes() []byte {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.data
}

// Advise gives advice about n bytes from off; n 0 means up to the end. Drop writes a spill file's range to the disk first, and is
// refused for anonymous memory, which has nothing to read the contents back from: see Zero.
func (b *Block) Advise(a Advice, off, n int) error {
	return b.with("advise", off, n, a == Drop, func(p []byte) error {
		switch {
		case a != Drop:
			return advise(p, a)
		case b.file == nil:
			return fmt.Errorf("%w: drop of anonymous memory", errors.ErrUnsupported)
		}
		if err := syncMap(p); err != nil {
			return err
		}
		return drop(b.file, p, int64(cap(b.data)-cap(p)))
	})
}

// Flush has the system begin to write the pages of n bytes from off to a spill file, n 0 up to the end, and does not wait: what is
// written can leave memory at any time without further work.
func (b *Block) Flush(off, n int) error {
	return b.with("flush", off, n, true, func(p []byte) error {
		if b.file == nil {
			return nil
		}
		return flush(b.file, p, int64(cap(b.data)-cap(p)))
	})
}

// Away takes the pages of n bytes from off, n 0 up to the end, of a spill file out of the process's memory, without waiting for the
// disk. The system keeps them in its file cache as long as it has room, and then coming back costs no reading.
func (b *Block) Away(off, n int) error {
	return b.with("away", off, n, true, func(p []byte) error {
		if b.file == nil {
			return fmt.Errorf("%w: anonymous memory", errors.ErrUnsupported)
		}
		return advise(p, Drop)
	})
}

// Zero zeroes n bytes from off, n 0 up to the end, and gives whole pages of anonymous memory back to the system.
func (b *Block) Zero(off, n int) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.freed {
		return fmt.Errorf("mmap: zero: %w", ErrClosed)
	}
	in, err := pages(b.data, 0, len(b.data), off, n, true)
	if err != nil {
		return fmt.Errorf("mmap: zero: %w", err)
	}
	if n == 0 {
		n = len(b.data) - off
	}
	whole := b.data[off : off+n]
	if b.file != nil || len(in) == 0 || !zeroPages(in) {
		clear(whole)
		return nil
	}
	lead := cap(whole) - cap(in)
	clear(whole[:lead])
	clear(whole[lead+len(in):])
	return nil
}

// Lock keeps the memory from being written out.
func (b *Block) Lock() error { return b.with("lock", 0, 0, false, lock) }

// Unlock undoes Lock.
func (b *Block) Unlock() error { return b.with("unlock", 0, 0, false, unlock) }

// Resident returns how many bytes are in memory now, counted in whole pages, under the terms of File.Resident.
func (b *Block) Resident() (int64, error) {
	var n int64
	err := b.with("resident", 0, 0, false, func(p []byte) (err error) {
		n, err = resident(p)
		return err
	})
	return n, err
}

// Sync writes a spill file's changes to the disk and waits for it. It does nothing for anonymous memory.
func (b *Block) Sync() error {
	return b.with("sync", 0, 0, false, func(p []byte) error {
		if b.file == nil {
			return nil
		}
		return errors.Join(syncMap(p), b.file.Sync())
	})
}

// with calls do with the pages that hold n bytes from off; inner: with the pages that lie wholly inside.
func (b *Block) with(what string, off, n int, inner bool, do func([]byte) error) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	err := ErrClosed
	if !b.freed {
		var p []byte
		if p, err = pages(b.data, 0, len(b.data), off, n, inner); err == nil && len(p) > 0 {
			err = do(p)
		}
	}
	if err != nil {
		return fmt.Errorf("mmap: %s: %w", what, err)
	}
	return nil
}

// Free gives the memory back, and deletes a spill file that has no name.
func (b *Block) Free() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.freed {
		return fmt.Errorf("mmap: free: %w", ErrClosed)
	}
	b.freed = true
	var err error
	switch {
	case b.data == nil:
	case b.file == nil:
		err = unmapAnon(b.data)
	default:
		for _, m := range append(b.old, b.data) {
			err = errors.Join(err, unmap(m))
		}
		err = errors.Join(err, b.file.Close())
	}
	b.data, b.old = nil, nil
	return err
}
