//go:build unix

package mmap_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/testenv"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// shrunk maps a file of n bytes and truncates it to keep bytes.
func shrunk(t *testing.T, n, keep int) *mmap.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	if err := os.Truncate(path, int64(keep)); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestTruncatedWhileMapped: a read of what is gone is an error, the process lives, what is left can be read, and the file knows what
// happened.
func TestTruncatedWhileMapped(t *testing.T) {
	page := os.Getpagesize()
	for _, keep := range []int{0, 10, page, 3 * page} {
		f := shrunk(t, 8*page, keep)
		sum := 0
		err := par.Guard(func() error {
			for _, b := range f.Bytes() {
				sum += int(b) + 1
			}
			return nil
		})
		if !testenv.IsFault(err) {
			t.Fatalf("%d bytes left: %v, want ErrFault", keep, err)
		}
		if whole := (keep + page - 1) / page * page; sum != whole {
			t.Errorf("%d bytes left: %d bytes were read before the fault, want %d", keep, sum, whole)
		}
		if err := f.Check(); !errors.Is(err, mmap.ErrTruncated) {
			t.Errorf("%d bytes left: Check says %v", keep, err)
		}
		// What copies for the runtime faults too.
		dst := make([]byte, 8*page)
		if err := par.Guard(func() error { copy(dst, f.Bytes()); return nil }); !testenv.IsFault(err) {
			t.Errorf("%d bytes left: copy: %v", keep, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSpillTruncatedWhileMapped: so does a write.
func TestSpillTruncatedWhileMapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spill")
	b, err := mmap.CreateSpill(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := par.Guard(func() error { clear(b.Bytes()); return nil }); !testenv.IsFault(err) {
		t.Errorf("%v, want ErrFault", err)
	}
}

// TestTruncatedUnderKernels multiplies with weights that are gone, in every format and with every implementation, generic and
// assembly, on several workers; then with weights that are there, on the same pool.
func TestTruncatedUnderKernels(t *testing.T) {
	page := os.Getpagesize()
	const cols = 512
	pool := par.NewPool(3)
	defer pool.Close()
	mul := func(m quant.Matrix, n int) error {
		x := make([]float32, n*m.Cols)
		for i := range x {
			x[i] = float32(i%7) - 3
		}
		y := make([]float32, n*m.Rows)
		team, done := pool.Pass(context.Background())
		defer done()
		var mem seq.Arena
		var in quant.Input
		if err := in.Set(x, n, m.Cols, false, team, &mem); err != nil {
			return err
		}
		return quant.Mul(&in, team, &mem, quant.Job{M: m, Y: y, Stride: m.Rows})
	}
	for _, format := range quant.Formats() {
		rowBytes := cols / format.Elems * format.Size
		rows := 4 * page / rowBytes
		f := shrunk(t, rows*rowBytes, page)
		m, err := quant.NewMatrix(format.Type, rows, cols, f.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		fine, err := quant.NewMatrix(format.Type, rows, cols, make([]byte, rows*rowBytes))
		if err != nil {
			t.Fatal(err)
		}
		impl.Each("quant", func(name string) {
			impl.Each("vec", func(floats string) {
				for _, n := range []int{1, 2, 9} {
					if err := mul(m, n); !testenv.IsFault(err) {
						t.Errorf("%s, %s and %s, %d rows: %v, want ErrFault", format.Name, name, floats, n, err)
					}
					if err := mul(fine, n); err != nil {
						t.Errorf("%s, %s and %s, %d rows: the next product: %v", format.Name, name, floats, n, err)
					}
				}
			})
		})
		f.Close()
	}
}
