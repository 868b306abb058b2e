package gguf_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godwit-ai/godwit/gguf"
)

// use calls everything that a parsed file offers. It panics where the file hands out something bad.
func use(f *gguf.File) {
	m := f.Meta
	for key := range m.Keys() {
		for _, limit := range []int{-1, 0, 1, 7, 60} {
			if s := m.Describe(key, limit); utf8.RuneCountInString(s) > max(0, limit) || !utf8.ValidString(s) || strings.ContainsAny(s, "\x1b\n\x00") {
				panic(fmt.Sprintf("description of %q: %q", key, s))
			}
		}
		m.Kind(key)
		m.Array(key)
		m.Uint(key)
		m.Int(key)
		m.Float(key)
		m.Bool(key)
		m.String(key)
		m.Bytes(key)
		if a, err := m.Strings(key); err == nil {
			for i := range a.Len() {
				_ = a.At(i)[len(a.At(i)):]
			}
		}
		if a, err := m.Floats(key); err == nil {
			for i := range a.Len() {
				a.At(i)
			}
		}
		if a, err := m.Ints(key); err == nil {
			for i := range a.Len() {
				a.At(i)
			}
		}
	}
	for i := range f.Tensors {
		x := &f.Tensors[i]
		if y, ok := f.Tensor(x.Name); !ok || y != x {
			panic("tensor " + x.Name)
		}
		if n, err := gguf.Size(x.Type, x.Dims); err != nil || n != len(x.Data) || cap(x.Data) != n {
			panic(fmt.Sprintf("%s: %d bytes, Size says %d, %v", x.Name, len(x.Data), n, err))
		}
		if m, err := x.Matrix(); err == nil && m.Rows*m.Cols != x.Elems() {
			panic("elements of " + x.Name)
		}
	}
}

