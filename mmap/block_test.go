package mmap_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"github.com/godwit-ai/godwit/mmap"
)

func TestAnon(t *testing.T) {
	for _, n := range sizes {
		b, err := mmap.Anon(n)
		if err != nil {
			t.Fatal(n, err)
		}
		p := b.Bytes()
		if len(p) != n || cap(p) != n {
			t.Fatalf("%d bytes: length %d, capacity %d", n, len(p), cap(p))
		}
		if n > 0 && uintptr(unsafe.Pointer(&p[0]))%4096 != 0 {
			t.Errorf("%d bytes: not at a page", n)
		}
		for i := range p {
			if p[i] != 0 {
				t.Fatalf("%d bytes: byte %d is %d", n, i, p[i])
			}
			p[i] = 1
		}
		for _, a := range []mmap.Advice{mmap.Normal, mmap.Sequential, mmap.Random, mmap.WillNeed, mmap.Huge} {
			if err := b.Advise(a, 0, 0); err != nil {
				t.Errorf("%d bytes: advice %d: %v", n, a, err)
			}
		}
		if n > 0 && bytes.IndexByte(p, 0) >= 0 {
			t.Errorf("%d bytes: advice changed the contents", n)
		}
		wantDrop := errors.ErrUnsupported
		if n == 0 {
			wantDrop = nil
		}
		wantErr(t, "drop", b.Advise(mmap.Drop, 0, 0), wantDrop)
		wantErr(t, "grow", b.Grow(1<<20), errors.ErrUnsupported)
		if err := b.Sync(); err != nil {
			t.Error(err)
		}
		if err := b.Free(); err != nil {
			t.Error(err)
		}
	}
	for _, n := range []int{-1, math.MinInt, math.MaxInt} {
		_, err := mmap.Anon(n)
		wantErr(t, "impossible size", err, mmap.ErrBounds)
	}
	if _, err := mmap.Anon(math.MaxInt / 2); err == nil {
		t.Error("no error for half the address space")
	}
}

// TestZero zeroes ranges that begin and end anywhere and looks at every byte.
func TestZero(t *testing.T) {
	const n = 5*4096 + 100
	spill, err := mmap.CreateSpill(t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	anon, err := mmap.Anon(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*mmap.Block{anon, spill} {
		p := b.Bytes()
		for _, c := range [][2]int{{0, 0}, {0, 1}, {1, 4095}, {1, 4096}, {4096, 4096}, {4095, 4098}, {100, 3 * 4096}, {4 * 4096, 0}, {n - 1, 1}, {n, 0}, {5000, 0}} {
			for i := range p {
				p[i] = 0xaa
			}
			if err := b.Zero(c[0], c[1]); err != nil {
				t.Fatal(c, err)
			}
			end := c[0] + c[1]
			if c[1] == 0 {
				end = n
			}
			for i := range p {
				if zeroed := i >= c[0] && i < end; zeroed != (p[i] == 0) {
					t.Fatalf("%v: byte %d is %#x", c, i, p[i])
				}
			}
		}
		if err := b.Free(); err != nil {
			t.Error(err)
		}
	}
}

func TestBlockAfterFree(t *testing.T) {
	for name, mk := range map[string]func() (*mmap.Block, error){
		"anon":  func() (*mmap.Block, error) { return mmap.Anon(10_000) },
		"empty": func() (*mmap.Block, error) { return mmap.Anon(0) },
		"spill": func() (*mmap.Block, error) { return mmap.CreateSpill(t.TempDir(), 10_000) },
	} {
		b, err := mk()
		if err != nil {
			t.Fatal(name, err)
		}
		if err := b.Free(); err != nil {
			t.Fatal(name, err)
		}
		_, resident := b.Resident()
		for what, err := range map[string]error{"Free": b.Free(), "Advise": b.Advise(mmap.Normal, 0, 0), "Zero": b.Zero(0, 0), "Lock": b.Lock(),
			"Unlock": b.Unlock(), "Sync": b.Sync(), "Grow": b.Grow(20_000), "Resident": resident} {
			wantErr(t, name+": "+what, err, mmap.ErrClosed)
		}
		if b.Bytes() != nil {
			t.Error(name, "Bytes after Free")
		}
	}
}

// TestSpill writes through a named spill file's map and reads the file.
func TestSpill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill")
	const n = 100_001
	b, err := mmap.CreateSpill(path, n)
	if err != nil {
		t.Fatal(err)
	}
	p := b.Bytes()
	if len(p) != n || bytes.Count(p, []byte{0}) != n {
		t.Fatalf("%d bytes, %d of them zero", len(p), bytes.Count(p, []byte{0}))
	}
	for i := range p {
		p[i] = byte(i*7 + i>>8)
	}
	want := bytes.Clone(p)
	if err := b.Advise(mmap.Drop, 0, 0); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Error("drop lost changes")
	}
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
	f := open(t, path)
	if !bytes.Equal(f.Bytes(), want) {
		t.Error("the file does not hold what was written")
	}
	if _, err := mmap.CreateSpill(path, n); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second spill file at the same path: %v", err)
	}
	if err := b.Free(); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("after Free: %d bytes, %v", len(got), err)
	}
}

