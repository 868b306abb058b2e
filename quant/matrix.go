package quant

import (
	"fmt"
	"math"
)

// Matrix is a matrix of weights in some format, row-major: row r is the RowBytes bytes from r*RowBytes of Data.
// Data may be part of a mapped file; a Matrix never writes to it and may be shared by any number of readers.
type Matrix struct {
	Format     *Format
	Rows, Cols int
	Data       []byte // [Rows, RowBytes]
}

// NewMatrix checks that the type is registered, that a row is whole blocks and that data is exactly as long as
// the matrix, and wraps data without copying. Its errors wrap ErrType or ErrShape.
func NewMatrix(t Type, rows, cols int, data []byte) (Matrix, error) {
	f, ok := Lookup(t)
	if !ok {
		return Matrix{}, fmt.Errorf("matrix of %v: %w", t, ErrType)
	}
	if rows < 1 || cols < 1 {
		return Matrix{}, fmt.Errorf("matrix of %v, %d×%d: %w: a dimension is not positive", t, rows, cols, ErrShape)
	}
	if cols%f.Elems != 0 {
		return Matrix{}, fmt.Errorf("matrix of %v, %d×%d: %w: columns are not a multiple of the block's %d elements",
			t, rows, cols, ErrShape, f.Elems)
	}
	blocks := cols / f.Elems
	if blocks > math.MaxInt/f.Size || rows > math.MaxInt/(blocks*f.Size) {
		return Matrix{}, fmt.Errorf("matrix of %v, %d×%d: %w: size overflows", t, rows, cols, ErrShape)
	}
	if want := rows * blocks * f.Size; len(data) != want {
		return Matrix{}, fmt.Errorf("matrix of %v, %d×%d: %w: %d bytes of data instead of %d",
			t, rows, cols, ErrShape, len(data), want)
	}
	return Matrix{Format: f, Rows: rows, Cols: cols, Data: data}, nil
}

// RowBytes is the length of a row in bytes.
func (m Matrix) RowBytes() int { return m.Cols / m.Format.Elems * m.Format.Size }

// Row is the stored bytes of row r.
func (m Matrix) Row(r int) []byte {
	n := m.RowBytes()
	return m.Data[r*n : (r+1)*n : (r+1)*n]
}

// DecodeRow writes the Cols values of row r to dst.
func (m Matrix) DecodeRow(dst []float32, r int) { m.Format.Decode(dst[:m.Cols], m.Row(r)) }

// Slice is the matrix of the rows r0 up to, not including, r1, sharing the data.
func (m Matrix) Slice(r0, r1 int) Matrix {
	n := m.RowBytes()
	m.Data = m.Data[r0*n : r1*n : r1*n]
	m.Rows = r1 - r0
	return m
}
