package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// build puts a header before data.
func build(header string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

const two = `{"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,2],"data_offsets":[4,12]},` +
	`"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"none":{"dtype":"I64","shape":[0,3],"data_offsets":[4,4]}}   `

func TestParse(t *testing.T) {
	data := []byte{0, 0, 128, 63, 0, 60, 0, 64, 0, 66, 0, 68}
	f, err := Parse(build(two, data))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Tensors) != 3 || f.Metadata["format"] != "pt" {
		t.Fatalf("%+v", f)
	}
	a, _ := f.Tensor("a")
	b, ok := f.Tensor("b")
	if !ok || a.Elems() != 1 || b.Elems() != 4 || len(b.Data) != 8 || cap(b.Data) != 8 {
		t.Fatalf("%+v %+v", a, b)
	}
	x := make([]float32, 2)
	if err := b.Floats(x, 2); err != nil || x[0] != 3 || x[1] != 4 {
		t.Errorf("b[2:]: %v %v", x, err)
	}
	if err := a.Floats(x[:1], 0); err != nil || x[0] != 1 {
		t.Errorf("a: %v %v", x[:1], err)
	}
	if none, ok := f.Tensor("none"); !ok || none.Elems() != 0 {
		t.Errorf("empty tensor: %+v", none)
	}
	if _, ok := f.Tensor("c"); ok {
		t.Error("found a tensor that is not there")
	}
}

