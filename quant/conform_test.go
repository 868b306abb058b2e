package quant

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

// conform checks what Format promises on rows of the kinds and gives what does not hold. TestConform runs it on every registered format;
// TestConformRejects on broken ones.
func conform(f *Format, kinds ...string) (problems []string) {
	fail := func(format string, args ...any) {
		problems = append(problems, f.Name+": "+fmt.Sprintf(format, args...))
	}

	// Blocks from encoders and blocks of random bytes.
	n := 1024
	var blocks [][]byte
	for _, kind := range kinds {
		x := row(kind, 4, n)
		keep := bytes.Clone(bits(x))
		b := guarded(n / f.Elems * f.Size)
		f.Encode(b, x, nil)
		if !intact(b) {
			fail("Encode(%s) writes past its blocks", kind)
		}
		if !bytes.Equal(keep, bits(x)) {
			fail("Encode(%s) changes its source", kind)
		}
		again := guarded(len(b))
		for i := range again {
			again[i] = 0xa5
		}
		if f.Encode(again, x, nil); !bytes.Equal(again, b) {
			fail("Encode(%s) depends on what dst held", kind)
		}
		blocks = append(blocks, b)
		for name, w := range map[string][]float32{
			"uneven": importanceRow(5, n), "zero": make([]float32, n), "wild": row("inf", 6, n), "nan": row("nan", 7, n)} {
			b := guarded(len(b))
			if f.Encode(b, x, w); !intact(b) {
				fail("Encode(%s) with %s importance writes past its blocks", kind, name)
			}
			blocks = append(blocks, b)
		}
	}
	for s := range uint64(4) {
		blocks = append(blocks, randomBytes(s, n/f.Elems*f.Size))
	}

	for i, b := range blocks {
		b = bytes.Clone(b)[:len(b):len(b)]
		y := make([]float32, n)
		f.Decode(y, b)
		// A decoder sees one block at a time.
		z := make([]float32, n)
		for k := 0; k < n; k += f.Elems {
			f.Decode(z[k:k+f.Elems:k+f.Elems], b[k/f.Elems*f.Size:][:f.Size:f.Size])
		}
		if !bytes.Equal(bits(y), bits(z)) {
			fail("row %d: decoding block by block differs", i)
		}
		if p := unpackDiffers(f, y, b); p != "" {
			fail("row %d: %s", i, p)
		}
	}

	if e := roundTrip(f, row("bell", 9, n), nil); !(e <= maxError(f)) {
		fail("relative error of a round trip is %.4f, over %.4f", e, maxError(f))
	}
	return problems
}

// guarded is n bytes with a canary behind them, in the same array.
func guarded(n int) []byte {
	b := make([]byte, n+64)
	for i := range b {
		b[i] = 0xc3
	}
	return b[:n]
}

func intact(b []byte) bool {
	for _, v := range b[len(b) : len(b)+64] {
		if v != 0xc3 {
			return false
		}
	}
	return true
}

// unpackDiffers compares Unpack of b with y, what Decode made of it.
func unpackDiffers(f *Format, y []float32, b []byte) string {
	if f.Group == 0 {
		if f.Unpack != nil || f.Bits != 0 || f.HasMin {
			return "a float format with a group's fields"
		}
		return ""
	}
	n := len(y)
	q, d, m := make([]int8, n), make([]float32, n/f.Group), make([]float32, n/f.Group)
	for i := range m {
		m[i] = 99
	}
	f.Unpack(q, d, m, b)
	z := make([]float32, n)
	for i := range z {
		z[i] = float32(d[i/f.Group] * float32(q[i]))
		if f.HasMin {
			z[i] += m[i/f.Group]
		} else if m[i/f.Group] != 0 {
			return "minima of a format without are not cleared"
		}
		if v := int(q[i]); max(v, -v) >= 1<<(f.Bits-1) {
			return fmt.Sprintf("unpacked %d needs more than %d bits", v, f.Bits)
		}
	}
	if !bytes.Equal(bits(y), bits(z)) {
		return "d*q+m of Unpack is not Decode"
	}
	if !f.HasMin {
		q2, d2 := make([]int8, n), make([]float32, n/f.Group)
		f.Unpack(q2, d2, nil, b)
		if !bytes.Equal(bits(d), bits(d2)) || fmt.Sprint(q) != fmt.Sprint(q2) {
			return "Unpack without minima differs"
		}
	}
	return ""
}

// roundTrip is the root mean square error of encoding, relative to x; with w, weighted.
func roundTrip(f *Format, x, w []float32) float64 {
	y := make([]float32, len(x))
	f.Decode(y, encodeRow(f, x, w))
	var e, s float64
	for i := range x {
		c := 1.0
		if w != nil {
			c = float64(w[i])
		}
		e += c * (float64(x[i]) - float64(y[i])) * (float64(x[i]) - float64(y[i]))
		s += c * float64(x[i]) * float64(x[i])
	}
	return math.Sqrt(e / s)
}

// maxError bounds the error on bell-shaped rows by the bits an element takes: what was measured is a third to two
// thirds of it.
func maxError(f *Format) float64 {
	bits := 8 * float64(f.Size) / float64(f.Elems)
	switch f.Type {
	case F32:
		return 0
	case F16:
		return 1. / 2048
	case BF16:
		return 1. / 256
	}
	return 3 * math.Pow(2, -bits)
}

