// Package gguf reads and writes GGUF, the container of quantised models: metadata as key/value pairs and tensors in
// quantised block formats. The parser works over bytes, usually a mapped file, does no I/O, and copies nothing but names:
// tensors and arrays alias the bytes, which must stay valid and unchanged as long as they are used.
//
// Files may be hostile. Every count and length is compared with the bytes that remain before anything is allocated,
// sizes are multiplied with overflow checks, and a violation is an error that names the field and its offset.
package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Limits on what a file may hold. They are far above what real models need, and bound the work that a small file
// can ask for.
const (
	MaxKeys      = 1 << 16 // key/value pairs
	MaxTensors   = 1 << 16
	MaxString    = 16 << 20  // bytes of one string
	MaxName      = 1<<16 - 1 // bytes of a key, as the specification has it
	MaxTensor    = 255       // bytes of a tensor's name
	MaxDims      = 4
	MaxElems     = 1 << 26 // entries of an array of strings
	MaxAlignment = 64 << 10

	maxAhead         = 1 << 10 // keys or tensors to allocate room for before they are seen; real models have hundreds
	defaultAlignment = 32
	alignmentKey     = "general.alignment"
)

// File is a parsed GGUF file, or several joined ones.
type File struct {
	Version   uint32 // 2 or 3
	Alignment int    // of the tensors' offsets, a power of two
	Meta      *Meta
	Tensors   []Tensor // in the order of the file

	names map[string]int32 // index into Tensors
}

// Tensor finds a tensor by its name.
func (f *File) Tensor(name string) (*Tensor, bool) {
	i, ok := f.names[name]
	if !ok {
		return nil, false
	}
	return &f.Tensors[i], true
}

// Parse reads the header of a GGUF file, version 2 or 3, little endian. data is the whole file. The errors are
// *FormatError and wrap ErrFormat and one of the other errors of this package.
func Parse(data []byte) (*File, error) {
	r := &reader{data: data}
	f := &File{}
	version, err := r.magic()
	if err != nil {
		return nil, err
	}
	f.Version = version
	tensors, err := r.count("tensor count", MaxTensors, minTensor)
	if err != nil {
		return nil, err
	}
	keys, err := r.count("key count", MaxKeys, minPair)
	if err != nil {
		return nil, err
	}
	if f.Meta, err = r.meta(keys); err != nil {
		return nil, err
	}
	if f.Alignment, err = f.Meta.alignment(); err != nil {
		return nil, r.fail(r.alignAt, quoted("key", alignmentKey), err)
	}
	if err := r.tensors(f, tensors); err != nil {
		return nil, err
	}
	return f, nil
}

// The fewest bytes that a tensor's header and a key/value pair take.
const (
	minTensor = 8 + 4 + 4 + 8
	minPair   = 8 + 4 + 1
)

// reader walks over the header. Its methods return *FormatError.
type reader struct {
	data    []byte
	pos     int
	alignAt int // where general.alignment stands
}

func (r *reader) fail(pos int, field string, err error) error {
	return &FormatError{Offset: int64(pos), Field: field, Err: err}
}

func (r *reader) left() int { return len(r.data) - r.pos }

func (r *reader) truncated(field string, need uint64) error {
	return r.fail(r.pos, field, fmt.Errorf("%w: %d bytes wanted, %d left", ErrTruncated, need, r.left()))
}

func (r *reader) u32(field string) (uint32, error) {
	if r.left() < 4 {
		return 0, r.truncated(field, 4)
	}
	v := binary.LittleEndian.Uint32(r.data[r.pos:])
	r.pos += 4
	return v, nil
}

func (r *reader) u64(field string) (uint64, error) {
	if r.left() < 8 {
		return 0, r.truncated(field, 8)
	}
	v := binary.LittleEndian.Uint64(r.data[r.pos:])
	r.pos += 8
	return v, nil
}

