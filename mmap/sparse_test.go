package mmap_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/godwit-ai/godwit/mmap"
)

// TestSparse reserves, writes, flushes and sends away parts of a file, and reads them all at the end.
func TestSparse(t *testing.T) {
	const n, step = 3 << 20, 100_000
	dir := t.TempDir()
	b, err := mmap.CreateSparse(dir, n)
	if err != nil {
		t.Fatal(err)
	}
	x := b.Bytes()
	if len(x) != n {
		t.Fatalf("%d bytes, want %d", len(x), n)
	}
	if left, err := os.ReadDir(dir); runtime.GOOS != "windows" && (err != nil || len(left) > 0) {
		t.Errorf("in use: %v, %v", left, err)
	}
	for off := 0; off < n; off += step {
		k := min(step, n-off)
		if err := b.Reserve(off, k); err != nil {
			t.Fatal(err)
		}
		for i := range x[off : off+k] {
			if x[off+i] != 0 {
				t.Fatalf("byte %d is not zero", off+i)
			}
			x[off+i] = byte((off + i) % 251)
		}
		if err := errors.Join(b.Flush(off, k), b.Away(off, k)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.Sync(), b.Advise(mmap.Drop, 0, 0), b.Advise(mmap.WillNeed, step, 3*step)); err != nil {
		t.Fatal(err)
	}
	for i, v := range x {
		if v != byte(i%251) {
			t.Fatalf("byte %d is %d", i, v)
		}
	}
	if err := b.Free(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Reserve after Free", b.Reserve(0, 1), mmap.ErrClosed)
	wantErr(t, "Flush after Free", b.Flush(0, 1), mmap.ErrClosed)
	wantErr(t, "Away after Free", b.Away(0, 1), mmap.ErrClosed)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("after Free: %v, %v", left, err)
	}
}

func TestSparseErrors(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		_, err := mmap.CreateSparse(dir, n)
		wantErr(t, "impossible size", err, mmap.ErrBounds)
	}
	if _, err := mmap.CreateSparse(filepath.Join(dir, "none"), 10); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	b, err := mmap.CreateSparse(dir, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	for _, r := range [][2]int{{-1, 1}, {0, 101}, {101, 0}, {50, 51}, {1, math.MaxInt}, {0, -1}} {
		wantErr(t, "Reserve outside", b.Reserve(r[0], r[1]), mmap.ErrBounds)
	}
	if err := b.Reserve(100, 0); err != nil {
		t.Error(err)
	}
	anon, err := mmap.Anon(100)
	if err != nil {
		t.Fatal(err)
	}
	defer anon.Free()
	wantErr(t, "Reserve of anonymous memory", anon.Reserve(0, 1), errors.ErrUnsupported)
	wantErr(t, "Away with anonymous memory", anon.Away(0, 0), errors.ErrUnsupported)
	if err := anon.Flush(0, 0); err != nil {
		t.Error(err)
	}
}
