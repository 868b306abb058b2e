package gguf

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
)

// Kind is the type of a metadata value, with GGUF's numbers.
type Kind uint32

// The kinds of metadata values.
const (
	Uint8   Kind = 0
	Int8    Kind = 1
	Uint16  Kind = 2
	Int16   Kind = 3
	Uint32  Kind = 4
	Int32   Kind = 5
	Float32 Kind = 6
	Bool    Kind = 7
	String  Kind = 8
	Array   Kind = 9
	Uint64  Kind = 10
	Int64   Kind = 11
	Float64 Kind = 12
)

var kinds = [...]struct {
	name string
	size int // bytes; 0: varies
}{
	Uint8: {"uint8", 1}, Int8: {"int8", 1}, Uint16: {"uint16", 2}, Int16: {"int16", 2}, Uint32: {"uint32", 4},
	Int32: {"int32", 4}, Float32: {"float32", 4}, Bool: {"bool", 1}, String: {"string", 0}, Array: {"array", 0},
	Uint64: {"uint64", 8}, Int64: {"int64", 8}, Float64: {"float64", 8},
}

// String names the kind as GGUF does.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// size returns the bytes of a value, 0 for strings, arrays and unknown kinds.
func (k Kind) size() int {
	if int(k) < len(kinds) {
		return kinds[k].size
	}
	return 0
}

// pair is one key and its value, undecoded.
type pair struct {
	key   string
	kind  Kind
	elem  Kind     // of an array
	count int      // entries of an array
	raw   []byte   // the value: a scalar's or a string's bytes; an array's entries
	ends  []uint32 // of an array of strings: [count+1] positions in raw
}

// Meta is a file's metadata: keys with typed values, in the order of the file. It is immutable. All getters return an error
// that names the key and wraps ErrMissing, ErrType or ErrRange; the …Or variants return the default for a missing key only.
type Meta struct {
	pairs []pair
	index map[string]int32
}

// Len returns the number of keys.
func (m *Meta) Len() int { return len(m.pairs) }

// Keys yields the keys in the order of the file.
func (m *Meta) Keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range m.pairs {
			if !yield(m.pairs[i].key) {
				return
			}
		}
	}
}

// Has reports whether key is there.
func (m *Meta) Has(key string) bool { _, ok := m.index[key]; return ok }

// Kind returns the kind of key's value.
func (m *Meta) Kind(key string) (Kind, bool) {
	p := m.find(key)
	if p == nil {
		return 0, false
	}
	return p.kind, true
}

// Array returns the kind of the entries of an array and their number; ok is false if key is missing or no array.
func (m *Meta) Array(key string) (elem Kind, n int, ok bool) {
	p := m.find(key)
	if p == nil || p.kind != Array {
		return 0, 0, false
	}
	return p.elem, p.count, true
}

func (m *Meta) find(key string) *pair {
	i, ok := m.index[key]
	if !ok {
		return nil
	}
	return &m.pairs[i]
}

func (m *Meta) get(key string) (*pair, error) {
	if p := m.find(key); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s: %w", key, ErrMissing)
}

func (p *pair) wrong(want string) error {
	have := p.kind.String()
	if p.kind == Array {
		have = "array of " + p.elem.String()
	}
	return fmt.Errorf("%s: %w: %s instead of %s", p.key, ErrType, have, want)
}

// integer decodes an integer or bool at the start of b. big: the value is v as a uint64 above the int64 range.
func integer(k Kind, b []byte) (v int64, big bool) {
	le := binary.LittleEndian
	switch k {
	case Uint8:
		return int64(b[0]), false
	case Bool:
		if b[0] != 0 {
			return 1, false
		}
		return 0, false
	case Int8:
		return int64(int8(b[0])), false
	case Uint16:
		return int64(le.Uint16(b)), false
	case Int16:
		return int64(int16(le.Uint16(b))), false
	case Uint32:
		return int64(le.Uint32(b)), false
	case Int32:
		return int64(int32(le.Uint32(b))), false
	}
	u := le.Uint64(b)
	return int64(u), k == Uint64 && u > math.MaxInt64
}

// isInteger reports whether values of kind k are whole numbers.
func (k Kind) isInteger() bool {
	switch k {
	case Uint8, Int8, Uint16, Int16, Uint32, Int32, Uint64, Int64:
		return true
	}
	return false
}

// Uint returns a number that is not negative, of any integer kind.
func (m *Meta) Uint(key string) (uint64, error) {
	p, err := m.get(key)
	if err != nil {
		return 0, err
	}
	if !p.kind.isInteger() {
		return 0, p.wrong("an integer")
	}
	v, big := integer(p.kind, p.raw)
	if v < 0 && !big {
		return 0, fmt.Errorf("%s: %w: %d is negative", key, ErrRange, v)
	}
	return uint64(v), nil
}

// Int returns a number of any integer kind.
func (m *Meta) Int(key string) (int64, error) {
	p, err := m.get(key)
	if err != nil {
		return 0, err
	}
	if !p.kind.isInteger() {
		return 0, p.wrong("an integer")
	}
	v, big := integer(p.kind, p.raw)
	if big {
		return 0, fmt.Errorf("%s: %w: %d", key, ErrRange, uint64(v))
	}
	return v, nil
}

// Float returns a number of any float or integer kind. It may be NaN or infinite.
func (m *Meta) Float(key string) (float64, error) {
	p, err := m.get(key)
	if err != nil {
		return 0, err
	}
	if !p.kind.isNumber() {
		return 0, p.wrong("a number")
	}
	return number(p.kind, p.raw), nil
}

