package gguf_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

// A file of this kind is what each test spoils in one place.
func valid() parts {
	return parts{
		keys: []raw{
			key("general.architecture", gguf.String, texts("made-up")),
			key("a.count", gguf.Uint32, raw(nil).u32(7)),
			key("a.tokens", gguf.Array, array(gguf.String, 3, texts("x", "", "yz"))),
			key("a.scores", gguf.Array, array(gguf.Float32, 2, raw(nil).u32(math.Float32bits(1)).u32(math.Float32bits(-2)))),
		},
		tensors: []raw{tensor("a.weight", quant.F32, 0, 4, 2), tensor("b.weight", quant.Q8_0, 32, 32, 2)},
		data:    32 + 68,
	}
}

func TestValid(t *testing.T) {
	for _, version := range []uint32{2, 3} {
		p := valid()
		p.head = raw("GGUF").u32(version)
		f := accept(t, p.bytes())
		if f.Version != version || f.Alignment != 32 || f.Meta.Len() != 4 || len(f.Tensors) != 2 {
			t.Errorf("%+v", f)
		}
		b, ok := f.Tensor("b.weight")
		if !ok || b.Name != "b.weight" || b.Type != quant.Q8_0 || fmt.Sprint(b.Dims) != "[32 2]" || len(b.Data) != 68 || cap(b.Data) != 68 ||
			b.Data[0] != 32 || b.Elems() != 64 {
			t.Errorf("%+v", b)
		}
		if m, err := b.Matrix(); err != nil || m.Rows != 2 || m.Cols != 32 {
			t.Errorf("%+v, %v", m, err)
		}
		if _, ok := f.Tensor("c.weight"); ok {
			t.Error("a tensor that is not there")
		}
	}
	if f := accept(t, parts{}.bytes()); f.Meta.Len() != 0 || len(f.Tensors) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestHostileMagic(t *testing.T) {
	for _, head := range []string{"", "G", "GGU", "FFUG\x03\x00\x00\x00", "\x00\x00\x00\x00\x00\x00\x00\x00", "PK\x03\x04\x00\x00\x00\x00", "ggml\x01\x00\x00\x00", "lmgg\x01\x00\x00\x00", "tjgg\x03\x00\x00\x00"} {
		p := valid()
		p.head = raw(head)
		data := p.bytes()
		if len(head) < 8 {
			data = []byte(head)
		}
		refuse(t, data, gguf.ErrMagic, "magic")
	}
	refuse(t, []byte("GGUF"), gguf.ErrTruncated, "header")
	refuse(t, []byte("GGUF\x03\x00\x00"), gguf.ErrTruncated, "header")
}

func TestHostileVersion(t *testing.T) {
	for _, v := range []uint32{0, 1, 4, 5, 255, 1 << 15, math.MaxUint32} {
		p := valid()
		p.head = raw("GGUF").u32(v)
		refuse(t, p.bytes(), gguf.ErrVersion, "version")
	}
}

// TestHostileBigEndian refuses both ways to write such a file.
func TestHostileBigEndian(t *testing.T) {
	for _, v := range []uint32{1, 2, 3} {
		p := valid()
		p.head = binary.BigEndian.AppendUint32(raw("GGUF"), v)
		refuse(t, p.bytes(), gguf.ErrBigEndian, "version")
		p.head = binary.BigEndian.AppendUint32(raw("FUGG"), v)
		refuse(t, p.bytes(), gguf.ErrBigEndian, "magic")
	}
}

// lies are counts and lengths that files should not be believed. Several of them wrap when they are multiplied or added.
var lies = []uint64{1 << 16, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1 << 60, 1 << 61, 1 << 62, 1<<63 - 1, 1 << 63, 1<<63 + 1,
	math.MaxUint64 / 13, math.MaxUint64/24 + 1, math.MaxUint64 - 8, math.MaxUint64}

func TestHostileTensorCount(t *testing.T) {
	for _, n := range append(lies, 3, 50) {
		p := valid()
		p.nt = ptr(n)
		want := gguf.ErrTruncated
		if n > gguf.MaxTensors {
			want = gguf.ErrLimit
		}
		field := "tensor"
		if n == 3 { // what follows the tensors is then read as one: its name is empty
			want = gguf.ErrName
		}
		refuse(t, p.bytes(), want, field)
	}
}

func TestHostileKeyCount(t *testing.T) {
	for _, n := range append(lies, 40) {
		p := valid()
		p.nk = ptr(n)
		want := gguf.ErrTruncated
		if n > gguf.MaxKeys {
			want = gguf.ErrLimit
		}
		refuse(t, p.bytes(), want, "key count")
	}
}

func TestHostileStringLength(t *testing.T) {
	for _, n := range append(lies, 1000) {
		limit := func(max uint64) error {
			if n > max {
				return gguf.ErrLimit
			}
			return gguf.ErrTruncated
		}
		p := valid()
		p.keys[0] = key("general.architecture", gguf.String, append(raw(nil).u64(n), "made-up"...))
		p.cut = true
		refuse(t, p.bytes(), limit(gguf.MaxString), `key "general.architecture"`)

		p = valid()
		p.keys[1] = append(raw(nil).u64(n), "a.count\x04\x00\x00\x00\x07\x00\x00\x00"...)
		p.cut = true
		refuse(t, p.bytes(), limit(gguf.MaxName), "key 1")

		p = valid()
		p.tensors[0] = append(raw(nil).u64(n), p.tensors[0][8:]...)
		p.cut = true
		refuse(t, p.bytes(), limit(gguf.MaxTensor), "name of tensor 0")

		p = valid()
		p.keys[2] = key("a.tokens", gguf.Array, array(gguf.String, 3, append(raw(nil).str("x").u64(n), "yz"...)))
		p.cut = true
		refuse(t, p.bytes(), limit(gguf.MaxString), `key "a.tokens"`)
	}
	// At the limits, with all the bytes there.
	long := strings.Repeat("k", gguf.MaxString)
	p := valid()
	p.keys[0] = key("general.architecture", gguf.String, texts(long))
	if s, err := accept(t, p.bytes()).Meta.String("general.architecture"); err != nil || s != long {
		t.Errorf("%d bytes, %v", len(s), err)
	}
	p.keys[0] = key("general.architecture", gguf.String, texts(long+"k"))
	refuse(t, p.bytes(), gguf.ErrLimit, `key "general.architecture"`)
	p.keys[0] = key(long[:gguf.MaxName], gguf.Bool, raw{1})
	if ok, err := accept(t, p.bytes()).Meta.Bool(long[:gguf.MaxName]); err != nil || !ok {
		t.Error(err)
	}
	p.keys[0] = key(long[:gguf.MaxName+1], gguf.Bool, raw{1})
	refuse(t, p.bytes(), gguf.ErrLimit, "key 0")
	p = valid()
	p.tensors[0] = tensor(long[:gguf.MaxTensor], quant.F32, 0, 4, 2)
	accept(t, p.bytes())
	p.tensors[0] = tensor(long[:gguf.MaxTensor+1], quant.F32, 0, 4, 2)
	refuse(t, p.bytes(), gguf.ErrLimit, "name of tensor 0")
	// Errors stay short, however long the key is.
	p = valid()
	p.keys[0] = key(long[:gguf.MaxName], 99, nil)
	refuse(t, p.bytes(), gguf.ErrType, "key")
}

func TestHostileName(t *testing.T) {
	for _, name := range []string{"", "\xff", "a\xc3", "\xed\xa0\x80"} {
		p := valid()
		p.keys[1] = key(name, gguf.Bool, raw{1})
		refuse(t, p.bytes(), gguf.ErrName, "key 1")
		p = valid()
		p.tensors[1] = tensor(name, quant.Q8_0, 32, 32, 2)
		refuse(t, p.bytes(), gguf.ErrName, "name of tensor 1")
	}
}

func TestHostileValueType(t *testing.T) {
	for _, k := range []gguf.Kind{13, 14, 255, 1 << 31, math.MaxUint32} {
		p := valid()
		p.keys[1] = key("a.count", k, make(raw, 64))
		refuse(t, p.bytes(), gguf.ErrType, `key "a.count"`)
		p.keys[1] = key("a.count", gguf.Array, array(k, 1, make(raw, 64)))
		refuse(t, p.bytes(), gguf.ErrType, `key "a.count"`)
		p.keys[1] = key("a.count", gguf.Array, array(k, 0, nil))
		refuse(t, p.bytes(), gguf.ErrType, `key "a.count"`)
	}
}

func TestHostileArrayNesting(t *testing.T) {
	// The deepest first: a reader that recurses would run out of stack.
	var nest raw
	for range 100_000 {
		nest = nest.u32(uint32(gguf.Array)).u64(1)
	}
	for _, v := range []raw{array(gguf.Array, 1, array(gguf.Int32, 1, raw(nil).u32(1))), array(gguf.Array, 0, nil), nest} {
		p := valid()
		p.keys[1] = key("a.count", gguf.Array, v)
		refuse(t, p.bytes(), gguf.ErrType, `key "a.count"`)
	}
}

// TestHostileArrayLength: the number of entries times their size wraps to something small.
func TestHostileArrayLength(t *testing.T) {
	for _, elem := range []gguf.Kind{gguf.Uint8, gguf.Int8, gguf.Bool, gguf.Uint16, gguf.Int16, gguf.Uint32, gguf.Int32, gguf.Float32, gguf.Uint64, gguf.Int64, gguf.Float64} {
		for _, n := range append(lies, 500) {
			p := valid()
			p.keys[3] = key("a.scores", gguf.Array, array(elem, n, make(raw, 8)))
			p.cut = true
			refuse(t, p.bytes(), gguf.ErrTruncated, `key "a.scores"`)
		}
	}
}

// TestHostileVocabularySize: an array of strings is indexed, so its length is limited, and what it claims must be there.
func TestHostileVocabularySize(t *testing.T) {
	for _, n := range append(lies, 4, 100, gguf.MaxElems, gguf.MaxElems+1) {
		p := valid()
		p.keys = p.keys[:3]
		p.keys[2] = key("a.tokens", gguf.Array, array(gguf.String, n, texts("x", "", "yz")))
		p.tensors, p.data, p.cut = nil, 0, true
		want := gguf.ErrTruncated
		if n > gguf.MaxElems {
			want = gguf.ErrLimit
		}
		refuse(t, p.bytes(), want, `key "a.tokens"`)
	}
}

func TestHostileDimensionCount(t *testing.T) {
	for _, n := range []uint32{5, 6, 255, 1 << 16, 1 << 31, math.MaxUint32} {
		p := valid()
		p.tensors[1] = append(raw(nil).str("b.weight").u32(n), make(raw, 200)...)
		refuse(t, p.bytes(), gguf.ErrShape, `tensor "b.weight"`)
	}
	for n := range 5 { // no dimensions: a scalar
		dims := []uint64{1, 1, 1, 1}[:n]
		p := valid()
		p.tensors[0] = tensor("a.weight", quant.F32, 0, dims...)
		f := accept(t, p.bytes())
		if a, _ := f.Tensor("a.weight"); len(a.Data) != 4 || a.Elems() != 1 {
			t.Errorf("%d dimensions: %+v", n, a)
		}
	}
}

func TestHostileDimension(t *testing.T) {
	for i := range 4 {
		for _, d := range []uint64{0, 1 << 63, math.MaxUint64} {
			dims := []uint64{1, 1, 1, 1}
			dims[i] = d
			p := valid()
			p.tensors[0] = tensor("a.weight", quant.F32, 0, dims...)
			refuse(t, p.bytes(), gguf.ErrShape, `tensor "a.weight"`)
		}
	}
}

// TestHostileTensorSizeWraps: the product of the dimensions, or its number of bytes, wraps to something small or negative.
func TestHostileTensorSizeWraps(t *testing.T) {
	for _, c := range []struct {
		typ  quant.Type
		dims []uint64
	}{
		{quant.F32, []uint64{1 << 32, 1 << 32}},
		{quant.F32, []uint64{1 << 62, 4}},
		{quant.F32, []uint64{1 << 62}},
		{quant.F32, []uint64{1<<63 - 1}},
		{quant.F64, []uint64{1 << 60}},
		{quant.F64, []uint64{1<<61 + 1}},
		{quant.F16, []uint64{1 << 16, 1 << 16, 1 << 16, 1 << 16}},
		{quant.F32, []uint64{1 << 31, 1 << 31, 2}},
		{quant.I8, []uint64{1<<63 - 1, 2}},
		{quant.Q8_0, []uint64{32, 1 << 62}},
		{quant.Q6_K, []uint64{256, 1 << 55}},
		{quant.F32, []uint64{3, 0x5555555555555556}},
	} {
		p := valid()
		p.tensors[0] = tensor("a.weight", c.typ, 0, c.dims...)
		refuse(t, p.bytes(), gguf.ErrShape, `tensor "a.weight"`)
		dims := make([]int, len(c.dims))
		for i, d := range c.dims {
			dims[i] = int(d)
		}
		if _, err := gguf.Size(c.typ, dims); !errors.Is(err, gguf.ErrShape) {
			t.Errorf("Size of %v %v: %v", c.typ, dims, err)
		}
	}
	// Large, but no overflow: the file is not that long.
	p := valid()
	p.tensors[0] = tensor("a.weight", quant.F32, 0, 1<<30, 1<<30)
	refuse(t, p.bytes(), gguf.ErrTruncated, `tensor "a.weight"`)
}

// TestHostileTensorSizeSumWraps: every size fits an int64, their sum does not.
func TestHostileTensorSizeSumWraps(t *testing.T) {
	p := valid()
	p.tensors = nil
	for i := range 9 {
		p.tensors = append(p.tensors, tensor(fmt.Sprint("t", i), quant.I8, 0, 1<<61))
	}
	refuse(t, p.bytes(), gguf.ErrTruncated, `tensor "t0"`)
	// The same with offsets that continue the sum, so that the last one's end wraps to a place inside the file.
	p.tensors = []raw{tensor("a", quant.I8, 0, 32), tensor("b", quant.I8, 32, 1<<62), tensor("c", quant.I8, 32+1<<62, 1<<62), tensor("d", quant.I8, 32+1<<63, 1<<62), tensor("e", quant.I8, 32+3<<62, 1<<62)}
	refuse(t, p.bytes(), gguf.ErrTruncated, `tensor "b"`)
}

func TestHostileOffsetOutside(t *testing.T) {
	p := valid()
	for _, off := range []uint64{64, 96, 128, 1 << 20, 1 << 31, 1 << 32, 1 << 62, 1 << 63, math.MaxUint64 - 31} {
		p.tensors[1] = tensor("b.weight", quant.Q8_0, off, 32, 2)
		refuse(t, p.bytes(), gguf.ErrTruncated, `tensor "b.weight"`)
	}
	// Offset plus size wraps.
	p.tensors[1] = tensor("b.weight", quant.I8, math.MaxUint64-31, 64)
	refuse(t, p.bytes(), gguf.ErrTruncated, `tensor "b.weight"`)
	// One byte short.
	p = valid()
	p.data--
	refuse(t, p.bytes(), gguf.ErrTruncated, `tensor "b.weight"`)
	// No data at all, and no padding.
	p.data, p.cut = 0, true
	refuse(t, p.bytes(), gguf.ErrTruncated, "tensor")
}

func TestHostileOffsetMisaligned(t *testing.T) {
	for _, off := range []uint64{1, 2, 4, 8, 16, 31, 33, 36, math.MaxUint64} {
		p := valid()
		p.data = 1000
		p.tensors[1] = tensor("b.weight", quant.Q8_0, off, 32, 2)
		refuse(t, p.bytes(), gguf.ErrAlignment, `tensor "b.weight"`)
	}
	p := valid()
	p.keys = append(p.keys, key("general.alignment", gguf.Uint32, raw(nil).u32(64)))
	p.align = 64
	refuse(t, p.bytes(), gguf.ErrAlignment, `tensor "b.weight"`) // at 32
	p.tensors[1] = tensor("b.weight", quant.Q8_0, 64, 32, 2)
	p.data = 64 + 68
	if f := accept(t, p.bytes()); f.Alignment != 64 || f.Tensors[1].Data[0] != 64 {
		t.Errorf("%+v", f)
	}
}

func TestHostileTensorsOverlap(t *testing.T) {
	for name, offs := range map[string][2]uint64{"same": {0, 0}, "b inside a": {0, 32}, "a inside b": {32, 0}, "by one byte": {0, 96}, "by one byte, other order": {96, 0}} {
		p := valid()
		p.data = 300
		p.tensors = []raw{tensor("a", quant.I8, offs[0], 97), tensor("b", quant.I8, offs[1], 97)}
		refuse(t, p.bytes(), gguf.ErrOverlap, `tensor "`)
		if name == "by one byte" {
			p.tensors = []raw{tensor("a", quant.I8, 0, 96), tensor("b", quant.I8, 96, 97)}
			accept(t, p.bytes())
		}
	}
	// Not neighbours in the file's order.
	p := valid()
	p.data = 300
	p.tensors = []raw{tensor("a", quant.I8, 0, 65), tensor("b", quant.I8, 128, 1), tensor("c", quant.I8, 64, 1)}
	refuse(t, p.bytes(), gguf.ErrOverlap, `tensor "c"`)
}

func TestHostileAlignment(t *testing.T) {
	for _, a := range []uint32{0, 3, 24, 31, 33, 48, gguf.MaxAlignment * 2, gguf.MaxAlignment + 1, 1 << 31, math.MaxUint32} {
		p := valid()
		p.keys = append(p.keys, key("general.alignment", gguf.Uint32, raw(nil).u32(a)))
		refuse(t, p.bytes(), gguf.ErrAlignment, "general.alignment")
	}
	for _, v := range []raw{key("general.alignment", gguf.Uint64, raw(nil).u64(32)), key("general.alignment", gguf.String, texts("32")),
		key("general.alignment", gguf.Float32, raw(nil).u32(0)), key("general.alignment", gguf.Array, array(gguf.Uint32, 1, raw(nil).u32(32)))} {
		p := valid()
		p.keys = append([]raw{v}, p.keys...)
		refuse(t, p.bytes(), gguf.ErrAlignment, "general.alignment")
	}
	for a := 1; a <= gguf.MaxAlignment; a *= 2 {
		p := valid()
		p.keys = append(p.keys, key("general.alignment", gguf.Uint32, raw(nil).u32(uint32(a))))
		p.align = a
		second := uint64(max(a, 32))
		p.tensors[1] = tensor("b.weight", quant.Q8_0, second, 32, 2)
		p.data = int(second) + 68
		if f := accept(t, p.bytes()); f.Alignment != a || f.Tensors[1].Data[1] != byte(second+1) {
			t.Errorf("alignment %d: %+v", a, f)
		}
	}
}

func TestHostileDuplicateKey(t *testing.T) {
	p := valid()
	p.keys = append(p.keys, key("a.count", gguf.Uint64, raw(nil).u64(8)))
	refuse(t, p.bytes(), gguf.ErrDuplicate, `key "a.count"`)
}

func TestHostileDuplicateTensor(t *testing.T) {
	p := valid()
	p.tensors = append(p.tensors, tensor("a.weight", quant.F32, 128, 1))
	p.data = 200
	refuse(t, p.bytes(), gguf.ErrDuplicate, `tensor "a.weight"`)
}

// TestHostileRowNotWholeBlocks: the number of elements is whole blocks, a row is not.
func TestHostileRowNotWholeBlocks(t *testing.T) {
	for _, f := range quant.Formats() {
		if f.Elems == 1 {
			continue
		}
		p := valid()
		p.data = 1 << 16
		p.tensors = []raw{tensor("a.weight", f.Type, 0, uint64(f.Elems/2), 2)}
		refuse(t, p.bytes(), gguf.ErrShape, `tensor "a.weight"`)
		p.tensors = []raw{tensor("a.weight", f.Type, 0, uint64(f.Elems), 2)}
		accept(t, p.bytes())
	}
}

func TestHostileTensorType(t *testing.T) {
	for _, typ := range []quant.Type{4, 5, 31, 32, 33, 36, 37, 38, 41, 99, 255, 1 << 31, math.MaxUint32} {
		p := valid()
		p.tensors[0] = tensor("a.weight", typ, 0, 4, 2)
		refuse(t, p.bytes(), gguf.ErrType, `tensor "a.weight"`)
	}
}

// TestUnsupportedTensorType: types that GGUF defines and godwit cannot compute with are listed, measured, and refused by name.
func TestUnsupportedTensorType(t *testing.T) {
	for typ := range quant.Type(64) {
		if _, ok := quant.Lookup(typ); ok {
			continue
		}
		if _, err := gguf.Size(typ, []int{1024, 2}); err != nil {
			continue
		}
		p := valid()
		p.data = 1 << 16
		p.tensors = []raw{tensor("a.weight", typ, 0, 1024, 2)}
		f := accept(t, p.bytes())
		_, err := f.Tensors[0].Matrix()
		if !errors.Is(err, quant.ErrType) || !strings.Contains(err.Error(), typ.String()) || !strings.Contains(err.Error(), "a.weight") {
			t.Errorf("%v: %v", typ, err)
		}
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		typ  quant.Type
		dims []int
		want int
	}{
		{quant.F32, []int{1}, 4}, {quant.F16, []int{3, 5}, 30}, {quant.Q4_0, []int{64, 3}, 108}, {quant.Q6_K, []int{256, 2, 3}, 1260},
		{quant.IQ2_XXS, []int{256}, 66}, {quant.TQ1_0, []int{512}, 108}, {quant.I64, []int{1, 2, 3, 4}, 192},
	} {
		if n, err := gguf.Size(c.typ, c.dims); err != nil || n != c.want {
			t.Errorf("%v %v: %d, %v, want %d", c.typ, c.dims, n, err, c.want)
		}
	}
	for _, dims := range [][]int{nil, {}, {1, 1, 1, 1, 1}, {0}, {-1}, {1, -5}, {math.MinInt, math.MinInt}} {
		if _, err := gguf.Size(quant.F32, dims); !errors.Is(err, gguf.ErrShape) {
			t.Errorf("%v: %v", dims, err)
		}
	}
	if _, err := gguf.Size(99, []int{1}); !errors.Is(err, gguf.ErrType) {
		t.Error(err)
	}
}

// TestTruncatedAnywhere cuts a valid file after every byte.
func TestTruncatedAnywhere(t *testing.T) {
	data := valid().bytes()
	accept(t, data)
	for n := range data {
		// A slice of its own, so that an over-read cannot go unnoticed.
		if f, err := gguf.Parse(append(make([]byte, 0, n), data[:n]...)); f != nil || !errors.Is(err, gguf.ErrFormat) {
			t.Errorf("%d of %d bytes: %v, %v", n, len(data), f, err)
		} else if n >= 4 && !errors.Is(err, gguf.ErrTruncated) {
			t.Errorf("%d of %d bytes: %v, want ErrTruncated", n, len(data), err)
		}
	}
}

// TestEveryByteChanged changes every byte of a valid file in several ways. Parse must not panic, and must not hand out anything
// that panics.
func TestEveryByteChanged(t *testing.T) {
	data := valid().bytes()
	changed := make([]byte, len(data))
	refused := 0
	for i := range data {
		for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff, data[i] ^ 1, data[i] + 1} {
			copy(changed, data)
			changed[i] = v
			f, err := gguf.Parse(changed)
			if err != nil {
				refused++
				if !errors.Is(err, gguf.ErrFormat) {
					t.Errorf("byte %d = %#x: %v", i, v, err)
				}
				continue
			}
			use(f)
		}
	}
	if refused < len(data) {
		t.Errorf("only %d changes of %d bytes were refused", refused, len(data))
	}
}

// TestArraysStayInTheFile: parsing an array of numbers allocates nothing for its entries, and one of strings four bytes each.
func TestArraysStayInTheFile(t *testing.T) {
	const n = 1 << 20
	numbers := parts{keys: []raw{key("a", gguf.Array, array(gguf.Float64, n, make(raw, 8*n)))}}.bytes()
	strs := parts{keys: []raw{key("a", gguf.Array, array(gguf.String, n, make(raw, 8*n)))}}.bytes()
	for name, c := range map[string]struct {
		data []byte
		most uint64
	}{"numbers": {numbers, 4 << 10}, "strings": {strs, 4*n + 16<<10}} {
		if got := allocated(func() { accept(t, c.data) }); got > c.most {
			t.Errorf("%s: %d bytes allocated, at most %d", name, got, c.most)
		}
	}
}
