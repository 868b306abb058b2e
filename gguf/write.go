package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Writer collects what a GGUF file holds and writes it: version 3, little endian. Tensor data is asked for only while it is
// being written, one tensor after the other, so that a model need never be in memory. What WriteTo writes, Parse reads
// back. The zero value is an empty file.
type Writer struct {
	pairs   []pair
	index   map[string]int
	tensors []entry
	names   map[string]bool
}

// entry is a tensor to be written.
type entry struct {
	name string
	typ  Type
	dims []int
	size int
	data func(io.Writer) error
}

// Set appends a metadata pair; a key that is there already keeps its place and gets the new value. The value is an integer
// of a fixed size, float32, float64, bool or string, or a slice of these. Errors wrap ErrName, ErrType or ErrLimit.
func (w *Writer) Set(key string, value any) error {
	p, err := encode(value)
	if err != nil {
		return fmt.Errorf("gguf: %s: %w", quoted("key", key), err)
	}
	p.key = key
	return w.set(p)
}

// Copy is Set with the value that key has in m, in its very type.
func (w *Writer) Copy(m *Meta, key string) error {
	p, err := m.get(key)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	return w.set(*p)
}

func (w *Writer) set(p pair) error {
	if err := checkName(p.key, MaxName); err != nil {
		return fmt.Errorf("gguf: %s: %w", quoted("key", p.key), err)
	}
	if p.key == alignmentKey {
		m := Meta{pairs: []pair{p}, index: map[string]int32{p.key: 0}}
		if _, err := m.alignment(); err != nil {
			return fmt.Errorf("gguf: %s: %w", quoted("key", p.key), err)
		}
	}
	if i, ok := w.index[p.key]; ok {
		w.pairs[i] = p
		return nil
	}
	if len(w.pairs) == MaxKeys {
		return fmt.Errorf("gguf: %s: %w: more than %d keys", quoted("key", p.key), ErrLimit, MaxKeys)
	}
	if w.index == nil {
		w.index = map[string]int{}
	}
	w.index[p.key] = len(w.pairs)
	w.pairs = append(w.pairs, p)
	return nil
}

func checkName(name string, limit int) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty", ErrName)
	case len(name) > limit:
		return fmt.Errorf("%w: length %d, at most %d", ErrLimit, len(name), limit)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: not UTF-8", ErrName)
	}
	return nil
}

// encode turns a Go value into a pair without a key.
func encode(value any) (pair, error) {
	switch v := value.(type) {
	case string:
		if len(v) > MaxString {
			return pair{}, fmt.Errorf("%w: a string of %d bytes", ErrLimit, len(v))
		}
		return pair{kind: String, raw: []byte(v)}, nil
	case []string:
		return encodeStrings(v)
	}
	kind, n := kindOf(value)
	if kind == Array {
		return pair{}, fmt.Errorf("%w: a metadata value of Go type %T", ErrType, value)
	}
	raw, err := binary.Append(nil, binary.LittleEndian, value)
	if n < 0 { // a scalar
		return pair{kind: kind, raw: raw}, err
	}
	return pair{kind: Array, elem: kind, count: n, raw: raw}, err
}

// kindOf returns the kind of a number or bool, with n = -1, or of a slice's elements, with its length. Array: neither.
func kindOf(value any) (k Kind, n int) {
	switch v := value.(type) {
	case uint8:
		return Uint8, -1
	case int8:
		return Int8, -1
	case uint16:
		return Uint16, -1
	case int16:
		return Int16, -1
	case uint32:
		return Uint32, -1
	case int32:
		return Int32, -1
	case float32:
		return Float32, -1
	case bool:
		return Bool, -1
	case uint64:
		return Uint64, -1
	case int64:
		return Int64, -1
	case float64:
		return Float64, -1
	case []uint8:
		return Uint8, len(v)
	case []int8:
		return Int8, len(v)
	case []uint16:
		return Uint16, len(v)
	case []int16:
		return Int16, len(v)
	case []uint32:
		return Uint32, len(v)
	case []int32:
		return Int32, len(v)
	case []float32:
		return Float32, len(v)
	case []bool:
		return Bool, len(v)
	case []uint64:
		return Uint64, len(v)
	case []int64:
		return Int64, len(v)
	case []float64:
		return Float64, len(v)
	}
	return Array, -1
}

