package gguf

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/quant"
)

// madeUp builds the file that testdata/write.py builds with the gguf package.
func madeUp(t *testing.T) *Writer {
	t.Helper()
	w := &Writer{}
	for _, kv := range []struct {
		key   string
		value any
	}{
		{"general.architecture", "made-up"},
		{"a.uint8", uint8(200)}, {"a.int8", int8(-100)}, {"a.uint16", uint16(60000)}, {"a.int16", int16(-30000)},
		{"a.uint32", uint32(4000000000)}, {"a.int32", int32(-2000000000)}, {"a.float32", float32(0.1)},
		{"a.bool", true}, {"a.string", "naïve \u2581"}, {"a.uint64", uint64(1) << 63}, {"a.int64", int64(-1) << 62},
		{"a.float64", 0.1},
		{"array.strings", []string{"a", "", "ünï"}}, {"array.floats", []float32{0.5, -1e30}},
		{"array.ints", []int32{1, -2, 3}}, {"array.bools", []bool{true, false}},
		{"general.alignment", uint32(64)},
	} {
		if err := w.Set(kv.key, kv.value); err != nil {
			t.Fatal(err)
		}
	}
	f32, _ := quant.Lookup(quant.F32)
	f16, _ := quant.Lookup(quant.F16)
	x, y, z := make([]byte, 24), make([]byte, 10), make([]byte, 68)
	f32.Encode(x, []float32{0, 1, 2, 3, 4, 5}, nil)
	f16.Encode(y, []float32{0, 1, 2, 3, 4}, nil)
	for i := range z {
		z[i] = byte(i)
	}
	for _, e := range []struct {
		name string
		typ  Type
		dims []int
		data []byte
	}{{"x.weight", quant.F32, []int{3, 2}, x}, {"y.weight", quant.F16, []int{5}, y}, {"z.weight", quant.Q8_0, []int{32, 2}, z}} {
		if err := w.Add(e.name, e.typ, e.dims, Bytes(e.data)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func written(t *testing.T, w *Writer) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := w.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(b.Len()) {
		t.Errorf("WriteTo returns %d for %d bytes", n, b.Len())
	}
	return b.Bytes()
}

// TestWriterIndependent compares with the bytes of an independent writer.
func TestWriterIndependent(t *testing.T) {
	want, err := os.ReadFile("testdata/write.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if have := written(t, madeUp(t)); !bytes.Equal(have, want) {
		t.Errorf("%d bytes differ from the %d that the gguf package writes:\n%q\n%q", len(have), len(want), have, want)
	}
}

// TestWriterRoundTrip writes what was parsed, and parses it again.
func TestWriterRoundTrip(t *testing.T) {
	data := written(t, madeUp(t))
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer{}
	for key := range f.Meta.Keys() {
		if err := w.Copy(f.Meta, key); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range f.Tensors {
		if err := w.Add(e.Name, e.Type, e.Dims, Bytes(e.Data)); err != nil {
			t.Fatal(err)
		}
	}
	if again := written(t, w); !bytes.Equal(again, data) {
		t.Error("a file copied key by key and tensor by tensor differs")
	}
	if err := w.Set("a.int8", "replaced"); err != nil {
		t.Fatal(err)
	}
	g, err := Parse(written(t, w))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := g.Meta.String("a.int8"); s != "replaced" || !slices.Equal(slices.Collect(g.Meta.Keys()), slices.Collect(f.Meta.Keys())) {
		t.Errorf("a key set twice: %q, %v, keys %v", s, err, slices.Collect(g.Meta.Keys()))
	}
	if w.DataBytes() != 24+10+68 {
		t.Errorf("DataBytes: %d", w.DataBytes())
	}
}

// rewrite copies a parsed file key by key and tensor by tensor.
func rewrite(t *testing.T, f *File) []byte {
	t.Helper()
	w := &Writer{}
	for key := range f.Meta.Keys() {
		if err := w.Copy(f.Meta, key); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range f.Tensors {
		if err := w.Add(e.Name, e.Type, e.Dims, Bytes(e.Data)); err != nil {
			t.Fatal(err)
		}
	}
	return written(t, w)
}

// TestRoundTripIndependent: files of the gguf package, parsed and written again, are the same bytes: every kind of value, 18 tensor types,
// alignments of 32, 64 and 128, and the parts of a split model. So is what is written from the parts joined, after it was parsed.
func TestRoundTripIndependent(t *testing.T) {
	var parts []*File
	for _, name := range []string{"read.gguf", "write.gguf", "read-00001-of-00003.gguf", "read-00002-of-00003.gguf", "read-00003-of-00003.gguf"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(data)
		if err != nil {
			t.Fatal(name, err)
		}
		if again := rewrite(t, f); !bytes.Equal(again, data) {
			t.Errorf("%s: %d bytes differ from the %d of the file", name, len(again), len(data))
		}
		if strings.Contains(name, "-of-") {
			parts = append(parts, f)
		}
	}
	joined, err := Join(parts)
	if err != nil {
		t.Fatal(err)
	}
	data := rewrite(t, joined)
	whole, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(whole.Tensors) != 5 || !bytes.Equal(rewrite(t, whole), data) {
		t.Errorf("the joined model: %d tensors, or other bytes the second time", len(whole.Tensors))
	}
	for i := range whole.Tensors {
		if a, b := &whole.Tensors[i], &joined.Tensors[i]; a.Name != b.Name || !bytes.Equal(a.Data, b.Data) {
			t.Errorf("tensor %d: %s with %d bytes, want %s with %d", i, a.Name, len(a.Data), b.Name, len(b.Data))
		}
	}
}

// TestWriterArrays checks what the independent file leaves out: the remaining kinds of arrays and the empty ones.
func TestWriterArrays(t *testing.T) {
	w := &Writer{}
	values := []any{[]uint8{1, 2}, []int8{-1}, []uint16{65535}, []int16{-2}, []uint32{1 << 31}, []uint64{1 << 63},
		[]int64{-5}, []float64{0.1}, []string{}, []float32(nil)}
	kinds := []Kind{Uint8, Int8, Uint16, Int16, Uint32, Uint64, Int64, Float64, String, Float32}
	for i, v := range values {
		if err := w.Set("k"+strings.Repeat("x", i), v); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Parse(written(t, w))
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for key := range f.Meta.Keys() {
		if elem, _, ok := f.Meta.Array(key); !ok || elem != kinds[i] {
			t.Errorf("%T: read as an array of %v", values[i], elem)
		}
		i++
	}
	if a, err := f.Meta.Ints("kxxxxxx"); err != nil || a.At(0) != -5 {
		t.Errorf("int64 entries: %v", err)
	}
	if b, err := f.Meta.Bytes("k"); err != nil || !bytes.Equal(b, []byte{1, 2}) {
		t.Errorf("uint8 entries: %v %v", b, err)
	}
}

// TestWriterRefuses: nothing is accepted that Parse would refuse.
func TestWriterRefuses(t *testing.T) {
	one := Bytes(make([]byte, 4))
	for name, c := range map[string]struct {
		do   func(w *Writer) error
		want error
	}{
		"empty key":         {func(w *Writer) error { return w.Set("", true) }, ErrName},
		"key of bad UTF-8":  {func(w *Writer) error { return w.Set("\xff", true) }, ErrName},
		"long key":          {func(w *Writer) error { return w.Set(strings.Repeat("k", MaxName+1), true) }, ErrLimit},
		"long string":       {func(w *Writer) error { return w.Set("k", strings.Repeat("k", MaxString+1)) }, ErrLimit},
		"plain int":         {func(w *Writer) error { return w.Set("k", 1) }, ErrType},
		"struct":            {func(w *Writer) error { return w.Set("k", struct{ A int32 }{}) }, ErrType},
		"array of arrays":   {func(w *Writer) error { return w.Set("k", [][]int32{{1}}) }, ErrType},
		"nil":               {func(w *Writer) error { return w.Set("k", nil) }, ErrType},
		"alignment 24":      {func(w *Writer) error { return w.Set("general.alignment", uint32(24)) }, ErrAlignment},
		"alignment's type":  {func(w *Writer) error { return w.Set("general.alignment", uint64(32)) }, ErrAlignment},
		"copy of no key":    {func(w *Writer) error { return w.Copy(&Meta{}, "k") }, ErrMissing},
		"empty tensor name": {func(w *Writer) error { return w.Add("", quant.F32, []int{1}, one) }, ErrName},
		"long tensor name":  {func(w *Writer) error { return w.Add(strings.Repeat("t", MaxTensor+1), quant.F32, []int{1}, one) }, ErrLimit},
		"no dimensions":     {func(w *Writer) error { return w.Add("t", quant.F32, nil, one) }, ErrShape},
		"five dimensions":   {func(w *Writer) error { return w.Add("t", quant.F32, []int{1, 1, 1, 1, 1}, one) }, ErrShape},
		"half a block":      {func(w *Writer) error { return w.Add("t", quant.Q8_0, []int{16}, one) }, ErrShape},
		"unknown type":      {func(w *Writer) error { return w.Add("t", 99, []int{1}, one) }, ErrType},
		"overflow":          {func(w *Writer) error { return w.Add("t", quant.F32, []int{1 << 32, 1 << 31}, one) }, ErrShape},
		"twice": {func(w *Writer) error {
			if err := w.Add("t", quant.F32, []int{1}, one); err != nil {
				return err
			}
			return w.Add("t", quant.F32, []int{1}, one)
		}, ErrDuplicate},
		"offsets overflow": {func(w *Writer) error {
			for _, name := range []string{"a", "b", "c"} {
				if err := w.Add(name, quant.F32, []int{1 << 60}, one); err != nil {
					return err
				}
			}
			_, err := w.WriteTo(io.Discard)
			return err
		}, ErrLimit},
		"data too short": {func(w *Writer) error {
			w.Add("t", quant.F32, []int{2}, one)
			_, err := w.WriteTo(io.Discard)
			return err
		}, ErrShape},
		"data too long": {func(w *Writer) error {
			w.Add("t", quant.F32, []int{2}, Bytes(make([]byte, 12)))
			_, err := w.WriteTo(io.Discard)
			return err
		}, ErrShape},
		"failing data": {func(w *Writer) error {
			w.Add("t", quant.F32, []int{2}, func(io.Writer) error { return io.ErrUnexpectedEOF })
			_, err := w.WriteTo(io.Discard)
			return err
		}, io.ErrUnexpectedEOF},
		"full disk": {func(w *Writer) error {
			_, err := w.WriteTo(full{})
			return err
		}, io.ErrShortWrite},
	} {
		if err := c.do(&Writer{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
