// Package mmap maps files into memory and hands out memory outside the Go heap: model files read-only, spill files and
// anonymous blocks writable. It is the only place of godwit that differs between operating systems.
//
// A file that is truncated while it is mapped makes its readers fault. Code that reads a mapping must therefore run under
// internal/par's guard, which turns the fault into an error; File.Check then says what happened to the file.
package mmap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
)

// Errors of this package; test with errors.Is.
var (
	ErrClosed    = errors.New("mapping is closed")
	ErrTruncated = errors.New("file became shorter while mapped")
	ErrChanged   = errors.New("file changed while mapped")
	ErrReplaced  = errors.New("another file took the path of the mapped one")
	ErrRemoved   = errors.New("mapped file was removed")
	ErrRegular   = errors.New("not a regular file")
	ErrBounds    = errors.New("range is outside the file")
)

// Advice tells the system how a range is going to be used. It never changes what the memory holds.
type Advice int

// The advices. A system ignores what it has no word for.
const (
	Normal     Advice = iota
	Sequential        // read ahead much, keep little
	Random            // do not read ahead: 25 times slower when the file is then read in order
	WillNeed          // start reading now
	Drop              // give the pages back; the next access reads the file again (files and spill files only)
	Huge              // use huge pages (anonymous memory on Linux only)
)

// File is a file mapped read-only, or read into memory. Its methods may be called from several goroutines; the bytes must not be
// used after Close.
type File struct {
	mu    sync.RWMutex
	file  *os.File    // open until Close, so that Check can ask about the very file; nil: a copy in memory
	path  string      // "": opened from a descriptor
	abs   string      // path, whatever the working directory becomes
	info  fs.FileInfo // as it was when opened; nil: closed
	data  []byte      // what was asked for
	block []byte      // the mapping: data and up to a page before it
	off   int64       // of data in the file
}

// Open maps the whole file at path. Where the system or file system cannot map, the file is read into memory.
func Open(path string) (*File, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	m, err := newFile(f, path, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("mmap: %s: %w", path, err)
	}
	return m, nil
}

// OpenFD maps size bytes from offset of an open file descriptor (a handle on Windows); size 0 means up to the end. The
// offset may have any alignment. The descriptor is duplicated, so the caller keeps, and may close, its own.
func OpenFD(fd uintptr, offset, size int64) (*File, error) {
	f, err := duplicate(fd)
	if err != nil {
		return nil, fmt.Errorf("mmap: descriptor %d: %w", fd, err)
	}
	m, err := newFile(f, "", offset, size)
	if err != nil {
		return nil, fmt.Errorf("mmap: descriptor %d: %w", fd, err)
	}
	return m, nil
}

// Read reads the file at path into memory outside the Go heap instead of mapping it: for file systems on which
// faults are slow or files are expected to change.
func Read(path string) (*File, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	defer f.Close()
	m := &File{path: path}
	if m.info, err = stat(f); err == nil {
		err = m.read(f, 0, m.info.Size())
	}
	if err != nil {
		return nil, fmt.Errorf("mmap: read %s: %w", path, err)
	}
	return m, nil
}

// openRegular asks what path is before it opens it, since opening a named pipe would wait for a writer.
func openRegular(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, ErrRegular)
	}
	return os.Open(path)
}

// stat refuses what is no regular file: a pipe or a device has no contents to map.
func stat(f *os.File) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrRegular
	}
	return info, err
}

// newFile maps a part of f and takes f over.
func newFile(f *os.File, path string, offset, size int64) (m *File, err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	m = &File{file: f, path: path, off: offset}
	if m.info, err = stat(f); err != nil {
		return nil, err
	}
	if path != "" {
		if m.abs, err = filepath.Abs(path); err != nil {
			return nil, err
		}
	}
	total := m.info.Size()
	if size == 0 && offset >= 0 && offset <= total {
		size = total - offset
	}
	if offset < 0 || size < 0 || offset > total || size > total-offset || size > math.MaxInt-int64(pageSize) {
		return nil, fmt.Errorf("%w: %d bytes at %d of %d", ErrBounds, size, offset, total)
	}
	if size == 0 { // nothing to map
		return m, nil
	}
	lead := offset % int64(granularity)
	m.block, err = mapFile(f, offset-lead, int(size+lead), false)
	if errors.Is(err, errors.ErrUnsupported) {
		if err = m.read(f, offset, size); err != nil {
			return nil, err
		}
		m.file = nil
		return m, f.Close()
	}
	if err != nil {
		return nil, err
	}
	m.data = m.block[lead : lead+size : lead+size]
	return m, nil
}

// read fills m with a copy of a part of f.
func (m *File) read(f *os.File, offset, size int64) error {
	if size == 0 {
		return nil
	}
	if size > math.MaxInt-int64(pageSize) {
		return fmt.Errorf("%w: %d bytes do not fit the address space", ErrBounds, size)
	}
	block, err := mapAnon(int(size))
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, size), block[:size]); err != nil {
		unmapAnon(block)
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = ErrTruncated
		}
		return err
	}
	m.block, m.data = block, block[:size:size]
	return nil
}