func TestFloats(t *testing.T) {
	f64 := binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.1))
	for dtype, data := range map[DType][]byte{F64: f64, F32: {0xcd, 0xcc, 0xcc, 0x3d}, F16: {0x66, 0x2e}, BF16: {0xcd, 0x3d}} {
		f, err := Parse(build(fmt.Sprintf(`{"x":{"dtype":"%s","shape":[1],"data_offsets":[0,%d]}}`, dtype, len(data)), data))
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, 1)
		if err := f.Tensors[0].Floats(x, 0); err != nil || math.Abs(float64(x[0])-0.1) > 1e-3 {
			t.Errorf("%s: %v %v", dtype, x, err)
		}
	}
	f, err := Parse(build(`{"x":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, []byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Tensors[0].Floats(make([]float32, 1), 0); !errors.Is(err, ErrDType) {
		t.Errorf("integers as floats: %v", err)
	}
}

// one makes a header of one tensor.
func one(dtype, shape, offsets string) string {
	return fmt.Sprintf(`{"x":{"dtype":%s,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets)
}

// hostile are files with one fault each, by the class of bug that they would meet in a careless parser.
var hostile = []struct {
	name string
	data []byte
	want error
}{
	{"empty file", nil, ErrTruncated},
	{"length cut", make([]byte, 7), ErrTruncated},
	{"header longer than the file", build(two, nil)[:20], ErrTruncated},
	{"header length 2^64-1", append(bytes.Repeat([]byte{255}, 8), "{}"...), ErrLimit},
	{"header length wraps to negative", append(binary.LittleEndian.AppendUint64(nil, 1<<63), "{}"...), ErrLimit},
	{"header over the limit", binary.LittleEndian.AppendUint64(nil, MaxHeader+1), ErrLimit},
	{"no JSON", build("\x80\x04K", nil), ErrHeader},
	{"JSON of another kind", build(`[]`, nil), ErrHeader},
	{"cut JSON", build(`{"x":{"dtype":"F32"`, nil), ErrHeader},
	{"deep JSON", build(`{"x":`+strings.Repeat("[", 1<<16), nil), ErrHeader},
	{"two values", build(`{}{}`, nil), ErrHeader},
	{"missing field", build(`{"x":{"dtype":"F32","shape":[1]}}`, make([]byte, 4)), ErrHeader},
	{"unknown field", build(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"y":1}}`, make([]byte, 4)), ErrHeader},
	{"metadata of numbers", build(`{"__metadata__":{"a":1}}`, nil), ErrHeader},
	{"duplicate tensor", build(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
		make([]byte, 8)), ErrDuplicate},
	{"duplicate by escape", build(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0078":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
		make([]byte, 8)), ErrDuplicate},
	{"duplicate field", build(`{"x":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}`, make([]byte, 4)), ErrDuplicate},
	{"duplicate metadata", build(`{"__metadata__":{"a":"","a":""}}`, nil), ErrDuplicate},
	{"long name", build(`{"`+strings.Repeat("x", MaxName+1)+`":{}}`, nil), ErrLimit},
	{"unknown type", build(one(`"F4"`, "[1]", "[0,1]"), make([]byte, 1)), ErrDType},
	{"type of another kind", build(one(`4`, "[1]", "[0,4]"), make([]byte, 4)), ErrHeader},
	{"negative dimension", build(one(`"F32"`, "[-1]", "[0,4]"), make([]byte, 4)), ErrHeader},
	{"fractional dimension", build(one(`"F32"`, "[1.5]", "[0,6]"), make([]byte, 6)), ErrHeader},
	{"dimension of 2^63", build(one(`"F32"`, "[9223372036854775808]", "[0,0]"), nil), ErrShape},
	{"dimension of 2^64", build(one(`"F32"`, "[18446744073709551616]", "[0,0]"), nil), ErrHeader},
	{"product wraps to the data's size", build(one(`"F32"`, "[4611686018427387905]", "[0,4]"), make([]byte, 4)), ErrShape},
	{"product of two wraps", build(one(`"I8"`, "[4294967296,4294967296]", "[0,0]"), nil), ErrShape},
	{"too many dimensions", build(one(`"F32"`, "[1,1,1,1,1,1,1,1,1]", "[0,4]"), make([]byte, 4)), ErrLimit},
	{"offsets reversed", build(one(`"F32"`, "[1]", "[4,0]"), make([]byte, 4)), ErrOffsets},
	{"offsets of another size", build(one(`"F32"`, "[2]", "[0,4]"), make([]byte, 4)), ErrOffsets},
	{"one offset", build(one(`"F32"`, "[1]", "[4]"), make([]byte, 4)), ErrOffsets},
	{"negative offset", build(one(`"F32"`, "[1]", "[-4,0]"), make([]byte, 4)), ErrHeader},
	{"offset beyond the file", build(one(`"F32"`, "[1]", "[8,12]"), make([]byte, 4)), ErrTruncated},
	{"offset of 2^64-4", build(one(`"F32"`, "[1]", "[18446744073709551611,18446744073709551615]"), make([]byte, 4)), ErrTruncated},
	{"data cut", build(one(`"F32"`, "[2]", "[0,8]"), make([]byte, 7)), ErrTruncated},
	{"overlap", build(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
		make([]byte, 8)), ErrOffsets},
	{"same place", build(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`,
		make([]byte, 4)), ErrOffsets},
	{"gap", build(one(`"F32"`, "[1]", "[4,8]"), make([]byte, 8)), ErrOffsets},
	{"bytes of no tensor", build(one(`"F32"`, "[1]", "[0,4]"), make([]byte, 8)), ErrOffsets},
}

func TestHostile(t *testing.T) {
	for _, c := range hostile {
		_, err := Parse(c.data)
		if !errors.Is(err, c.want) || !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestFixture reads a file that the reference implementation wrote.
func TestFixture(t *testing.T) {
	data, err := os.ReadFile("../testdata/arch/qwen3moe/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := f.Tensor("model.embed_tokens.weight")
	if !ok || len(e.Shape) != 2 || e.Shape[0] != 96 || e.Shape[1] != 32 || e.DType != BF16 {
		t.Errorf("embedding: %+v", e)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(build(two, make([]byte, 12)))
	for _, c := range hostile {
		f.Add(c.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("%v does not wrap ErrFormat", err)
			}
			return
		}
		total := 0
		for i := range file.Tensors {
			e := &file.Tensors[i]
			if found, ok := file.Tensor(e.Name); !ok || found != e {
				t.Fatalf("tensor %q is not found by its name", e.Name)
			}
			if len(e.Data) != e.Elems()*e.DType.Size() {
				t.Fatalf("%d bytes of data for %+v", len(e.Data), e)
			}
			total += len(e.Data)
			e.Floats(make([]float32, e.Elems()), 0)
		}
		if total > len(data) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(data))
		}
	})
}