// bytes takes the next n bytes, n from the file.
func (r *reader) bytes(field string, n uint64) ([]byte, error) {
	if n > uint64(r.left()) {
		return nil, r.truncated(field, n)
	}
	b := r.data[r.pos : r.pos+int(n) : r.pos+int(n)]
	r.pos += int(n)
	return b, nil
}

// text takes a string: its length, at most limit, then its bytes.
func (r *reader) text(field string, limit uint64) ([]byte, error) {
	at := r.pos
	n, err := r.u64(field)
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, r.fail(at, field, fmt.Errorf("%w: length %d, at most %d", ErrLimit, n, limit))
	}
	return r.bytes(field, n)
}

// name takes the name of a key or tensor, which must be valid UTF-8 and not empty.
func (r *reader) name(field string, limit uint64) (string, error) {
	at := r.pos
	b, err := r.text(field, limit)
	switch {
	case err != nil:
		return "", err
	case len(b) == 0:
		return "", r.fail(at, field, fmt.Errorf("%w: empty", ErrName))
	case !utf8.Valid(b):
		return "", r.fail(at, field, fmt.Errorf("%w: %.40q is not UTF-8", ErrName, b))
	}
	return string(b), nil
}

// count takes a number of things that are at least size bytes each.
func (r *reader) count(field string, limit, size uint64) (int, error) {
	at := r.pos
	n, err := r.u64(field)
	if err != nil {
		return 0, err
	}
	if n > limit {
		return 0, r.fail(at, field, fmt.Errorf("%w: %d, at most %d", ErrLimit, n, limit))
	}
	if n*size > uint64(r.left()) { // no overflow: n ≤ limit
		return 0, r.truncated(field, n*size)
	}
	return int(n), nil
}

// magic reads the magic and the version.
func (r *reader) magic() (uint32, error) {
	if r.left() < 8 {
		if r.left() >= 4 && string(r.data[:4]) == "GGUF" {
			return 0, r.truncated("header", 8)
		}
		return 0, r.fail(0, "magic", ErrMagic)
	}
	switch m := string(r.data[:4]); m {
	case "GGUF":
	case "FUGG":
		return 0, r.fail(0, "magic", ErrBigEndian)
	case "lmgg", "tjgg", "fmgg", "algg":
		return 0, r.fail(0, "magic", fmt.Errorf("%w: this is a GGML file, the format before GGUF; convert the model again", ErrMagic))
	default:
		return 0, r.fail(0, "magic", fmt.Errorf("%w: %q", ErrMagic, m))
	}
	v := binary.LittleEndian.Uint32(r.data[4:])
	switch {
	case v == 2 || v == 3:
		r.pos = 8
		return v, nil
	case v == 1:
		return 0, r.fail(4, "version", fmt.Errorf("%w: 1 (its counts are 32 bits); convert the model again", ErrVersion))
	case v&0xffff == 0 && v != 0:
		return 0, r.fail(4, "version", ErrBigEndian)
	}
	return 0, r.fail(4, "version", fmt.Errorf("%w: %d", ErrVersion, v))
}

// meta reads n key/value pairs.
func (r *reader) meta(n int) (*Meta, error) {
	m := &Meta{pairs: make([]pair, 0, min(n, maxAhead)), index: make(map[string]int32, min(n, maxAhead))}
	for i := range n {
		at := r.pos
		key, err := r.name("key "+strconv.Itoa(i), MaxName)
		if err != nil {
			return nil, err
		}
		if _, ok := m.index[key]; ok {
			return nil, r.fail(at, quoted("key", key), ErrDuplicate)
		}
		if key == alignmentKey {
			r.alignAt = r.pos
		}
		p, err := r.value(key)
		if err != nil {
			return nil, err
		}
		m.index[key] = int32(i)
		m.pairs = append(m.pairs, p)
	}
	return m, nil
}

func quoted(what, name string) string { return fmt.Sprintf("%s %.80q", what, name) }

