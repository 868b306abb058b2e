package mmap_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/mmap"
)

// write makes a file of n random bytes.
func write(t *testing.T, n int) (path string, want []byte) {
	t.Helper()
	want = make([]byte, n)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range want {
		want[i] = byte(rng.Uint32())
	}
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, want
}

func open(t *testing.T, path string) *mmap.File {
	t.Helper()
	f, err := mmap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// wantErr fails unless err wraps want.
func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

var sizes = []int{0, 1, 100, 4095, 4096, 4097, 65536, 65537, 1<<20 + 3}

func TestOpenAndRead(t *testing.T) {
	for _, n := range sizes {
		path, want := write(t, n)
		for name, how := range map[string]func(string) (*mmap.File, error){"Open": mmap.Open, "Read": mmap.Read} {
			f, err := how(path)
			if err != nil {
				t.Fatal(name, n, err)
			}
			if !bytes.Equal(f.Bytes(), want) {
				t.Errorf("%s of %d bytes: other contents", name, n)
			}
			if f.Path() != path {
				t.Errorf("%s: path %q", name, f.Path())
			}
			if f.Mapped() && name == "Read" {
				t.Error("Read maps")
			}
			if err := f.Check(); err != nil {
				t.Error(name, n, err)
			}
			for _, a := range []mmap.Advice{mmap.Normal, mmap.Sequential, mmap.Random, mmap.WillNeed, mmap.Huge, mmap.Drop} {
				if err := f.Advise(a, 0, 0); err != nil {
					t.Errorf("%s of %d bytes: advice %d: %v", name, n, a, err)
				}
			}
			if !bytes.Equal(f.Bytes(), want) {
				t.Errorf("%s of %d bytes: advice changed the contents", name, n)
			}
			if err := f.Close(); err != nil {
				t.Error(name, n, err)
			}
		}
	}
}

// TestDescriptor maps parts of a file through a descriptor, as Android hands out files inside an application package.
func TestDescriptor(t *testing.T) {
	path, want := write(t, 300_001)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct{ off, n int64 }{
		{0, 0}, {0, 1}, {1, 0}, {1, 1}, {4095, 2}, {4096, 4096}, {4097, 70_000}, {65_535, 65_537}, {300_000, 1}, {300_000, 0}, {300_001, 0},
	} {
		m, err := mmap.OpenFD(f.Fd(), c.off, c.n)
		if err != nil {
			t.Fatal(c, err)
		}
		end := c.off + c.n
		if c.n == 0 {
			end = int64(len(want))
		}
		if !bytes.Equal(m.Bytes(), want[c.off:end]) {
			t.Errorf("%v: other contents", c)
		}
		if cap(m.Bytes()) != len(m.Bytes()) {
			t.Errorf("%v: the slice can be extended by %d bytes", c, cap(m.Bytes())-len(m.Bytes()))
		}
		if err := m.Check(); err != nil || m.Path() != "" {
			t.Errorf("%v: %v, path %q", c, err, m.Path())
		}
		for _, a := range []mmap.Advice{mmap.WillNeed, mmap.Drop} {
			if err := m.Advise(a, 0, 0); err != nil {
				t.Errorf("%v: advice %d: %v", c, a, err)
			}
		}
		if !bytes.Equal(m.Bytes(), want[c.off:end]) {
			t.Errorf("%v: advice changed the contents", c)
		}
		if err := m.Close(); err != nil {
			t.Error(c, err)
		}
	}
	for _, c := range []struct{ off, n int64 }{
		{-1, 0}, {0, -1}, {0, 300_002}, {300_002, 0}, {300_001, 1}, {1, math.MaxInt64}, {math.MaxInt64, 1}, {math.MinInt64, 0}, {math.MaxInt64, math.MaxInt64},
	} {
		_, err := mmap.OpenFD(f.Fd(), c.off, c.n)
		wantErr(t, "range outside", err, mmap.ErrBounds)
	}
	// The mapping outlives the descriptor it came from.
	m, err := mmap.OpenFD(f.Fd(), 5, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	f.Close()
	if !bytes.Equal(m.Bytes(), want[5:15]) {
		t.Error("contents after the descriptor was closed")
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
	if _, err := mmap.OpenFD(^uintptr(0), 0, 0); err == nil {
		t.Error("no error for descriptor -1")
	}
}

func TestDescriptorOfPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	_, err = mmap.OpenFD(r.Fd(), 0, 0)
	wantErr(t, "pipe", err, mmap.ErrRegular)
}

func TestOpenWhatIsNoFile(t *testing.T) {
	for name, how := range map[string]func(string) (*mmap.File, error){"Open": mmap.Open, "Read": mmap.Read} {
		_, err := how(t.TempDir())
		wantErr(t, name+" of a directory", err, mmap.ErrRegular)
		_, err = how(filepath.Join(t.TempDir(), "none"))
		wantErr(t, name+" of a missing file", err, fs.ErrNotExist)
		_, err = how("")
		wantErr(t, name+" of no path", err, fs.ErrNotExist)
	}
}

func TestUseAfterClose(t *testing.T) {
	path, _ := write(t, 10_000)
	empty, _ := write(t, 0)
	for _, p := range []string{path, empty} {
		for name, how := range map[string]func(string) (*mmap.File, error){"Open": mmap.Open, "Read": mmap.Read} {
			f, err := how(p)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(name, err)
			}
			_, resident := f.Resident()
			for what, err := range map[string]error{"Close": f.Close(), "Check": f.Check(), "Advise": f.Advise(mmap.Normal, 0, 0), "Lock": f.Lock(),
				"Unlock": f.Unlock(), "Resident": resident} {
				wantErr(t, name+": "+what, err, mmap.ErrClosed)
			}
			if f.Bytes() != nil {
				t.Error(name, "Bytes after Close")
			}
		}
	}
}

func TestRanges(t *testing.T) {
	path, _ := write(t, 10_000)
	f := open(t, path)
	b, err := mmap.Anon(10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	for _, c := range [][2]int{{-1, 0}, {0, -1}, {10_001, 0}, {0, 10_001}, {9_999, 2}, {math.MaxInt, 1}, {1, math.MaxInt}, {math.MinInt, math.MinInt}} {
		wantErr(t, "File.Advise", f.Advise(mmap.WillNeed, c[0], c[1]), mmap.ErrBounds)
		wantErr(t, "Block.Advise", b.Advise(mmap.WillNeed, c[0], c[1]), mmap.ErrBounds)
		wantErr(t, "Block.Zero", b.Zero(c[0], c[1]), mmap.ErrBounds)
	}
	for _, c := range [][2]int{{0, 0}, {0, 1}, {10_000, 0}, {9_999, 1}, {4_096, 4_096}, {1, 9_999}} {
		for _, a := range []mmap.Advice{mmap.WillNeed, mmap.Drop} {
			if err := f.Advise(a, c[0], c[1]); err != nil {
				t.Error(c, err)
			}
		}
	}
	if runtime.GOOS == "linux" {
		wantErr(t, "unknown advice", f.Advise(99, 0, 0), errors.ErrUnsupported)
	}
}

// TestCheck changes the file in every way that Check tells apart.
func TestCheck(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Log("a mapped file can be neither truncated nor removed here")
	}
	later := time.Now().Add(time.Hour)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	other := func(path string) string {
		must(os.WriteFile(path+".new", []byte("another"), 0o600))
		return path + ".new"
	}
	for name, c := range map[string]struct {
		do   func(path string)
		want error
		path bool // told only by the path
	}{
		"nothing":   {func(string) {}, nil, false},
		"truncated": {func(p string) { must(os.Truncate(p, 5_000)) }, mmap.ErrTruncated, false},
		"emptied":   {func(p string) { must(os.Truncate(p, 0)) }, mmap.ErrTruncated, false},
		"grown":     {func(p string) { must(os.Truncate(p, 20_000)) }, mmap.ErrChanged, false},
		"touched":   {func(p string) { must(os.Chtimes(p, later, later)) }, mmap.ErrChanged, false},
		"removed":   {func(p string) { must(os.Remove(p)) }, mmap.ErrRemoved, true},
		"replaced":  {func(p string) { must(os.Rename(other(p), p)) }, mmap.ErrReplaced, true},
		"linked":    {func(p string) { n := other(p); must(os.Remove(p)); must(os.Symlink(n, p)) }, mmap.ErrReplaced, true},
	} {
		if runtime.GOOS == "windows" && c.want != nil && name != "touched" {
			continue
		}
		path, want := write(t, 10_000)
		f := open(t, path)
		copied, err := mmap.Read(path)
		must(err)
		file, err := os.Open(path)
		must(err)
		fd, err := mmap.OpenFD(file.Fd(), 0, 0)
		must(err)
		file.Close()
		c.do(path)
		wantErr(t, name, f.Check(), c.want)
		wantFD := c.want
		if c.path {
			wantFD = nil
		}
		wantErr(t, name+" (descriptor)", fd.Check(), wantFD)
		wantErr(t, name+" (copy)", copied.Check(), nil)
		if !bytes.Equal(copied.Bytes(), want) {
			t.Errorf("%s: the copy changed", name)
		}
		if c.path && !bytes.Equal(f.Bytes(), want) {
			t.Errorf("%s: the mapping changed", name)
		}
		must(fd.Close())
		must(copied.Close())
	}
}

// TestCheckElsewhere: Check finds the file after the working directory changed.
func TestCheckElsewhere(t *testing.T) {
	path, _ := write(t, 10)
	t.Chdir(filepath.Dir(path))
	f := open(t, "file")
	if f.Path() != "file" {
		t.Errorf("path %q", f.Path())
	}
	t.Chdir(t.TempDir())
	if err := f.Check(); err != nil {
		t.Error(err)
	}
}

func TestLock(t *testing.T) {
	path, _ := write(t, 3000) // a page: below every limit on locked memory
	f := open(t, path)
	b, err := mmap.Anon(3000)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	for _, m := range []interface {
		Lock() error
		Unlock() error
		Resident() (int64, error)
	}{f, b} {
		if err := m.Lock(); err != nil {
			t.Errorf("%T: %v", m, err)
		}
		if n, err := m.Resident(); err != nil && !errors.Is(err, errors.ErrUnsupported) || err == nil && n == 0 {
			t.Errorf("%T: %d bytes resident after Lock, %v", m, n, err)
		}
		if err := m.Unlock(); err != nil {
			t.Errorf("%T: %v", m, err)
		}
	}
}

// TestConcurrent calls everything at once; the race detector and the final Close judge.
func TestConcurrent(t *testing.T) {
	path, want := write(t, 100_000)
	f := open(t, path)
	b, err := mmap.CreateSpill(t.TempDir(), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 50 {
				f.Advise(mmap.Advice(i%5), 0, 0)
				f.Resident()
				if err := f.Check(); err != nil {
					t.Error(err)
				}
				if !bytes.Equal(f.Bytes()[g*100:g*100+100], want[g*100:g*100+100]) {
					t.Error("other contents")
				}
				b.Bytes()[g*1000+i] = 1
				b.Advise(mmap.Drop, 0, 0)
				if g == 0 && i%10 == 0 {
					if err := b.Grow(int64(100_000 + 10_000*i)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := bytes.Count(b.Bytes(), []byte{1}); n != 200 {
		t.Errorf("%d writes survived, want 200", n)
	}
	// Close and Free while others ask: errors are fine, races and faults are not.
	for range 4 {
		wg.Go(func() {
			for range 200 {
				f.Resident()
				f.Check()
				b.Resident()
				b.Sync()
			}
		})
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Free(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
