package main

import (
	"errors"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/mmap"
)

// container is a GGUF file seen without the engine, for files that hold no model that runs.
type container struct {
	file *gguf.File
	maps []*mmap.File
}

// openContainer maps and parses the file at path, all parts of a split one.
func openContainer(path string) (*container, error) {
	c := &container{}
	if err := c.open(path); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *container) open(path string) error {
	parts, err := gguf.SplitPaths(path)
	if err != nil {
		return err
	}
	var files []*gguf.File
	for _, p := range parts {
		m, err := mmap.Open(p)
		if err != nil {
			return err
		}
		c.maps = append(c.maps, m)
		err = par.Guard(func() error {
			f, err := gguf.Parse(m.Bytes())
			files = append(files, f)
			return err
		})
		if err != nil {
			return err
		}
	}
	return par.Guard(func() (err error) {
		c.file, err = gguf.Join(files)
		return err
	})
}

func (c *container) close() error {
	var errs []error
	for _, m := range c.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// sizes returns the bytes of every file.
func (c *container) sizes() (files []inspectFile, total int64) {
	for _, m := range c.maps {
		n := int64(len(m.Bytes()))
		files = append(files, inspectFile{m.Path(), n})
		total += n
	}
	return files, total
}

// resident returns the bytes that are in memory now; -1 where the system does not tell.
func (c *container) resident() (total int64, err error) {
	for _, m := range c.maps {
		n, err := m.Resident()
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return -1, nil
		case err != nil:
			return 0, err
		}
		total += n
	}
	return total, nil
}
