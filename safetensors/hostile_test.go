package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

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
	{"deep JSON in a shape", build(`{"x":{"dtype":"F32","shape":`+strings.Repeat("[", 1<<16)+`}}`, nil), ErrHeader},
	{"deep JSON in the metadata", build(`{"__metadata__":{"a":`+strings.Repeat(`{"a":`, 1<<16)+`}}`, nil), ErrHeader},
	{"deep JSON in an unknown field", build(`{"x":{"y":`+strings.Repeat("[", 1<<16), nil), ErrHeader},
	{"two values", build(`{}{}`, nil), ErrHeader},
	{"a long string after the end", build(`{}"`+strings.Repeat("x", 1<<16)+`"`, nil), ErrHeader},
	{"a long number as a dimension", build(one(`"F32"`, "["+strings.Repeat("9", 1<<16)+"]", "[0,4]"), make([]byte, 4)), ErrHeader},
	{"a number with an exponent", build(one(`"F32"`, "[1e0]", "[0,4]"), make([]byte, 4)), ErrHeader},
	{"NUL bytes as padding", build("{}\x00\x00", nil), ErrHeader},
	{"data inside the header", append(binary.LittleEndian.AppendUint64(nil, 100), make([]byte, 100)...), ErrHeader},
	{"null as a tensor", build(`{"x":null}`, nil), ErrHeader},
	{"null as an offset", build(one(`"F32"`, "[1]", "[null,4]"), make([]byte, 4)), ErrHeader},
	{"missing field", build(`{"x":{"dtype":"F32","shape":[1]}}`, make([]byte, 4)), ErrHeader},
	{"unknown field", build(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"y":1}}`, make([]byte, 4)), ErrHeader},
	{"metadata of numbers", build(`{"__metadata__":{"a":1}}`, nil), ErrHeader},
	{"duplicate tensor", build(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
		make([]byte, 8)), ErrDuplicate},
	{"duplicate by escape", build(`{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"\u0078":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
		make([]byte, 8)), ErrDuplicate},
	{"duplicate field", build(`{"x":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}}`, make([]byte, 4)), ErrDuplicate},
	{"duplicate by broken UTF-8", build("{\"\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"\xfe\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
		make([]byte, 8)), ErrDuplicate},
	{"duplicate __metadata__", build(`{"__metadata__":{},"__metadata__":{}}`, nil), ErrDuplicate},
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
	{"overlap by one byte, not neighbours in the header", build(`{"x":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},"z":{"dtype":"U8","shape":[4],"data_offsets":[8,12]},`+
		`"y":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, make([]byte, 12)), ErrOffsets},
	{"an empty tensor inside another", build(`{"x":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"y":{"dtype":"U8","shape":[0],"data_offsets":[4,4]}}`,
		make([]byte, 8)), ErrOffsets},
	{"an empty tensor beyond the file", build(`{"x":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"y":{"dtype":"U8","shape":[0],"data_offsets":[9,9]}}`,
		make([]byte, 8)), ErrTruncated},
	{"sizes whose sum wraps", build(`{"x":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[0,9223372036854775807]},`+
		`"y":{"dtype":"U8","shape":[9223372036854775807],"data_offsets":[9223372036854775807,18446744073709551614]}}`, make([]byte, 8)), ErrTruncated},
	{"gap", build(one(`"F32"`, "[1]", "[4,8]"), make([]byte, 8)), ErrOffsets},
	{"bytes of no tensor", build(one(`"F32"`, "[1]", "[0,4]"), make([]byte, 8)), ErrOffsets},
}

// TestHostile: each fault is refused with its error, which stays short, and with no more memory than a few KB and some times the file.
func TestHostile(t *testing.T) {
	for _, c := range hostile {
		var f *File
		var err error
		bytes := allocated(func() { f, err = Parse(c.data) })
		if f != nil || !errors.Is(err, c.want) || !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, %v, want %v", c.name, f, err, c.want)
			continue
		}
		if len(err.Error()) > 400 {
			t.Errorf("%s: the error has %d characters", c.name, len(err.Error()))
		}
		if bytes > 32<<10+8*uint64(len(c.data)) {
			t.Errorf("%s: a file of %d bytes made the parser allocate %d", c.name, len(c.data), bytes)
		}
	}
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileManyTensors: tensors that hold nothing, all at one place, are cheap to claim; memory stays a multiple of the header.
func TestHostileManyTensors(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, `,"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`, i)
	}
	data := build("{"+b.String()[1:]+"}", nil)
	if got := allocated(func() {
		if f, err := Parse(data); err != nil || len(f.Tensors) != 100_000 {
			t.Error(err)
		}
	}); got > 48*uint64(len(data)) {
		t.Errorf("%d bytes allocated for a file of %d", got, len(data))
	}
}

// TestTruncatedAnywhere cuts a valid file after every byte.
func TestTruncatedAnywhere(t *testing.T) {
	data := build(two, make([]byte, 12))
	if _, err := Parse(data); err != nil {
		t.Fatal(err)
	}
	for n := range data {
		// A slice of its own, so that an over-read cannot go unnoticed.
		if f, err := Parse(bytes.Clone(data[:n])); f != nil || !errors.Is(err, ErrTruncated) {
			t.Errorf("%d of %d bytes: %v, %v", n, len(data), f, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(build(two, make([]byte, 12)))
	for _, c := range hostile {
		f.Add(c.data)
	}
	f.Add(build(`{"é\n":{"data_offsets":[0,16],"shape":[2,1,1],"dtype":"F64"},"":{"dtype":"F8_E4M3","shape":[],"data_offsets":[16,17]}}`, make([]byte, 17)))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			if file != nil || !errors.Is(err, ErrFormat) || len(err.Error()) > 1000 {
				t.Fatalf("%v, %v", file, err)
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
			if err := e.Floats(make([]float32, e.Elems()), 0); err != nil && !errors.Is(err, ErrDType) {
				t.Fatal(err)
			}
		}
		if total > len(data) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(data))
		}
	})
}
