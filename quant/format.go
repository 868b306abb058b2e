// Package quant holds the formats in which weights are stored, and the products of matrices in those formats with
// activations. Each block format is one file, named after it, that registers a [Format].
package quant

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Type is a tensor element type, with the numbers of the GGUF format.
type Type uint32

// GGUF's element types. The list is complete so that a file holding a type without a registered [Format] can be
// refused by name; adding a format means adding one file that calls [Register], not editing this list. The comments
// give the size of what is registered here; the file named after a type has its layout byte by byte (ggml's, from
// ggml-common.h).
const (
	F32     Type = 0 // 4 bytes a value
	F16     Type = 1 // 2 bytes a value
	Q4_0    Type = 2 // 32 values in 18 bytes, d*(q-8)
	Q4_1    Type = 3 // 32 in 20, d*q + m
	Q5_0    Type = 6 // 32 in 22, d*(q-16)
	Q5_1    Type = 7 // 32 in 24, d*q + m
	Q8_0    Type = 8 // 32 in 34, d*q
	Q8_1    Type = 9
	Q2_K    Type = 10 // 256 in 84, 16 groups with scale and minimum
	Q3_K    Type = 11 // 256 in 110, 16 groups with scale
	Q4_K    Type = 12 // 256 in 144, 8 groups with scale and minimum
	Q5_K    Type = 13 // 256 in 176, 8 groups with scale and minimum
	Q6_K    Type = 14 // 256 in 210, 16 groups with scale
	Q8_K    Type = 15
	IQ2_XXS Type = 16
	IQ2_XS  Type = 17
	IQ3_XXS Type = 18
	IQ1_S   Type = 19
	IQ4_NL  Type = 20 // 32 in 18, d*table[q]
	IQ3_S   Type = 21
	IQ2_S   Type = 22
	IQ4_XS  Type = 23
	I8      Type = 24
	I16     Type = 25
	I32     Type = 26
	I64     Type = 27
	F64     Type = 28
	IQ1_M   Type = 29
	BF16    Type = 30 // 2 bytes a value
	TQ1_0   Type = 34
	TQ2_0   Type = 35
	MXFP4   Type = 39 // 32 in 17, 4-bit floats with a power of two
	NVFP4   Type = 40
)

var typeNames = map[Type]string{
	F32: "F32", F16: "F16", BF16: "BF16", F64: "F64", I8: "I8", I16: "I16", I32: "I32", I64: "I64",
	Q4_0: "Q4_0", Q4_1: "Q4_1", Q5_0: "Q5_0", Q5_1: "Q5_1", Q8_0: "Q8_0", Q8_1: "Q8_1",
	Q2_K: "Q2_K", Q3_K: "Q3_K", Q4_K: "Q4_K", Q5_K: "Q5_K", Q6_K: "Q6_K", Q8_K: "Q8_K",
	IQ2_XXS: "IQ2_XXS", IQ2_XS: "IQ2_XS", IQ3_XXS: "IQ3_XXS", IQ1_S: "IQ1_S", IQ4_NL: "IQ4_NL",
	IQ3_S: "IQ3_S", IQ2_S: "IQ2_S", IQ4_XS: "IQ4_XS", IQ1_M: "IQ1_M",
	TQ1_0: "TQ1_0", TQ2_0: "TQ2_0", MXFP4: "MXFP4", NVFP4: "NVFP4",
}

