package mmap

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestCopySparse: a copy has the bytes and takes no more room; copyAll, which systems without better ones use, too.
func TestCopySparse(t *testing.T) {
	dir := t.TempDir()
	src, err := os.Create(filepath.Join(dir, "src"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	const size = 40<<20 + 123
	want := make([]byte, size)
	for _, at := range []int{0, 5 << 20, 5<<20 + 70000, 39 << 20, size - 10} {
		copy(want[at:], "some bytes")
		if _, err := src.WriteAt(want[at:at+10], int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range map[string]func(dst, src *os.File) error{"best": CopySparse, "all": func(dst, src *os.File) error {
		if err := dst.Truncate(size); err != nil {
			return err
		}
		return copyAll(dst, src, 0, size)
	}} {
		dst, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := f(dst, src); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := os.ReadFile(dst.Name())
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes (%v)", name, err)
		}
		if st, err := dst.Stat(); err != nil || OnDisk(st) > 1<<20 {
			t.Errorf("%s: takes %d bytes (%v)", name, OnDisk(st), err)
		}
		dst.Close()
	}
}
