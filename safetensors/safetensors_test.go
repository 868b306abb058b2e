package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
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
