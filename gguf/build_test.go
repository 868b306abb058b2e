package gguf_test

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

// raw builds files byte by byte, so that it can build wrong ones.
type raw []byte

func (b raw) u32(v uint32) raw { return binary.LittleEndian.AppendUint32(b, v) }
func (b raw) u64(v uint64) raw { return binary.LittleEndian.AppendUint64(b, v) }
func (b raw) str(s string) raw { return append(b.u64(uint64(len(s))), s...) }

// value appends a type and a value.
func (b raw) value(key string, kind gguf.Kind, v raw) raw {
	return append(b.str(key).u32(uint32(kind)), v...)
}

// array is the value of an array of n entries.
func array(elem gguf.Kind, n uint64, entries raw) raw {
	return append(raw(nil).u32(uint32(elem)).u64(n), entries...)
}

func texts(s ...string) raw {
	var b raw
	for _, t := range s {
		b = b.str(t)
	}
	return b
}

// info appends a tensor's header.
func (b raw) info(name string, typ quant.Type, off uint64, dims ...uint64) raw {
	b = b.str(name).u32(uint32(len(dims)))
	for _, d := range dims {
		b = b.u64(d)
	}
	return b.u32(uint32(typ)).u64(off)
}

// parts of a file. The zero value is a valid empty file of version 3.
type parts struct {
	head    raw // replaces the magic and the version
	nt, nk  *uint64
	keys    []raw
	tensors []raw
	align   int  // 32 if 0
	data    int  // bytes of tensor data
	cut     bool // no padding before the data
}

func (p parts) bytes() []byte {
	b := p.head
	if b == nil {
		b = raw("GGUF").u32(3)
	}
	count := func(n int, instead *uint64) uint64 {
		if instead != nil {
			return *instead
		}
		return uint64(n)
	}
	b = b.u64(count(len(p.tensors), p.nt)).u64(count(len(p.keys), p.nk))
	for _, k := range p.keys {
		b = append(b, k...)
	}
	for _, t := range p.tensors {
		b = append(b, t...)
	}
	if p.cut {
		return b
	}
	if p.align == 0 {
		p.align = 32
	}
	for len(b)%p.align != 0 {
		b = append(b, 0)
	}
	for i := range p.data {
		b = append(b, byte(i))
	}
	return b
}

func key(k string, kind gguf.Kind, v raw) raw { return raw(nil).value(k, kind, v) }

func tensor(name string, typ quant.Type, off uint64, dims ...uint64) raw {
	return raw(nil).info(name, typ, off, dims...)
}

// accept parses a file that is right.
func accept(t *testing.T, data []byte) *gguf.File {
	t.Helper()
	f, err := gguf.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// refuse parses a file that is wrong. The error must wrap want and ErrFormat, name the field and an offset inside the file, and
// neither the parser nor the error may take more memory than a few KB and the file's own size.
func refuse(t *testing.T, data []byte, want error, field string) {
	t.Helper()
	var f *gguf.File
	var err error
	bytes := allocated(func() { f, err = gguf.Parse(data) })
	if f != nil {
		t.Errorf("%s: a file besides the error", field)
	}
	if !errors.Is(err, want) || !errors.Is(err, gguf.ErrFormat) {
		t.Errorf("%s: got %v, want %v", field, err, want)
		return
	}
	var at *gguf.FormatError
	if !errors.As(err, &at) {
		t.Errorf("%v is no FormatError", err)
		return
	}
	if at.Offset < 0 || at.Offset > int64(len(data)) || !strings.Contains(at.Field, field) {
		t.Errorf("%v: byte %d of %d, field %q, want %q", err, at.Offset, len(data), at.Field, field)
	}
	if len(err.Error()) > 400 {
		t.Errorf("%s: the error has %d characters", field, len(err.Error()))
	}
	if bytes > 8<<10+uint64(len(data)) {
		t.Errorf("%s: a file of %d bytes made the parser allocate %d", field, len(data), bytes)
	}
}

func ptr(n uint64) *uint64 { return &n }

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
