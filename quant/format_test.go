package quant

import (
	"math"
	"strings"
	"testing"
)

func TestRegistry(t *testing.T) {
	last := Type(0)
	for i, f := range Formats() {
		if i > 0 && f.Type <= last {
			t.Errorf("%s: out of order", f.Name)
		}
		last = f.Type
		if typeNames[f.Type] != f.Name {
			t.Errorf("%s: GGUF calls type %d %q", f.Name, f.Type, typeNames[f.Type])
		}
		for _, name := range []string{f.Name, strings.ToLower(f.Name)} {
			if g, ok := ByName(name); !ok || g != f {
				t.Errorf("ByName(%q) = %v, %v", name, g, ok)
			}
		}
		if g, ok := Lookup(f.Type); !ok || g != f {
			t.Errorf("Lookup(%v) = %v, %v", f.Type, g, ok)
		}
	}
	if _, ok := Lookup(IQ2_XS); ok {
		t.Error("IQ2_XS is registered")
	}
	if _, ok := ByName(""); ok {
		t.Error("the empty name is registered")
	}
	for typ, want := range map[Type]string{Q4_K: "Q4_K", IQ2_XS: "IQ2_XS", 99: "type 99"} {
		if got := typ.String(); got != want {
			t.Errorf("Type(%d).String() = %q, want %q", uint32(typ), got, want)
		}
	}
	Formats()[0] = nil
	if Formats()[0] == nil {
		t.Error("Formats hands out the registry itself")
	}
}

func TestRegisterRefuses(t *testing.T) {
	ok := Format{Type: 1000, Name: "NEW", Elems: 32, Size: 16, Group: 32, Bits: 4,
		Decode: decodeQ4_0, Encode: encodeQ4_0, Unpack: unpackQ4_0}
	for name, change := range map[string]func(f *Format){
		"taken type":   func(f *Format) { f.Type = Q4_K },
		"taken name":   func(f *Format) { f.Name = "q4_k" },
		"no name":      func(f *Format) { f.Name = "" },
		"no elements":  func(f *Format) { f.Elems = 0 },
		"no size":      func(f *Format) { f.Size = 0 },
		"no decoder":   func(f *Format) { f.Decode = nil },
		"no encoder":   func(f *Format) { f.Encode = nil },
		"no unpacker":  func(f *Format) { f.Unpack = nil },
		"bad group":    func(f *Format) { f.Group = 24 },
		"too few bits": func(f *Format) { f.Bits = 1 },
	} {
		f := ok
		change(&f)
		if !panics(func() { Register(f) }) {
			t.Errorf("%s: registered", name)
		}
	}
}

func TestHalf(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		x := h2f(h)
		e, m := int(h>>10&31), float64(h&0x3ff)
		var want float64
		switch {
		case e == 31 && m != 0:
			want = math.NaN()
		case e == 31:
			want = math.Inf(1)
		case e == 0:
			want = math.Ldexp(m, -24)
		default:
			want = math.Ldexp(1024+m, e-25)
		}
		if h>>15 != 0 {
			want = -want
		}
		if w := float32(want); math.Float32bits(x) != math.Float32bits(w) && w == w || w != w && x == x {
			t.Fatalf("h2f(%#04x) = %v, want %v", h, x, want)
		}
		if got := f2h(x); got != h && x == x || x != x && f2h(x)&0x7c00 != 0x7c00 {
			t.Fatalf("f2h(%v) = %#04x, want %#04x", x, got, h)
		}
		if e == 31 {
			continue
		}
		// Half way to the next half, and the floats beside it.
		next := h2f(h + 1)
		if e == 30 && m == 1023 {
			next = float32(math.Copysign(65536, want))
		}
		mid := (x + next) / 2
		even := h + h&1
		if got := f2h(mid); got != even {
			t.Fatalf("f2h(%v) = %#04x, half way above %#04x, want %#04x", mid, got, h, even)
		}
		if got := f2h(math.Nextafter32(mid, x)); got != h {
			t.Fatalf("f2h below the middle = %#04x, want %#04x", got, h)
		}
		if got := f2h(math.Nextafter32(mid, next)); got != h+1 {
			t.Fatalf("f2h above the middle = %#04x, want %#04x", got, h+1)
		}
	}
}

func TestIntegers(t *testing.T) {
	for _, c := range []struct {
		x    float32
		want int
	}{{0, 0}, {0.5, 0}, {1.5, 2}, {-0.5, 0}, {-1.5, -2}, {2.5, 2}, {4194303, 4194303}, {-4194304, -4194304},
		{float32(math.NaN()), 0}, {float32(math.Inf(1)), -0x400000}, {float32(math.Inf(-1)), -0x400000}} {
		if got := nearestInt(c.x); got != c.want {
			t.Errorf("nearestInt(%v) = %d, want %d", c.x, got, c.want)
		}
	}
	for _, c := range []struct {
		x    float32
		want int32
	}{{0, 0}, {1.9, 1}, {-1.9, -1}, {2147483520, 2147483520}, {2147483648, math.MinInt32}, {-2147483648, math.MinInt32},
		{float32(math.NaN()), math.MinInt32}, {float32(math.Inf(1)), math.MinInt32}} {
		if got := truncInt(c.x); got != c.want {
			t.Errorf("truncInt(%v) = %d, want %d", c.x, got, c.want)
		}
	}
}