func le(n int, v uint64) (b raw) {
	for range n {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}

// values has one key of every kind.
func values(t *testing.T) *gguf.Meta {
	t.Helper()
	neg := func(n int64) uint64 { return uint64(n) }
	return accept(t, parts{keys: []raw{
		key("u8", gguf.Uint8, le(1, 200)), key("i8", gguf.Int8, le(1, neg(-100))), key("u16", gguf.Uint16, le(2, 60000)),
		key("i16", gguf.Int16, le(2, neg(-30000))), key("u32", gguf.Uint32, le(4, 4e9)), key("i32", gguf.Int32, le(4, neg(-2e9))),
		key("u64", gguf.Uint64, le(8, math.MaxUint64)), key("i64", gguf.Int64, le(8, 1<<63)),
		key("f32", gguf.Float32, le(4, uint64(math.Float32bits(0.1)))), key("f64", gguf.Float64, le(8, math.Float64bits(1e-300))),
		key("nan", gguf.Float32, le(4, 0x7fc00000)), key("yes", gguf.Bool, raw{1}), key("no", gguf.Bool, raw{0}), key("odd", gguf.Bool, raw{7}),
		key("text", gguf.String, texts("na\xc3\xafve")), key("empty", gguf.String, texts("")), key("bad", gguf.String, texts("a\xff\x1b[2Jb")),
		key("texts", gguf.Array, array(gguf.String, 4, texts("a", "", "\xe2\x96\x81x", "\xff"))), key("no texts", gguf.Array, array(gguf.String, 0, nil)),
		key("bools", gguf.Array, array(gguf.Bool, 3, raw{1, 0, 9})), key("bytes", gguf.Array, array(gguf.Uint8, 3, raw{1, 0, 255})),
		key("int8s", gguf.Array, array(gguf.Int8, 2, raw{1, 255})), key("u16s", gguf.Array, array(gguf.Uint16, 2, raw{1, 0, 255, 255})),
		key("i16s", gguf.Array, array(gguf.Int16, 2, raw{1, 0, 255, 255})), key("u32s", gguf.Array, array(gguf.Uint32, 1, le(4, math.MaxUint32))),
		key("i32s", gguf.Array, array(gguf.Int32, 1, le(4, neg(-5)))), key("i64s", gguf.Array, array(gguf.Int64, 1, le(8, neg(-5)))),
		key("u64s", gguf.Array, array(gguf.Uint64, 2, append(le(8, 5), le(8, math.MaxInt64)...))), key("big", gguf.Array, array(gguf.Uint64, 1, le(8, 1<<63))),
		key("f32s", gguf.Array, array(gguf.Float32, 2, append(le(4, uint64(math.Float32bits(0.5))), le(4, uint64(math.Float32bits(-3e10)))...))),
		key("f64s", gguf.Array, array(gguf.Float64, 1, le(8, math.Float64bits(-2.5)))),
	}}.bytes()).Meta
}

// wrapped is the error that text names.
var wrapped = map[string]error{"missing": gguf.ErrMissing, "type": gguf.ErrType, "range": gguf.ErrRange}

// TestGetters asks for every key in every way. A getter that does not stand in a row must give ErrType.
func TestGetters(t *testing.T) {
	m := values(t)
	get := map[string]func(string) (any, error){
		"uint":   func(k string) (any, error) { return m.Uint(k) },
		"int":    func(k string) (any, error) { return m.Int(k) },
		"float":  func(k string) (any, error) { return m.Float(k) },
		"bool":   func(k string) (any, error) { return m.Bool(k) },
		"string": func(k string) (any, error) { return m.String(k) },
		"bytes":  func(k string) (any, error) { return m.Bytes(k) },
		"strings": func(k string) (any, error) {
			a, err := m.Strings(k)
			s := []string{}
			for i := range a.Len() {
				s = append(s, string(a.At(i)))
			}
			return s, err
		},
		"floats": func(k string) (any, error) {
			a, err := m.Floats(k)
			s := []float64{}
			for i := range a.Len() {
				s = append(s, a.At(i))
			}
			return s, err
		},
		"ints": func(k string) (any, error) {
			a, err := m.Ints(k)
			s := []int64{}
			for i := range a.Len() {
				s = append(s, a.At(i))
			}
			return s, err
		},
	}
	rows := map[string]map[string]any{
		"u8":       {"uint": uint64(200), "int": int64(200), "float": 200.},
		"i8":       {"uint": "range", "int": int64(-100), "float": -100.},
		"u16":      {"uint": uint64(60000), "int": int64(60000), "float": 60000.},
		"i16":      {"uint": "range", "int": int64(-30000), "float": -30000.},
		"u32":      {"uint": uint64(4e9), "int": int64(4e9), "float": 4e9},
		"i32":      {"uint": "range", "int": int64(-2e9), "float": -2e9},
		"u64":      {"uint": uint64(math.MaxUint64), "int": "range", "float": float64(math.MaxUint64)},
		"i64":      {"uint": "range", "int": int64(math.MinInt64), "float": float64(math.MinInt64)},
		"f32":      {"float": float64(float32(0.1))},
		"f64":      {"float": 1e-300},
		"nan":      {"float": math.NaN()},
		"yes":      {"bool": true},
		"no":       {"bool": false},
		"odd":      {"bool": true},
		"text":     {"string": "naïve", "bytes": []byte("naïve")},
		"empty":    {"string": "", "bytes": []byte{}},
		"bad":      {"string": "a\xff\x1b[2Jb", "bytes": []byte("a\xff\x1b[2Jb")},
		"texts":    {"strings": []string{"a", "", "▁x", "\xff"}},
		"no texts": {"strings": []string{}},
		"bools":    {"ints": []int64{1, 0, 1}},
		"bytes":    {"ints": []int64{1, 0, 255}, "floats": []float64{1, 0, 255}, "bytes": []byte{1, 0, 255}},
		"int8s":    {"ints": []int64{1, -1}, "floats": []float64{1, -1}, "bytes": []byte{1, 255}},
		"u16s":     {"ints": []int64{1, 65535}, "floats": []float64{1, 65535}},
		"i16s":     {"ints": []int64{1, -1}, "floats": []float64{1, -1}},
		"u32s":     {"ints": []int64{math.MaxUint32}, "floats": []float64{math.MaxUint32}},
		"i32s":     {"ints": []int64{-5}, "floats": []float64{-5}},
		"i64s":     {"ints": []int64{-5}, "floats": []float64{-5}},
		"u64s":     {"ints": []int64{5, math.MaxInt64}, "floats": []float64{5, math.MaxInt64}},
		"big":      {"ints": "range", "floats": []float64{1 << 63}},
		"f32s":     {"floats": []float64{0.5, float64(float32(-3e10))}},
		"f64s":     {"floats": []float64{-2.5}},
		"absent":   {},
	}
	if m.Len()+1 != len(rows) {
		t.Fatalf("%d keys, %d rows", m.Len(), len(rows))
	}
	for k, row := range rows {
		for how, f := range get {
			want, ok := row[how]
			if !ok {
				want = "type"
			}
			if k == "absent" {
				want = "missing"
			}
			got, err := f(k)
			if name, ok := want.(string); ok && wrapped[name] != nil {
				if !errors.Is(err, wrapped[name]) || !strings.Contains(err.Error(), k) {
					t.Errorf("%s of %q: %v, %v, want the error %q", how, k, got, err, name)
				}
			} else if err != nil || fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
				t.Errorf("%s of %q: %#v, %v, want %#v", how, k, got, err, want)
			}
		}
		if m.Has(k) != (k != "absent") {
			t.Errorf("Has(%q) is %v", k, m.Has(k))
		}
	}
}