// value reads a type and a value of it.
func (r *reader) value(key string) (pair, error) {
	p := pair{key: key}
	at := r.pos
	t, err := r.u32(quoted("key", key))
	if err != nil {
		return p, err
	}
	p.kind = Kind(t)
	switch {
	case p.kind == Array:
		err = r.array(&p)
	case p.kind == String:
		p.raw, err = r.text(quoted("key", key), MaxString)
	case p.kind.size() > 0:
		p.raw, err = r.bytes(quoted("key", key), uint64(p.kind.size()))
	default:
		err = r.fail(at, quoted("key", key), fmt.Errorf("%w: %d", ErrType, t))
	}
	return p, err
}

// array reads an array. Arrays of strings are walked once, which also yields the index of their entries.
func (r *reader) array(p *pair) error {
	field := quoted("key", p.key)
	at := r.pos
	t, err := r.u32(field)
	if err != nil {
		return err
	}
	p.elem = Kind(t)
	n, err := r.u64(field)
	if err != nil {
		return err
	}
	switch {
	case p.elem == Array:
		return r.fail(at, field, fmt.Errorf("%w: an array of arrays", ErrType))
	case p.elem == String:
		return r.strings(p, field, n)
	case p.elem.size() == 0:
		return r.fail(at, field, fmt.Errorf("%w: %d", ErrType, t))
	}
	size := uint64(p.elem.size())
	if n > uint64(r.left())/size {
		return r.fail(r.pos, field, fmt.Errorf("%w: array of %d × %d bytes, %d left", ErrTruncated, n, size, r.left()))
	}
	p.count = int(n)
	p.raw, err = r.bytes(field, n*size)
	return err
}

// strings walks over n strings.
func (r *reader) strings(p *pair, field string, n uint64) error {
	if n > MaxElems {
		return r.fail(r.pos, field, fmt.Errorf("%w: array of %d strings, at most %d", ErrLimit, n, MaxElems))
	}
	if n > uint64(r.left())/8 {
		return r.fail(r.pos, field, fmt.Errorf("%w: array of %d strings, %d bytes left", ErrTruncated, n, r.left()))
	}
	rest := r.data[r.pos:]
	// ends[i] is where string i begins (with its length), ends[n] the end: 4 bytes per entry, at most half of what
	// the file itself spends on the entry's length.
	ends := make([]uint32, n+1)
	pos := uint64(0)
	for i := range ends[:n] {
		ends[i] = uint32(pos)
		if uint64(len(rest))-pos < 8 {
			return r.fail(r.pos+int(pos), field, fmt.Errorf("%w: in the length of string %d of %d", ErrTruncated, i, n))
		}
		size := binary.LittleEndian.Uint64(rest[pos:])
		pos += 8
		if size > MaxString {
			return r.fail(r.pos+int(pos)-8, field, fmt.Errorf("%w: string %d has length %d", ErrLimit, i, size))
		}
		if size > uint64(len(rest))-pos {
			return r.fail(r.pos+int(pos)-8, field, fmt.Errorf("%w: in string %d of %d", ErrTruncated, i, n))
		}
		pos += size
		if pos > math.MaxUint32 {
			return r.fail(r.pos, field, fmt.Errorf("%w: strings of more than 4 GiB", ErrLimit))
		}
	}
	ends[n] = uint32(pos)
	p.count, p.ends = int(n), ends
	var err error
	p.raw, err = r.bytes(field, pos)
	return err
}

// tensors reads the headers of n tensors and finds their data.
func (r *reader) tensors(f *File, n int) error {
	ahead := min(n, maxAhead)
	f.Tensors = make([]Tensor, 0, ahead)
	f.names = make(map[string]int32, ahead)
	spans := make([]span, 0, ahead)
	dims := make([]int, 0, 2*ahead)
	for i := range n {
		at := r.pos
		name, err := r.name("name of tensor "+strconv.Itoa(i), MaxTensor)
		if err != nil {
			return err
		}
		if _, ok := f.names[name]; ok {
			return r.fail(at, quoted("tensor", name), ErrDuplicate)
		}
		t, s, err := r.tensor(name, &dims)
		if err != nil {
			return err
		}
		if s.off%uint64(f.Alignment) != 0 {
			return r.fail(s.at, quoted("tensor", name), fmt.Errorf("%w: offset %d is not a multiple of %d",
				ErrAlignment, s.off, f.Alignment))
		}
		s.index = i
		f.names[name] = int32(i)
		f.Tensors = append(f.Tensors, t)
		spans = append(spans, s)
	}
	return r.place(f, spans)
}

