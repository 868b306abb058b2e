package gguf

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/quant"
)

// Type is a tensor's element type.
type Type = quant.Type

// Tensor is one tensor of a file.
type Tensor struct {
	Name string
	Type quant.Type
	Dims []int  // GGUF order: Dims[0] is the fastest, the length of a row
	Data []byte // aliases the file
}

// Matrix returns the tensor as a matrix whose columns are Dims[0] and whose rows are all other dimensions. The error
// wraps quant.ErrType if there is no code for the tensor's type.
func (t *Tensor) Matrix() (quant.Matrix, error) {
	rows, cols := 1, 1
	for i, d := range t.Dims {
		if i == 0 {
			cols = d
		} else {
			rows *= d // cannot overflow: Size was checked
		}
	}
	m, err := quant.NewMatrix(t.Type, rows, cols, t.Data)
	if err != nil {
		return m, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return m, nil
}

// Elems returns the number of elements.
func (t *Tensor) Elems() int {
	n := 1
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// block is the shape of a format's blocks.
type block struct{ elems, size int }

// blocks are those of GGUF's types for which package quant has no code: such tensors can be listed and measured.
var blocks = map[Type]block{
	quant.F64: {1, 8}, quant.I8: {1, 1}, quant.I16: {1, 2}, quant.I32: {1, 4}, quant.I64: {1, 8},
	quant.Q8_1: {32, 36}, quant.Q8_K: {256, 292},
	quant.IQ2_XXS: {256, 66}, quant.IQ2_XS: {256, 74}, quant.IQ2_S: {256, 82},
	quant.IQ3_XXS: {256, 98}, quant.IQ3_S: {256, 110}, quant.IQ1_S: {256, 50}, quant.IQ1_M: {256, 56},
	quant.IQ4_XS: {256, 136}, quant.TQ1_0: {256, 54}, quant.TQ2_0: {256, 66}, quant.NVFP4: {64, 36},
}

// Size returns the bytes of a tensor. The error wraps ErrType for a type that GGUF does not define, or ErrShape for
// dimensions that are not positive, rows that are not whole blocks, or a size beyond the address space.
func Size(t Type, dims []int) (int, error) {
	b, ok := blocks[t]
	if f, found := quant.Lookup(t); found {
		b, ok = block{f.Elems, f.Size}, true
	}
	if !ok {
		return 0, fmt.Errorf("%w: tensor type %d", ErrType, uint32(t))
	}
	if len(dims) == 0 || len(dims) > MaxDims {
		return 0, fmt.Errorf("%w: %d dimensions", ErrShape, len(dims))
	}
	elems := 1
	for _, d := range dims {
		if d < 1 {
			return 0, fmt.Errorf("%w: dimension %d", ErrShape, d)
		}
		if d > math.MaxInt/elems {
			return 0, fmt.Errorf("%w: the product of %v overflows", ErrShape, dims)
		}
		elems *= d
	}
	if dims[0]%b.elems != 0 {
		return 0, fmt.Errorf("%w: rows of %d are not whole blocks of %d (%v)", ErrShape, dims[0], b.elems, t)
	}
	if n := elems / b.elems; n <= math.MaxInt/b.size {
		return n * b.size, nil
	}
	return 0, fmt.Errorf("%w: the size of %v %v overflows", ErrShape, t, dims)
}
