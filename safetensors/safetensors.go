// Package safetensors reads the safetensors container of Hugging Face models: a JSON header and tensors behind it. The parser
// works over bytes, usually a mapped file, and does no I/O; tensors alias the bytes.
//
// Files may be hostile. The header's length is compared with the bytes that remain, the header is read token by token
// with limits, and names, types, shapes and offsets must fit together; a violation is an error that names the
// tensor.
package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/godwit-ai/godwit/quant"
)

// Limits on what a file may hold.
const (
	MaxHeader  = 100 << 20 // bytes, as in the reference implementation
	MaxTensors = 1 << 20
	MaxName    = 4096 // bytes of a tensor's name
	MaxDims    = 8
)

// Errors of this package; test with errors.Is. Everything that Parse returns also wraps ErrFormat.
var (
	ErrFormat    = errors.New("not a usable safetensors file")
	ErrTruncated = errors.New("file ends early")
	ErrLimit     = errors.New("limit exceeded")
	ErrHeader    = errors.New("bad header")
	ErrDuplicate = errors.New("duplicate name")
	ErrDType     = errors.New("unsupported element type")
	ErrShape     = errors.New("bad shape")
	ErrOffsets   = errors.New("bad data offsets")
)

// DType is an element type, as the header spells it.
type DType string

// The element types with whole bytes. Values of the float types can be read with Tensor.Floats.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U64  DType = "U64"
	U32  DType = "U32"
	U16  DType = "U16"
	U8   DType = "U8"
	Bool DType = "BOOL"
	E4M3 DType = "F8_E4M3"
	E5M2 DType = "F8_E5M2"
)

var sizes = map[DType]int{F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U64: 8, U32: 4, U16: 2, U8: 1,
	Bool: 1, E4M3: 1, E5M2: 1}

// Size returns the bytes of an element, 0 for an unknown type.
func (d DType) Size() int { return sizes[d] }

// Quant returns the GGUF type of the same bytes; ok is false if there is none.
func (d DType) Quant() (t quant.Type, ok bool) {
	switch d {
	case F32:
		return quant.F32, true
	case F16:
		return quant.F16, true
	case BF16:
		return quant.BF16, true
	}
	return 0, false
}

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string
	DType DType
	Shape []int  // slowest dimension first; empty for a scalar
	Data  []byte // aliases the file

	at uint64 // offset of Data behind the header
}

// Elems returns the number of elements.
func (t *Tensor) Elems() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Floats reads len(dst) values from element first on. The error wraps ErrDType unless the type is F64, F32, F16 or BF16. It panics, as
// a slice does, if the tensor has fewer elements.
func (t *Tensor) Floats(dst []float32, first int) error {
	size := t.DType.Size()
	data := t.Data[first*size : (first+len(dst))*size]
	if q, ok := t.DType.Quant(); ok {
		f, _ := quant.Lookup(q)
		f.Decode(dst, data)
		return nil
	}
	if t.DType != F64 {
		return fmt.Errorf("safetensors: tensor %q: %w: %s is no float type that can be read", t.Name, ErrDType, t.DType)
	}
	for i := range dst {
		dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(data[i*8:])))
	}
	return nil
}

// File is a parsed file.
type File struct {
	Tensors  []Tensor          // in the order of their data
	Metadata map[string]string // the header's "__metadata__"

	names map[string]int
}

// Tensor finds a tensor by its name.
func (f *File) Tensor(name string) (*Tensor, bool) {
	i, ok := f.names[name]
	if !ok {
		return nil, false
	}
	return &f.Tensors[i], true
}

// Parse reads a whole file. The errors wrap ErrFormat and one of the other errors of this package.
func Parse(data []byte) (*File, error) {
	f, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w: %w", ErrFormat, err)
	}
	return f, nil
}

func parse(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("%w: %d bytes, the header's length takes 8", ErrTruncated, len(data))
	}
	n, rest := binary.LittleEndian.Uint64(data), data[8:]
	if n > MaxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes, at most %d", ErrLimit, n, MaxHeader)
	}
	if n > uint64(len(rest)) {
		return nil, fmt.Errorf("%w: a header of %d bytes, %d left", ErrTruncated, n, len(rest))
	}
	f := &File{names: map[string]int{}}
	h := newHeader(rest[:n])
	if err := h.file(f); err != nil {
		return nil, err
	}
	return f, f.place(rest[n:])
}

// span is what a header says about a tensor's place.
type span struct{ from, to uint64 }

// check compares type, shape and place of a tensor.
func (t *Tensor) check(s span) error {
	size := uint64(t.DType.Size())
	if size == 0 {
		return fmt.Errorf("%w: %.40q", ErrDType, t.DType)
	}
	bytes := size
	for _, d := range t.Shape {
		if d > 0 && bytes > math.MaxInt/uint64(d) {
			return fmt.Errorf("%w: the size of %v overflows", ErrShape, t.Shape)
		}
		bytes *= uint64(d)
	}
	if s.from > s.to || s.to-s.from != bytes {
		return fmt.Errorf("%w: [%d, %d] for %d bytes of %s %v", ErrOffsets, s.from, s.to, bytes, t.DType, t.Shape)
	}
	t.at = s.from
	return nil
}

// place cuts the tensors out of the data. They must fill it without gaps, as the format demands.
func (f *File) place(data []byte) error {
	slices.SortStableFunc(f.Tensors, func(a, b Tensor) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.bytes(), b.bytes())) })
	end := uint64(0)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		size := t.bytes()
		switch left := uint64(len(data)); {
		case t.at < end:
			return fmt.Errorf("%w: tensor %.80q overlaps the one before", ErrOffsets, t.Name)
		case t.at > left || size > left-t.at:
			return fmt.Errorf("%w: tensor %.80q: %d bytes at %d of %d", ErrTruncated, t.Name, size, t.at, left)
		case t.at > end:
			return fmt.Errorf("%w: %d bytes before tensor %.80q belong to none", ErrOffsets, t.at-end, t.Name)
		}
		end = t.at + size
		t.Data = data[t.at:end:end]
		f.names[t.Name] = i
	}
	if end != uint64(len(data)) {
		return fmt.Errorf("%w: %d bytes at the end belong to no tensor", ErrOffsets, uint64(len(data))-end)
	}
	return nil
}

// bytes cannot overflow: check has seen the tensor.
func (t *Tensor) bytes() uint64 { return uint64(t.Elems()) * uint64(t.DType.Size()) }