// TestOr: the default stands for a missing key only.
func TestOr(t *testing.T) {
	m := values(t)
	check := func(what string, got any, err error, want any, wantErr error) {
		t.Helper()
		if !errors.Is(err, wantErr) || wantErr == nil && got != want {
			t.Errorf("%s: %v, %v, want %v, %v", what, got, err, want, wantErr)
		}
	}
	u, err := m.UintOr("absent", 9)
	check("UintOr", u, err, uint64(9), nil)
	u, err = m.UintOr("u8", 9)
	check("UintOr", u, err, uint64(200), nil)
	u, err = m.UintOr("i8", 9)
	check("UintOr", u, err, nil, gguf.ErrRange)
	i, err := m.IntOr("absent", -9)
	check("IntOr", i, err, int64(-9), nil)
	i, err = m.IntOr("text", -9)
	check("IntOr", i, err, nil, gguf.ErrType)
	f, err := m.FloatOr("absent", 0.5)
	check("FloatOr", f, err, 0.5, nil)
	f, err = m.FloatOr("f64", 0.5)
	check("FloatOr", f, err, 1e-300, nil)
	f, err = m.FloatOr("f64s", 0.5)
	check("FloatOr", f, err, nil, gguf.ErrType)
	b, err := m.BoolOr("absent", true)
	check("BoolOr", b, err, true, nil)
	b, err = m.BoolOr("no", true)
	check("BoolOr", b, err, false, nil)
	b, err = m.BoolOr("u8", true)
	check("BoolOr", b, err, nil, gguf.ErrType)
	s, err := m.StringOr("absent", "d")
	check("StringOr", s, err, "d", nil)
	s, err = m.StringOr("empty", "d")
	check("StringOr", s, err, "", nil)
	s, err = m.StringOr("yes", "d")
	check("StringOr", s, err, nil, gguf.ErrType)
	s, err = m.StringOr("texts", "d")
	check("StringOr", s, err, nil, gguf.ErrType)
}

func TestKinds(t *testing.T) {
	m := values(t)
	for key, want := range map[string]gguf.Kind{"u8": gguf.Uint8, "f64": gguf.Float64, "text": gguf.String, "texts": gguf.Array} {
		if k, ok := m.Kind(key); !ok || k != want {
			t.Errorf("%s: %v, %v", key, k, ok)
		}
	}
	if _, ok := m.Kind("absent"); ok {
		t.Error("a kind of a missing key")
	}
	if e, n, ok := m.Array("u16s"); e != gguf.Uint16 || n != 2 || !ok {
		t.Error(e, n, ok)
	}
	for _, k := range []string{"absent", "text", "u8"} {
		if _, _, ok := m.Array(k); ok {
			t.Errorf("%s is an array", k)
		}
	}
	if s := fmt.Sprint(gguf.Uint8, gguf.Array, gguf.Kind(77)); s != "uint8 array kind 77" {
		t.Error(s)
	}
}

func TestKeys(t *testing.T) {
	f := accept(t, valid().bytes())
	if got := slices.Collect(f.Meta.Keys()); !slices.Equal(got, []string{"general.architecture", "a.count", "a.tokens", "a.scores"}) {
		t.Errorf("%q", got)
	}
	for range f.Meta.Keys() {
		break
	}
}

// TestZeroArrays: what a getter returns beside an error is empty and not nil-dangerous.
func TestZeroArrays(t *testing.T) {
	if (gguf.StringArray{}).Len()+(gguf.FloatArray{}).Len()+(gguf.IntArray{}).Len() != 0 {
		t.Error("a zero array has entries")
	}
}

func TestDescribe(t *testing.T) {
	m := values(t)
	for _, c := range []struct {
		key   string
		limit int
		want  string
	}{
		{"u8", 60, "200"}, {"i64", 60, "-9223372036854775808"}, {"u64", 60, "18446744073709551615"}, {"f32", 60, "0.1"}, {"f64", 60, "1e-300"},
		{"nan", 60, "NaN"}, {"yes", 60, "true"}, {"no", 60, "false"}, {"text", 60, "naïve"}, {"text", 5, "naïve"}, {"text", 4, "naï…"}, {"text", 1, "…"},
		{"text", 0, ""}, {"text", -1, ""}, {"empty", 60, ""}, {"absent", 60, ""}, {"bad", 60, `a\xff\x1b[2Jb`}, {"text", math.MaxInt, "naïve"},
		{"texts", 60, `string[4]: "a", "", "▁x", "\xff"`}, {"texts", 32, `string[4]: "a", "", "▁x", "\xff"`}, {"texts", 31, `string[4]: "a", "", "▁x", …`},
		{"texts", 20, `string[4]: "a", …`}, {"texts", 21, `string[4]: "a", "", …`}, {"texts", 9, "string[4]"}, {"texts", 5, "stri…"},
		{"no texts", 60, "string[0]"}, {"bools", 60, "bool[3]: true, false, true"}, {"bytes", 60, "uint8[3]: 1, 0, 255"}, {"f32s", 60, "float32[2]: 0.5, -30000000000"},
		{"i64s", 60, "int64[1]: -5"}, {"big", 60, "uint64[1]: 9223372036854775808"},
	} {
		if got := m.Describe(c.key, c.limit); got != c.want {
			t.Errorf("%s in %d: %q, want %q", c.key, c.limit, got, c.want)
		}
	}
	// A long value is not looked at beyond what is shown.
	const n = 8 << 20
	f := accept(t, parts{keys: []raw{key("long", gguf.String, texts(strings.Repeat("x", n))), key("many", gguf.Array, array(gguf.Uint8, n, make(raw, n)))}}.bytes())
	if got := allocated(func() { f.Meta.Describe("long", 60); f.Meta.Describe("many", 60) }); got > 16<<10 {
		t.Errorf("%d bytes allocated", got)
	}
}
