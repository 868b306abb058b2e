package quant

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestNewMatrix(t *testing.T) {
	for _, c := range []struct {
		name       string
		typ        Type
		rows, cols int
		data       int
		want       error
	}{
		{"F32", F32, 2, 3, 24, nil},
		{"Q4_K", Q4_K, 3, 512, 3 * 2 * 144, nil},
		{"unregistered", IQ2_XS, 1, 256, 74, ErrType},
		{"unknown", 12345, 1, 256, 74, ErrType},
		{"part of a block", Q4_K, 1, 128, 72, ErrShape},
		{"short", Q8_0, 2, 32, 67, ErrShape},
		{"long", Q8_0, 2, 32, 69, ErrShape},
		{"no rows", Q8_0, 0, 32, 0, ErrShape},
		{"no columns", Q8_0, 1, 0, 0, ErrShape},
		{"negative", Q8_0, -1, 32, 34, ErrShape},
		{"negative columns", Q8_0, 1, -32, 34, ErrShape},
		{"both negative", F32, -1, -1, 4, ErrShape},
		{"row overflows", F32, 1, math.MaxInt/4 + 1, 0, ErrShape},
		{"product overflows", F32, math.MaxInt / 2, 8, 0, ErrShape},
		{"wraps to the length", F32, 1 << 61, 2, 0, ErrShape},
	} {
		m, err := NewMatrix(c.typ, c.rows, c.cols, make([]byte, c.data))
		if !errors.Is(err, c.want) || (err == nil) != (m.Format != nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestPartialBlocks: no format takes a row that ends inside a block, and its encoder and decoder do not either.
func TestPartialBlocks(t *testing.T) {
	for _, f := range Formats() {
		if f.Elems == 1 {
			continue
		}
		for _, cols := range []int{1, f.Elems - 1, f.Elems + 1, 3*f.Elems - 16, 1<<40 + 1} {
			if m, err := NewMatrix(f.Type, 1, cols, make([]byte, 4*f.Size)); !errors.Is(err, ErrShape) || m.Format != nil {
				t.Errorf("%s of %d columns: %v, want ErrShape", f.Name, cols, err)
			}
			if cols > 1<<20 {
				continue
			}
			dst, y := guarded(4*f.Size), make([]float32, cols)
			if !panics(func() { f.Encode(dst, row("bell", 1, cols), nil) }) || bytes.Count(dst, []byte{0xc3}) != len(dst) {
				t.Errorf("%s: Encode of %d values does not refuse them, or writes first", f.Name, cols)
			}
			if !panics(func() { f.Decode(y, dst) }) {
				t.Errorf("%s: Decode of %d values does not refuse them", f.Name, cols)
			}
		}
		x := row("bell", 1, 2*f.Elems)
		if !panics(func() { f.Encode(make([]byte, 2*f.Size), x, x[1:]) }) || !panics(func() { f.Encode(make([]byte, 2*f.Size-1), x, nil) }) ||
			!panics(func() { f.Decode(x, make([]byte, 2*f.Size-1)) }) {
			t.Errorf("%s: too short a slice is not refused", f.Name)
		}
	}
}

func TestMatrixRows(t *testing.T) {
	for _, f := range Formats() {
		const rows, cols = 5, 512
		data := make([]byte, rows*cols/f.Elems*f.Size)
		n := len(data) / rows
		for r := range rows {
			f.Encode(data[r*n:(r+1)*n], row("bell", uint64(r), cols), nil)
		}
		m, err := NewMatrix(f.Type, rows, cols, data)
		if err != nil {
			t.Fatal(err)
		}
		if m.RowBytes() != n {
			t.Errorf("%s: RowBytes = %d, want %d", f.Name, m.RowBytes(), n)
		}
		all := make([]float32, rows*cols)
		f.Decode(all, data)
		s := m.Slice(1, 4)
		if s.Rows != 3 || s.Cols != cols || len(s.Data) != 3*n || cap(s.Data) != 3*n {
			t.Errorf("%s: Slice has %d rows, %d bytes", f.Name, s.Rows, len(s.Data))
		}
		y := make([]float32, cols+1) // a longer dst keeps its rest
		y[cols] = 7
		for r := range 3 {
			s.DecodeRow(y, r)
			if !bytes.Equal(bits(y[:cols]), bits(all[(r+1)*cols:(r+2)*cols])) || y[cols] != 7 {
				t.Errorf("%s: row %d differs", f.Name, r)
			}
		}
		if e := m.Slice(2, 2); e.Rows != 0 || len(e.Data) != 0 {
			t.Errorf("%s: an empty slice has %d rows", f.Name, e.Rows)
		}
	}
}
