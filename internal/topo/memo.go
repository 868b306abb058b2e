package topo

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
)

// Memo remembers numbers of workers in a file. What cannot be read or written is not remembered, and that is all: the number can be
// measured again.
type Memo struct{ Path string } // "": nothing is remembered

// memoFile is the file's content.
type memoFile struct {
	Format  int            `json:"format"`
	Workers map[string]int `json:"workers"` // by key
}

const (
	memoFormat = 1
	memoKeys   = 64      // the file is begun anew when there are more: old versions, other quotas
	memoBytes  = 1 << 20 // of a file that is still read
)

// Get returns what is remembered for key if it lies in [1, most]; else 0.
func (m Memo) Get(key string, most int) int {
	n := m.read().Workers[key]
	if n < 1 || n > most {
		return 0
	}
	return n
}

// Put remembers n for key. Two processes at once lose one's number, never the file.
func (m Memo) Put(key string, n int) {
	if m.Path == "" {
		return
	}
	f := m.read()
	if f.Workers == nil || len(f.Workers) >= memoKeys {
		f.Workers = map[string]int{}
	}
	f.Format, f.Workers[key] = memoFormat, n
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return
	}
	dir := filepath.Dir(m.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return
	}
	tmp, err := os.CreateTemp(dir, ".threads-*")
	if err != nil {
		return
	}
	_, err = tmp.Write(append(data, '\n'))
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), m.Path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
}

func (m Memo) read() (f memoFile) {
	if m.Path == "" {
		return f
	}
	// A pipe or a device in its place would block or never end.
	if st, err := os.Stat(m.Path); err != nil || !st.Mode().IsRegular() {
		return f
	}
	file, err := os.Open(m.Path)
	if err != nil {
		return f
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, memoBytes))
	if err != nil || json.Unmarshal(data, &f) != nil || f.Format != memoFormat {
		return memoFile{}
	}
	return f
}