// TestSpillGrow keeps slices from before each Grow, and writes and reads through old and new ones.
func TestSpillGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill")
	b, err := mmap.CreateSpill(path, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var olds [][]byte
	for n := 1000; n < 1_000_000; n = n*2 + 1 {
		if err := b.Grow(int64(n)); err != nil {
			t.Fatal(n, err)
		}
		p := b.Bytes()
		if len(p) != n {
			t.Fatalf("%d bytes, want %d", len(p), n)
		}
		for i, old := range olds {
			if p[i] != byte(i+1) || old[i] != byte(i+1) {
				t.Fatalf("size %d: slice %d holds %d, the map %d", n, i, old[i], p[i])
			}
		}
		if p[n-1] != 0 {
			t.Fatal("new bytes are not zero")
		}
		olds = append(olds, p)
		p[len(olds)-1] = byte(len(olds))
		olds[0][999] = byte(len(olds))
		if p[999] != byte(len(olds)) {
			t.Fatal("a write through an old slice does not show in the new one")
		}
	}
	wantErr(t, "shrink", b.Grow(10), mmap.ErrBounds)
	wantErr(t, "beyond the address space", b.Grow(math.MaxInt64), mmap.ErrBounds)
	before := len(b.Bytes())
	if err := b.Grow(1 << 60); err == nil {
		t.Error("no error for 2^60 bytes")
	}
	if st, err := os.Stat(path); err != nil || st.Size() != int64(before) || len(b.Bytes()) != before {
		t.Errorf("after a failed Grow: file %d bytes, map %d, want %d, %v", st.Size(), len(b.Bytes()), before, err)
	}
	b.Bytes()[before-1] = 9
	if err := b.Free(); err != nil {
		t.Error(err)
	}
}

func TestSpillErrors(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		_, err := mmap.CreateSpill(dir, n)
		wantErr(t, "impossible size", err, mmap.ErrBounds)
	}
	if _, err := mmap.CreateSpill(filepath.Join(dir, "none", "spill"), 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	// More than any disk has: the reservation must fail, and leave nothing behind.
	if _, err := mmap.CreateSpill(filepath.Join(dir, "big"), 1<<60); err == nil {
		t.Error("no error for 2^60 bytes")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestSpillUnnamed: nothing is left in the directory, even while the spill file is in use.
func TestSpillUnnamed(t *testing.T) {
	dir := t.TempDir()
	b, err := mmap.CreateSpill(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b.Bytes()[1<<19] = 1
	if left, err := os.ReadDir(dir); runtime.GOOS != "windows" && (err != nil || len(left) > 0) {
		t.Errorf("in use: %v, %v", left, err)
	}
	if err := b.Grow(2 << 20); err != nil {
		t.Error(err)
	}
	if b.Bytes()[1<<19] != 1 {
		t.Error("Grow lost a byte")
	}
	if err := b.Free(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("after Free: %v, %v", left, err)
	}
}
