package gguf_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/quant"
)

// FuzzParse parses anything, uses everything in the result, and joins the file with itself and with a part that is in order.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/read*.gguf")
	if err != nil || len(seeds) < 6 {
		f.Fatal(seeds, err)
	}
	for _, s := range seeds {
		data, err := os.ReadFile(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	v := valid()
	f.Add(v.bytes())
	v.keys = append(v.keys, key("general.alignment", gguf.Uint32, raw(nil).u32(64)), key("split.count", gguf.Uint16, le(2, 2)), key("split.no", gguf.Uint16, le(2, 0)))
	f.Add(v.bytes())
	f.Add(parts{}.bytes())
	f.Add(parts{nk: ptr(math.MaxUint64), nt: ptr(1 << 63)}.bytes())
	f.Add(parts{keys: []raw{key("a", gguf.Array, array(gguf.String, 1<<60, nil))}}.bytes())
	f.Add(parts{tensors: []raw{tensor("a", quant.I8, math.MaxUint64-31, 64), tensor("b", quant.F32, 0, 1<<32, 1<<32)}}.bytes())
	second, err := gguf.Parse(parts{keys: []raw{key("split.no", gguf.Uint16, le(2, 1)), key("split.count", gguf.Uint16, le(2, 2))},
		tensors: []raw{tensor("t1", quant.F32, 0, 1)}, data: 4}.bytes())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		file, err := gguf.Parse(data)
		if !bytes.Equal(data, before) {
			t.Fatal("Parse wrote to the file")
		}
		if err != nil {
			var at *gguf.FormatError
			if file != nil || !errors.As(err, &at) || !errors.Is(err, gguf.ErrFormat) || at.Offset < 0 || at.Offset > int64(len(data)) {
				t.Fatalf("%v, %v", file, err)
			}
			return
		}
		use(file)
		again(t, file)
		for _, parts := range [][]*gguf.File{{file}, {file, file}, {file, second}, {second, file}} {
			if joined, err := gguf.Join(parts); err == nil {
				use(joined)
			} else if joined != nil || !errors.Is(err, gguf.ErrFormat) {
				t.Fatalf("%v, %v", joined, err)
			}
		}
	})
}

// again writes what was parsed: the writer takes it, and what it writes is parsed and written to the same bytes.
func again(t *testing.T, f *gguf.File) {
	var last []byte
	for range 2 {
		w := &gguf.Writer{}
		for key := range f.Meta.Keys() {
			if err := w.Copy(f.Meta, key); err != nil {
				t.Fatal(err)
			}
		}
		for _, x := range f.Tensors {
			if err := w.Add(x.Name, x.Type, x.Dims, gguf.Bytes(x.Data)); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		if _, err := w.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if last != nil && !bytes.Equal(b.Bytes(), last) {
			t.Fatalf("written %q, parsed, and written %q", last, b.Bytes())
		}
		last = b.Bytes()
		var err error
		if f, err = gguf.Parse(last); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	}
}

// BenchmarkParse reads the headers of the real models: 49,152 and 262,144 vocabulary entries.
func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"smollm2:135m", "gemma3:270m"} {
		data, err := os.ReadFile(testmodel.Path(b, name))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := gguf.Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