// isNumber reports whether values of kind k are numbers.
func (k Kind) isNumber() bool { return k == Float32 || k == Float64 || k.isInteger() }

// number decodes a float or an integer.
func number(k Kind, b []byte) float64 {
	switch k {
	case Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	v, big := integer(k, b)
	if big {
		return float64(uint64(v))
	}
	return float64(v)
}

// Bool returns a truth value.
func (m *Meta) Bool(key string) (bool, error) {
	p, err := m.get(key)
	if err != nil {
		return false, err
	}
	if p.kind != Bool {
		return false, p.wrong("bool")
	}
	return p.raw[0] != 0, nil
}

// String returns a copy of a string. Its bytes are the file's, which may be no UTF-8.
func (m *Meta) String(key string) (string, error) {
	p, err := m.get(key)
	if err != nil {
		return "", err
	}
	if p.kind != String {
		return "", p.wrong("string")
	}
	return string(p.raw), nil
}

// or returns def for a missing key and what get says otherwise.
func or[T any](m *Meta, key string, def T, get func(string) (T, error)) (T, error) {
	if !m.Has(key) {
		return def, nil
	}
	return get(key)
}

// UintOr is Uint with a default for a missing key.
func (m *Meta) UintOr(key string, def uint64) (uint64, error) { return or(m, key, def, m.Uint) }

// IntOr is Int with a default for a missing key.
func (m *Meta) IntOr(key string, def int64) (int64, error) { return or(m, key, def, m.Int) }

// FloatOr is Float with a default for a missing key.
func (m *Meta) FloatOr(key string, def float64) (float64, error) { return or(m, key, def, m.Float) }

// BoolOr is Bool with a default for a missing key.
func (m *Meta) BoolOr(key string, def bool) (bool, error) { return or(m, key, def, m.Bool) }

// StringOr is String with a default for a missing key.
func (m *Meta) StringOr(key, def string) (string, error) { return or(m, key, def, m.String) }

func (m *Meta) array(key, want string, fits func(Kind) bool) (*pair, error) {
	p, err := m.get(key)
	if err != nil {
		return nil, err
	}
	if p.kind != Array || !fits(p.elem) {
		return nil, p.wrong("an array of " + want)
	}
	return p, nil
}

// Strings returns an array of strings.
func (m *Meta) Strings(key string) (StringArray, error) {
	p, err := m.array(key, "strings", func(k Kind) bool { return k == String })
	if err != nil {
		return StringArray{}, err
	}
	return StringArray{p.raw, p.ends}, nil
}

// Floats returns an array of numbers.
func (m *Meta) Floats(key string) (FloatArray, error) {
	p, err := m.array(key, "numbers", Kind.isNumber)
	if err != nil {
		return FloatArray{}, err
	}
	return FloatArray{p.raw, p.elem, p.count}, nil
}

// Ints returns an array of integers, or of bools as 0 and 1.
func (m *Meta) Ints(key string) (IntArray, error) {
	p, err := m.array(key, "integers", func(k Kind) bool { return k.isInteger() || k == Bool })
	if err != nil {
		return IntArray{}, err
	}
	if p.elem == Uint64 {
		for i := range p.count {
			if _, big := integer(Uint64, p.raw[i*8:]); big {
				return IntArray{}, fmt.Errorf("%s: %w: entry %d", key, ErrRange, i)
			}
		}
	}
	return IntArray{p.raw, p.elem, p.count}, nil
}

// Bytes returns an array of uint8 or int8, or a string, as bytes that alias the file.
func (m *Meta) Bytes(key string) ([]byte, error) {
	p, err := m.get(key)
	if err != nil {
		return nil, err
	}
	if p.kind != String && (p.kind != Array || p.elem != Uint8 && p.elem != Int8) {
		return nil, p.wrong("bytes")
	}
	return p.raw, nil
}

// StringArray is an array of strings that stay in the file. The zero value is empty.
type StringArray struct {
	raw  []byte
	ends []uint32 // [Len+1]
}

// Len returns the number of strings.
func (a StringArray) Len() int { return max(len(a.ends)-1, 0) }

// At returns string i; the bytes alias the file. It panics, as a slice does, unless 0 ≤ i < Len.
func (a StringArray) At(i int) []byte {
	// The bounds come from the index, so a file that changes after Parse cannot move them.
	lo, hi := a.ends[i]+8, a.ends[i+1]
	return a.raw[lo:hi:hi]
}

// FloatArray is an array of numbers that stays in the file. The zero value is empty.
type FloatArray struct {
	raw  []byte
	kind Kind
	n    int
}

// Len returns the number of entries.
func (a FloatArray) Len() int { return a.n }

// At returns entry i. It panics, as a slice does, unless 0 ≤ i < Len.
func (a FloatArray) At(i int) float64 {
	s := a.kind.size()
	return number(a.kind, a.raw[i*s:i*s+s])
}

// IntArray is an array of integers that stays in the file. The zero value is empty.
type IntArray struct {
	raw  []byte
	kind Kind
	n    int
}

// Len returns the number of entries.
func (a IntArray) Len() int { return a.n }

// At returns entry i. It panics, as a slice does, unless 0 ≤ i < Len.
func (a IntArray) At(i int) int64 {
	s := a.kind.size()
	v, _ := integer(a.kind, a.raw[i*s:i*s+s])
	return v
}
