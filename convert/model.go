package convert

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/seq"
)

// Model is a mapped GGUF model that another file is made of. What File aliases is read under par's guard.
type Model struct {
	File *gguf.File
	maps []*mmap.File
}

// Open maps the GGUF model at in, all parts of a split one, of which none may be the file out.
func Open(in, out string) (*Model, error) {
	m := &Model{}
	if err := m.open(in, out); err != nil {
		return nil, m.Close(err)
	}
	return m, nil
}

func (m *Model) open(in, out string) error {
	paths, err := gguf.SplitPaths(in)
	if err != nil {
		return err
	}
	for _, p := range paths {
		if same(p, out) {
			return fmt.Errorf("%s: the input cannot be the output", out)
		}
		f, err := mmap.Open(p)
		if err != nil {
			return err
		}
		m.maps = append(m.maps, f)
	}
	return par.Guard(func() error {
		var parts []*gguf.File
		for _, f := range m.maps {
			p, err := gguf.Parse(f.Bytes())
			if err != nil {
				return err
			}
			parts = append(parts, p)
		}
		var err error
		m.File, err = gguf.Join(parts)
		return err
	})
}

// Bytes is the size of the files.
func (m *Model) Bytes() (n int64) {
	for _, f := range m.maps {
		n += int64(len(f.Bytes()))
	}
	return n
}

// Close unmaps the files. It returns err, the error of the work, with what happened to a file when that is a memory fault.
func (m *Model) Close(err error) error {
	for _, f := range m.maps {
		if errors.Is(err, seq.ErrFault) {
			if e := f.Check(); e != nil {
				err = fmt.Errorf("%w: %w", err, e)
			}
		}
		f.Close()
	}
	return err
}