// span is where a tensor's data lies, from the start of the data section.
type span struct {
	off, size uint64
	at        int // position of the offset in the header
	index     int
}

// tensor reads what follows a tensor's name.
func (r *reader) tensor(name string, dims *[]int) (t Tensor, s span, err error) {
	field := quoted("tensor", name)
	at := r.pos
	n, err := r.u32(field)
	if err != nil {
		return t, s, err
	}
	if n > MaxDims {
		return t, s, r.fail(at, field, fmt.Errorf("%w: %d dimensions, at most %d", ErrShape, n, MaxDims))
	}
	first := len(*dims)
	for range n {
		d, err := r.u64(field)
		if err != nil {
			return t, s, err
		}
		if d == 0 || d > math.MaxInt {
			return t, s, r.fail(r.pos-8, field, fmt.Errorf("%w: dimension %d", ErrShape, d))
		}
		*dims = append(*dims, int(d))
	}
	if n == 0 {
		*dims = append(*dims, 1) // a scalar
	}
	t.Name, t.Dims = name, (*dims)[first:len(*dims):len(*dims)]
	typeAt := r.pos
	typ, err := r.u32(field)
	if err != nil {
		return t, s, err
	}
	t.Type = Type(typ)
	size, err := Size(t.Type, t.Dims)
	if err != nil {
		return t, s, r.fail(typeAt, field, err)
	}
	s.size, s.at = uint64(size), r.pos
	s.off, err = r.u64(field + ": offset")
	return t, s, err
}

// place cuts the tensors out of the data section, which begins at the next aligned position.
func (r *reader) place(f *File, spans []span) error {
	if len(spans) == 0 {
		return nil
	}
	start := (uint64(r.pos) + uint64(f.Alignment) - 1) &^ (uint64(f.Alignment) - 1)
	if start > uint64(len(r.data)) {
		return r.truncated("tensor data", start-uint64(r.pos))
	}
	data := r.data[start:]
	for _, s := range spans {
		t := &f.Tensors[s.index]
		if s.off > uint64(len(data)) || s.size > uint64(len(data))-s.off {
			return r.fail(s.at, quoted("tensor", t.Name), fmt.Errorf("%w: %d bytes at offset %d of %d bytes of tensor data",
				ErrTruncated, s.size, s.off, len(data)))
		}
		t.Data = data[s.off : s.off+s.size : s.off+s.size]
	}
	slices.SortFunc(spans, func(a, b span) int {
		switch {
		case a.off < b.off:
			return -1
		case a.off > b.off:
			return 1
		}
		return a.index - b.index
	})
	for i := 1; i < len(spans); i++ {
		a, b := spans[i-1], spans[i]
		if a.off+a.size > b.off {
			return r.fail(b.at, quoted("tensor", f.Tensors[b.index].Name), fmt.Errorf("%w: with %.80q",
				ErrOverlap, f.Tensors[a.index].Name))
		}
	}
	return nil
}

// alignment returns general.alignment or its default.
func (m *Meta) alignment() (int, error) {
	if k, ok := m.Kind(alignmentKey); ok && k != Uint32 {
		return 0, fmt.Errorf("%w: %w: %v instead of uint32", ErrAlignment, ErrType, k)
	}
	a, err := m.UintOr(alignmentKey, defaultAlignment)
	if err != nil {
		return 0, errors.Join(ErrAlignment, err)
	}
	if a == 0 || a > MaxAlignment || a&(a-1) != 0 {
		return 0, fmt.Errorf("%w: %d is not a power of two up to %d", ErrAlignment, a, MaxAlignment)
	}
	return int(a), nil
}
