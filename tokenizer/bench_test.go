package tokenizer

import (
	"runtime"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/mmap"
)

// BenchmarkLoad is the way from a mapped file to the first tokens: parsing the header, New, and the index that the first
// Encode builds. heap-B is what stays of it.
func BenchmarkLoad(b *testing.B) {
	for _, m := range realModels {
		b.Run(m.golden, func(b *testing.B) {
			file, err := mmap.Open(testmodel.Path(b, m.name))
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			load := func() *Tokenizer {
				f, err := gguf.Parse(file.Bytes())
				if err != nil {
					b.Fatal(err)
				}
				tok, err := New(f.Meta)
				if err != nil {
					b.Fatal(err)
				}
				if ids := tok.Encode(nil, "of light", Options{}); len(ids) < 2 {
					b.Fatal(ids)
				}
				return tok
			}
			b.ReportAllocs()
			for b.Loop() {
				load()
			}
			b.ReportMetric(float64(retained(load)), "heap-B")
		})
	}
}

// retained is the memory that what load returns keeps alive.
func retained[T any](load func() T) int64 {
	var before, after runtime.MemStats
	collect := func(m *runtime.MemStats) {
		runtime.GC() // what pools hold goes with the second one
		runtime.GC()
		runtime.ReadMemStats(m)
	}
	collect(&before)
	kept := load()
	collect(&after)
	runtime.KeepAlive(kept)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// BenchmarkEncode encodes a book, and a text that no cache of words helps with.
func BenchmarkEncode(b *testing.B) {
	for _, m := range realModels {
		tok, err := New(mapped(b, m.name))
		if err != nil {
			b.Fatal(err)
		}
		book := opticks(b)
		for _, c := range []struct{ name, text string }{{"book", book}, {"prompt", book[5000:6000]}, {"run", strings.Repeat("a", 100_000)}} {
			b.Run(m.golden+"/"+c.name, func(b *testing.B) {
				b.SetBytes(int64(len(c.text)))
				b.ReportAllocs()
				var ids []ID
				for b.Loop() {
					ids = tok.Encode(ids[:0], c.text, Options{})
				}
			})
		}
	}
}

// BenchmarkDecode decodes the tokens of a book.
func BenchmarkDecode(b *testing.B) {
	for _, m := range realModels {
		tok, err := New(mapped(b, m.name))
		if err != nil {
			b.Fatal(err)
		}
		book := opticks(b)
		ids := tok.Encode(nil, book, Options{BOS: BOSNever})
		b.Run(m.golden, func(b *testing.B) {
			b.SetBytes(int64(len(book)))
			for b.Loop() {
				tok.Decode(ids, DecodeOptions{})
			}
		})
	}
}