func encodeStrings(v []string) (pair, error) {
	size := 0
	for i, s := range v {
		if len(s) > MaxString {
			return pair{}, fmt.Errorf("%w: string %d has length %d", ErrLimit, i, len(s))
		}
		size += 8 + len(s)
	}
	if len(v) > MaxElems || uint64(size) > math.MaxUint32 {
		return pair{}, fmt.Errorf("%w: %d strings, %d bytes", ErrLimit, len(v), size)
	}
	raw := make([]byte, 0, size)
	for _, s := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(len(s)))
		raw = append(raw, s...)
	}
	return pair{kind: Array, elem: String, count: len(v), raw: raw}, nil
}

// Add appends a tensor; dims are in GGUF order, dims[0] the fastest. data is called once by WriteTo and must write exactly
// the bytes that Size tells. Errors wrap ErrName, ErrDuplicate, ErrShape, ErrType or ErrLimit.
func (w *Writer) Add(name string, t Type, dims []int, data func(io.Writer) error) error {
	if err := checkName(name, MaxTensor); err != nil {
		return fmt.Errorf("gguf: %s: %w", quoted("tensor", name), err)
	}
	size, err := Size(t, dims)
	switch {
	case err != nil:
		return fmt.Errorf("gguf: %s: %w", quoted("tensor", name), err)
	case w.names[name]:
		return fmt.Errorf("gguf: %s: %w", quoted("tensor", name), ErrDuplicate)
	case len(w.tensors) == MaxTensors:
		return fmt.Errorf("gguf: %s: %w: more than %d tensors", quoted("tensor", name), ErrLimit, MaxTensors)
	}
	if w.names == nil {
		w.names = map[string]bool{}
	}
	w.names[name] = true
	w.tensors = append(w.tensors, entry{name, t, slices.Clone(dims), size, data})
	return nil
}

// Bytes makes the data of a tensor that is in memory.
func Bytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

// DataBytes returns the bytes of all tensors, without padding.
func (w *Writer) DataBytes() int64 {
	var n int64
	for _, t := range w.tensors {
		n += int64(t.size)
	}
	return n
}

// WriteTo writes the file. It makes many small writes, so dst should be buffered. An error of a tensor's data names the
// tensor; what was written by then is no usable file.
func (w *Writer) WriteTo(dst io.Writer) (int64, error) {
	align := uint64(defaultAlignment)
	if i, ok := w.index[alignmentKey]; ok {
		align = uint64(binary.LittleEndian.Uint32(w.pairs[i].raw))
	}
	head, err := w.header(align)
	if err != nil {
		return 0, err
	}
	c := &counter{w: dst}
	if _, err := c.Write(head); err != nil {
		return c.n, fmt.Errorf("gguf: header: %w", err)
	}
	zeros := make([]byte, align)
	for i := range w.tensors {
		t := &w.tensors[i]
		start := c.n
		err := t.data(c)
		if n := c.n - start; err == nil && n != int64(t.size) {
			err = fmt.Errorf("%w: %d bytes of data written instead of %d", ErrShape, n, t.size)
		}
		if err == nil {
			_, err = c.Write(zeros[:-uint64(c.n)&(align-1)])
		}
		if err != nil {
			return c.n, fmt.Errorf("gguf: %s: %w", quoted("tensor", t.name), err)
		}
	}
	return c.n, nil
}

// header returns everything before the tensors' data, padded.
func (w *Writer) header(align uint64) ([]byte, error) {
	le := binary.LittleEndian
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = le.AppendUint64(b, uint64(len(w.tensors)))
	b = le.AppendUint64(b, uint64(len(w.pairs)))
	text := func(s string) {
		b = le.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, p := range w.pairs {
		text(p.key)
		b = le.AppendUint32(b, uint32(p.kind))
		switch p.kind {
		case String:
			b = le.AppendUint64(b, uint64(len(p.raw)))
		case Array:
			b = le.AppendUint32(b, uint32(p.elem))
			b = le.AppendUint64(b, uint64(p.count))
		}
		b = append(b, p.raw...)
	}
	off := uint64(0)
	for _, t := range w.tensors {
		text(t.name)
		b = le.AppendUint32(b, uint32(len(t.dims)))
		for _, d := range t.dims {
			b = le.AppendUint64(b, uint64(d))
		}
		b = le.AppendUint32(b, uint32(t.typ))
		b = le.AppendUint64(b, off)
		if off += (uint64(t.size) + align - 1) &^ (align - 1); off > math.MaxInt64 {
			return nil, fmt.Errorf("gguf: tensor %s: %w: all tensors together overflow", strconv.Quote(t.name), ErrLimit)
		}
	}
	return append(b, make([]byte, -uint64(len(b))&(align-1))...), nil
}

// counter counts what goes through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