func TestConform(t *testing.T) {
	if n := len(Formats()); n < 15 {
		t.Errorf("%d formats are registered, there were 15", n)
	}
	for _, f := range Formats() {
		for _, p := range conform(f, rowKinds...) {
			t.Error(p)
		}
	}
}

// TestConformRejects breaks each format in the ways a decoder is written wrong, and wants the suites to notice: conform
// and the fixtures for a wrong Decode or Unpack, the fixtures alone where both are wrong alike.
func TestConformRejects(t *testing.T) {
	want := fixture(t)
	for _, good := range Formats() {
		if p := append(decodeDiffers(want, good), conform(good, "bell")...); len(p) > 0 {
			t.Fatal(p)
		}
		// Damage to the blocks before they are read stands for reading the wrong field.
		damage := map[string]func(b []byte){
			"one bit of the last byte": func(b []byte) { b[len(b)-1] ^= 0x10 },
			"one bit of the first":     func(b []byte) { b[0] ^= 0x10 },
			"one bit in the middle":    func(b []byte) { b[len(b)/2] ^= 1 },
		}
		if good.Elems > 1 {
			damage["nibbles swapped"] = func(b []byte) {
				for i := range b {
					b[i] = b[i]<<4 | b[i]>>4
				}
			}
			damage["next block's scale"] = func(b []byte) {
				if len(b) > good.Size {
					b[len(b)-good.Size], b[len(b)-2] = b[0], b[good.Size-2]
				}
			}
		}
		for name, hurt := range damage {
			f := *good
			f.Decode = func(dst []float32, src []byte) {
				src = bytes.Clone(src[:len(dst)/good.Elems*good.Size])
				if len(src) > 0 {
					hurt(src)
				}
				good.Decode(dst, src)
			}
			if len(decodeDiffers(want, &f)) == 0 {
				t.Errorf("%s: fixtures accept a decoder with %s", f.Name, name)
			}
			if f.Group > 0 {
				if p := conform(&f, "bell"); len(p) == 0 {
					t.Errorf("%s: conform accepts a decoder with %s", f.Name, name)
				}
				f.Decode = good.Decode
				f.Unpack = func(q []int8, d, m []float32, src []byte) {
					src = bytes.Clone(src[:len(q)/good.Elems*good.Size])
					hurt(src)
					good.Unpack(q, d, m, src)
				}
				if p := conform(&f, "bell"); len(p) == 0 {
					t.Errorf("%s: conform accepts an unpacker with %s", f.Name, name)
				}
			}
		}
		if good.HasMin {
			f := *good
			f.Unpack = func(q []int8, d, m []float32, src []byte) { good.Unpack(q, d, m, src); clear(m) }
			if len(conform(&f, "bell")) == 0 {
				t.Errorf("%s: conform accepts an unpacker without minima", f.Name)
			}
		}
		if good.Group > 0 {
			f := *good
			f.Bits--
			if len(conform(&f, "bell")) == 0 {
				t.Errorf("%s: conform accepts too few bits", f.Name)
			}
		}
		f := *good
		f.Encode = func(dst []byte, src, w []float32) { good.Encode(dst, src, w); dst[:len(dst)+1][len(dst)] = 0 }
		if len(conform(&f, "bell")) == 0 {
			t.Errorf("%s: conform accepts an encoder that writes too much", f.Name)
		}
		f.Encode = func(dst []byte, src, w []float32) { good.Encode(dst[:len(dst)-1], src, w) }
		if !panics(func() { conform(&f, "bell") }) {
			t.Errorf("%s: an encoder given too little room does not say so", f.Name)
		}
		f.Encode = func(dst []byte, src, w []float32) {
			x := append([]float32(nil), src...)
			for i := range x {
				x[i] = x[i] * 0.75
			}
			good.Encode(dst, x, w)
		}
		if p := encodeDiffers(want, &f); !mentions(p, "encode") || !mentions(p, "weighted") {
			t.Errorf("%s: fixtures accept an encoder that is a quarter off", f.Name)
		}
	}
}

func mentions(problems []string, word string) bool {
	return strings.Contains(strings.Join(problems, "\n"), word)
}

func panics(f func()) (p bool) {
	defer func() { p = recover() != nil }()
	f()
	return false
}

// TestImportance wants weights to be worth having: where a few columns matter, errors there shrink.
func TestImportance(t *testing.T) {
	x := row("bell", 11, 4096)
	w := make([]float32, len(x))
	for i := range w {
		w[i] = 0.01
		if i%8 == 3 {
			w[i] = 1
		}
	}
	for _, f := range Formats() {
		same := bytes.Equal(encodeRow(f, x, nil), encodeRow(f, x, w))
		switch f.Type {
		case F32, F16, BF16, Q8_0, MXFP4:
			if !same {
				t.Errorf("%s: importance changes the blocks of a format without a choice", f.Name)
			}
		default:
			if a, b := weightedError(f, x, w, nil), weightedError(f, x, w, w); !(b < a) {
				t.Errorf("%s: weighted error %.5f with importance, %.5f without", f.Name, b, a)
			}
		}
	}
}

func weightedError(f *Format, x, w, importance []float32) float64 {
	y := make([]float32, len(x))
	f.Decode(y, encodeRow(f, x, importance))
	var e float64
	for i := range x {
		e += float64(w[i]) * float64(x[i]-y[i]) * float64(x[i]-y[i])
	}
	return e
}
