package gguf_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

// TestHostileElementType asks for arrays under every wrong element type. Parsers that take the entries' type on trust read a vocabulary's
// scores or token types as pointers or past their end (llama.cpp 26690).
func TestHostileElementType(t *testing.T) {
	sizes := map[gguf.Kind]int{gguf.Uint8: 1, gguf.Int8: 1, gguf.Bool: 1, gguf.Uint16: 2, gguf.Int16: 2, gguf.Uint32: 4, gguf.Int32: 4, gguf.Float32: 4,
		gguf.Uint64: 8, gguf.Int64: 8, gguf.Float64: 8, gguf.String: 8}
	numbers := func(k gguf.Kind) bool { return k != gguf.Bool && k != gguf.String }
	getters := map[string]struct {
		get  func(m *gguf.Meta) error
		fits func(k gguf.Kind) bool
	}{
		"Strings": {func(m *gguf.Meta) error { _, err := m.Strings("a"); return err }, func(k gguf.Kind) bool { return k == gguf.String }},
		"Floats":  {func(m *gguf.Meta) error { _, err := m.Floats("a"); return err }, numbers},
		"Ints": {func(m *gguf.Meta) error { _, err := m.Ints("a"); return err },
			func(k gguf.Kind) bool { return k == gguf.Bool || numbers(k) && k != gguf.Float32 && k != gguf.Float64 }},
		"Bytes":  {func(m *gguf.Meta) error { _, err := m.Bytes("a"); return err }, func(k gguf.Kind) bool { return k == gguf.Uint8 || k == gguf.Int8 }},
		"Uint":   {func(m *gguf.Meta) error { _, err := m.Uint("a"); return err }, func(gguf.Kind) bool { return false }},
		"Int":    {func(m *gguf.Meta) error { _, err := m.Int("a"); return err }, func(gguf.Kind) bool { return false }},
		"Float":  {func(m *gguf.Meta) error { _, err := m.Float("a"); return err }, func(gguf.Kind) bool { return false }},
		"Bool":   {func(m *gguf.Meta) error { _, err := m.Bool("a"); return err }, func(gguf.Kind) bool { return false }},
		"String": {func(m *gguf.Meta) error { _, err := m.String("a"); return err }, func(gguf.Kind) bool { return false }},
	}
	for kind, size := range sizes {
		m := accept(t, parts{keys: []raw{key("a", gguf.Array, array(kind, 3, make(raw, 3*size)))}}.bytes()).Meta
		for name, g := range getters {
			err := g.get(m)
			if g.fits(kind) {
				if err != nil {
					t.Errorf("%s of an array of %v: %v", name, kind, err)
				}
			} else if !errors.Is(err, gguf.ErrType) {
				t.Errorf("%s of an array of %v: %v, want ErrType", name, kind, err)
			}
		}
	}
}

// TestHostileBoolByte: a bool that is neither 0 nor 1 is true and nothing else; copied into a C++ bool it would be undefined.
func TestHostileBoolByte(t *testing.T) {
	for _, b := range []byte{0, 1, 2, 128, 255} {
		m := accept(t, parts{keys: []raw{key("a", gguf.Bool, raw{b}), key("b", gguf.Array, array(gguf.Bool, 1, raw{b}))}}.bytes()).Meta
		one, err := m.Bool("a")
		if err != nil || one != (b != 0) {
			t.Errorf("byte %d: %v, %v", b, one, err)
		}
		many, err := m.Ints("b")
		if want := min(int64(b), 1); err != nil || many.At(0) != want {
			t.Errorf("byte %d in an array: %d, %v", b, many.At(0), err)
		}
	}
}

// TestHostileSignedCount: numbers that a signed reader takes for negative ones, and negative ones that an unsigned reader takes for huge
// ones, are errors of the getter and not values.
func TestHostileSignedCount(t *testing.T) {
	m := accept(t, parts{keys: []raw{key("big", gguf.Uint64, raw(nil).u64(1<<63)), key("neg", gguf.Int32, raw(nil).u32(math.MaxUint32)),
		key("bigs", gguf.Array, array(gguf.Uint64, 2, raw(nil).u64(1).u64(math.MaxUint64)))}}.bytes()).Meta
	if v, err := m.Int("big"); !errors.Is(err, gguf.ErrRange) {
		t.Errorf("2^63 as int64: %d, %v", v, err)
	}
	if v, err := m.Uint("neg"); !errors.Is(err, gguf.ErrRange) {
		t.Errorf("-1 as uint64: %d, %v", v, err)
	}
	if _, err := m.Ints("bigs"); !errors.Is(err, gguf.ErrRange) {
		t.Errorf("2^64-1 in an array of integers: %v", err)
	}
}

// TestHostileAmplification: the smallest keys and tensors that a file can hold, as many as are allowed, cost a bounded multiple of what
// the file itself spends on them.
func TestHostileAmplification(t *testing.T) {
	var keys, tensors []raw
	for i := range gguf.MaxKeys {
		keys = append(keys, key(fmt.Sprintf("%04x", i), gguf.Bool, raw{1}))
	}
	for i := range gguf.MaxTensors {
		tensors = append(tensors, tensor(fmt.Sprintf("%04x", i), quant.I8, uint64(32*i), 1))
	}
	for name, p := range map[string]parts{"keys": {keys: keys}, "tensors": {tensors: tensors, data: 32 * gguf.MaxTensors}} {
		data := p.bytes()
		if got := allocated(func() { accept(t, data) }); got > 48*uint64(len(data)) {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, got, len(data))
		}
	}
	// One more is too many, whatever is there.
	p := parts{keys: append(keys, key("one more", gguf.Bool, raw{1}))}
	refuse(t, p.bytes(), gguf.ErrLimit, "key count")
	p = parts{tensors: append(tensors, tensor("one more", quant.I8, 0, 1))}
	refuse(t, p.bytes(), gguf.ErrLimit, "tensor count")
}

// TestHostileChangeAfterParse: a file that changes under its mapping cannot move the bounds that Parse has found.
func TestHostileChangeAfterParse(t *testing.T) {
	p := valid()
	p.keys = append(p.keys, key("a.names", gguf.Array, array(gguf.String, 2, texts("name", "other"))))
	data := p.bytes()
	f := accept(t, data)
	tokens, err := f.Meta.Strings("a.names")
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = 0xff
	}
	if a, b := len(tokens.At(0)), len(tokens.At(1)); a != 4 || b != 5 {
		t.Errorf("strings of %d and %d bytes after the file changed", a, b)
	}
	for i := range f.Tensors {
		if x := &f.Tensors[i]; len(x.Data) != []int{32, 68}[i] || x.Elems() != []int{8, 64}[i] {
			t.Errorf("tensor %d changed: %d bytes, %d elements", i, len(x.Data), x.Elems())
		}
	}
	use(f)
}