// String gives the type's usual name, such as "Q4_K", or "type 99" for a number GGUF does not define.
func (t Type) String() string {
	if f, ok := Lookup(t); ok {
		return f.Name
	}
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Format describes how a row of float32 values is stored: blocks of Elems values in Size bytes each, one after
// the other. All multi-byte fields of a block are little endian.
type Format struct {
	Type  Type
	Name  string // as the field writes it: "Q4_K"
	Elems int    // elements of a block
	Size  int    // bytes of a block
	Group int    // elements that share a scale after Unpack, 32 or 16; 0 for the float formats, which have no Unpack
	Bits  int    // after Unpack, |q| < 1<<(Bits-1); 0 for the float formats

	// HasMin tells that values have an offset besides the scale.
	HasMin bool

	// Decode writes len(dst) values, a multiple of Elems, from the first len(dst)/Elems blocks of src. It is the
	// reference for every other reader of the format. It panics like any Go slice access if src is too short; no
	// content of src makes it fail.
	Decode func(dst []float32, src []byte)

	// Encode stores one row: len(src) values, a multiple of Elems, into the first len(src)/Elems blocks of dst.
	// importance, nil or one non-negative weight per column (len(src) of them), tells how much an error in each
	// column costs; formats without a choice to make ignore it. The row must be given whole, because some formats
	// weigh errors by the row's mean square. NaN and infinities give unspecified but valid blocks. A row that is not whole
	// blocks, too short a dst and importance of another length are programming errors: it panics before it writes.
	Encode func(dst []byte, src []float32, importance []float32)

	// Unpack splits blocks into small integers and per group scales, value = d*q + m:
	// float32(d[i/Group]*float32(q[i])) + m[i/Group] has exactly the bits that Decode writes for i (without HasMin:
	// the product alone; NaNs compare as equal). len(q) is a multiple of Elems and d and m have len(q)/Group
	// elements. m may be nil when HasMin is false; if given then, it is filled with zeros.
	Unpack func(q []int8, d, m []float32, src []byte)
}

// Errors of this package; test with errors.Is.
var (
	ErrType  = errors.New("unsupported tensor type")
	ErrShape = errors.New("bad matrix shape")
)

var (
	byType  = map[Type]*Format{}
	byName  = map[string]*Format{}
	formats []*Format // sorted by Type
)

// Register adds a format. It is meant for init functions: the registry is not locked, and an incomplete format or
// one whose type or name is taken is a programming error that panics.
func Register(f Format) {
	name := strings.ToUpper(f.Name)
	switch {
	case f.Name == "" || f.Elems <= 0 || f.Size <= 0 || f.Decode == nil || f.Encode == nil:
		panic(fmt.Sprintf("quant: Register(%q): incomplete format", f.Name))
	case f.Group > 0 && (f.Unpack == nil || f.Elems%f.Group != 0 || f.Bits < 2 || f.Bits > 9):
		panic(fmt.Sprintf("quant: Register(%q): bad group, bits or unpack", f.Name))
	case byType[f.Type] != nil || byName[name] != nil:
		panic(fmt.Sprintf("quant: Register(%q): type %d or name already registered", f.Name, uint32(f.Type)))
	}
	f.Encode = strict(f)
	byType[f.Type], byName[name] = &f, &f
	at, _ := slices.BinarySearchFunc(formats, f.Type, func(g *Format, t Type) int { return cmp.Compare(g.Type, t) })
	formats = slices.Insert(formats, at, &f)
}

// strict is Encode that panics on arguments that do not fit: an encoder by itself would drop the values after the last
// whole block.
func strict(f Format) func(dst []byte, src, importance []float32) {
	return func(dst []byte, src, importance []float32) {
		n := len(src) / f.Elems
		if len(src)%f.Elems != 0 || len(dst) < n*f.Size || importance != nil && len(importance) != len(src) {
			panic(fmt.Sprintf("quant: Encode of %d values to %d bytes of %s with %d weights", len(src), len(dst), f.Name, len(importance)))
		}
		f.Encode(dst[:n*f.Size], src, importance)
	}
}

// Lookup finds the format registered for a type.
func Lookup(t Type) (*Format, bool) {
	f, ok := byType[t]
	return f, ok
}

// ByName finds a format by its name in any case: "q4_k" or "Q4_K".
func ByName(name string) (*Format, bool) {
	f, ok := byName[strings.ToUpper(name)]
	return f, ok
}

// Formats lists the registered formats in the order of their types.
func Formats() []*Format { return slices.Clone(formats) }