// Bytes returns the file's contents; writing to them faults. It returns nil after Close.
func (m *File) Bytes() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.data
}

// Mapped reports whether the bytes are the file's own pages, and not a copy in memory.
func (m *File) Mapped() bool { return m.file != nil }

// Path returns the path given to Open, "" after OpenFD.
func (m *File) Path() string { return m.path }

// Check compares the file with what it was when it was opened. It returns nil, or an error that wraps ErrTruncated,
// ErrChanged (size or modification time), ErrRemoved or ErrReplaced (the path leads to another file; the mapping itself is
// intact then). A copy in memory always passes.
func (m *File) Check() error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	name := m.path
	if name == "" {
		name = "descriptor"
	}
	if m.info == nil {
		return fmt.Errorf("mmap: check %s: %w", name, ErrClosed)
	}
	if m.file == nil {
		return nil
	}
	now, err := m.file.Stat()
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	switch size := now.Size(); {
	case size < m.off+int64(len(m.data)):
		return fmt.Errorf("mmap: %s: %w: from %d to %d bytes", name, ErrTruncated, m.info.Size(), size)
	case size != m.info.Size():
		return fmt.Errorf("mmap: %s: %w: from %d to %d bytes", name, ErrChanged, m.info.Size(), size)
	case !now.ModTime().Equal(m.info.ModTime()):
		return fmt.Errorf("mmap: %s: %w at %v", name, ErrChanged, now.ModTime())
	}
	if m.path == "" {
		return nil
	}
	there, err := os.Stat(m.abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("mmap: %s: %w", name, ErrRemoved)
	case err != nil:
		return fmt.Errorf("mmap: %w", err)
	case !os.SameFile(there, now):
		return fmt.Errorf("mmap: %s: %w", name, ErrReplaced)
	}
	return nil
}

// Advise gives advice about n bytes from off; n 0 means up to the end. The range is widened to whole pages, for Drop
// narrowed to them. A copy in memory takes no advice.
func (m *File) Advise(a Advice, off, n int) error {
	return m.with("advise", off, n, func(b []byte) error {
		switch {
		case m.file == nil:
			return nil
		case a == Drop:
			at := m.off - int64(len(m.block)-len(m.data)) + int64(cap(m.block)-cap(b))
			return drop(m.file, b, at)
		}
		return advise(b, a)
	}, a == Drop)
}

// Lock keeps the file in memory. The system limits how much a process may lock (ulimit -l).
func (m *File) Lock() error { return m.with("lock", 0, 0, lock, false) }

// Unlock undoes Lock.
func (m *File) Unlock() error { return m.with("unlock", 0, 0, unlock, false) }

// Resident returns how many bytes are in memory now, counted in whole pages: in the file cache on Unix (Linux tells of
// files that the caller owns or may write, and counts others as resident), in this process's working set on Windows. The error
// wraps errors.ErrUnsupported where the system does not tell.
func (m *File) Resident() (int64, error) {
	var n int64
	err := m.with("resident", 0, 0, func(b []byte) (err error) {
		n, err = resident(b)
		n = min(n, int64(len(m.data)))
		return err
	}, false)
	return n, err
}

// with calls do with the pages that hold n bytes from off; inner: with the pages that lie wholly inside.
func (m *File) with(what string, off, n int, do func([]byte) error, inner bool) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.info == nil {
		return fmt.Errorf("mmap: %s: %w", what, ErrClosed)
	}
	b, err := pages(m.block, len(m.block)-len(m.data), len(m.data), off, n, inner)
	if err == nil && len(b) > 0 {
		err = do(b)
	}
	if err != nil {
		return fmt.Errorf("mmap: %s %s: %w", what, m.path, err)
	}
	return nil
}

// pages returns the pages of block (which begins at a page) that hold the range [off, off+n) of the size bytes from lead.
func pages(block []byte, lead, size, off, n int, inner bool) ([]byte, error) {
	if n == 0 && off >= 0 && off <= size {
		n = size - off
	}
	if off < 0 || n < 0 || off > size || n > size-off {
		return nil, fmt.Errorf("%w: %d bytes at %d of %d", ErrBounds, n, off, size)
	}
	lo, hi := lead+off, lead+off+n
	if inner {
		end := hi
		lo = (lo + pageSize - 1) / pageSize * pageSize
		hi = hi / pageSize * pageSize
		if end == lead+size {
			hi = len(block) // nothing else lies on the last page
		}
		if lo >= hi {
			return nil, nil
		}
	} else {
		lo = lo / pageSize * pageSize
	}
	return block[lo:hi], nil
}

// Close unmaps the file.
func (m *File) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.info == nil {
		return fmt.Errorf("mmap: close: %w", ErrClosed)
	}
	var err error
	switch {
	case m.block == nil:
	case m.file == nil:
		err = unmapAnon(m.block)
	default:
		err = unmap(m.block)
	}
	if m.file != nil {
		err = errors.Join(err, m.file.Close())
	}
	m.info, m.data, m.block = nil, nil, nil
	return err
}
