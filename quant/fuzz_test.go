package quant

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

// FuzzBlocks reads arbitrary bytes as blocks of every format.
func FuzzBlocks(f *testing.F) {
	f.Add(randomBytes(1, 420))
	f.Add(bytes.Repeat([]byte{0xff}, 420))
	f.Add(bytes.Repeat([]byte{0}, 420))
	for _, g := range Formats() {
		f.Add(encodeRow(g, row("heavy", 2, 256), nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, g := range Formats() {
			n := min(len(b)/g.Size*g.Elems, 4096)
			y := make([]float32, n)
			src := b[: n/g.Elems*g.Size : n/g.Elems*g.Size]
			g.Decode(y, src)
			if p := unpackDiffers(g, y, src); p != "" {
				t.Errorf("%s: %s", g.Name, p)
			}
		}
	})
}

// FuzzEncode encodes arbitrary floats, with arbitrary importance, in every format.
func FuzzEncode(f *testing.F) {
	for _, kind := range rowKinds {
		f.Add(bits(row(kind, 3, 256)), bits(importanceRow(4, 256)))
	}
	special := []float32{0, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32,
		-math.MaxFloat32, math.SmallestNonzeroFloat32, 0x1p-126, 65504, 65520, 1e-15, -1e-15}
	var x []float32
	for len(x) < 256 {
		x = append(x, special...)
	}
	f.Add(bits(x), bits(x[5:]))
	f.Add(randomBytes(5, 1024), randomBytes(6, 1024))
	f.Fuzz(func(t *testing.T, values, weights []byte) {
		x, w := floats(values), floats(weights)
		if len(x) == 0 {
			return
		}
		for _, g := range Formats() {
			b := make([]byte, len(x)/g.Elems*g.Size)
			for _, w := range [][]float32{nil, w} {
				g.Encode(b, x, w)
				y := make([]float32, len(x))
				g.Decode(y, b)
				if p := unpackDiffers(g, y, b); p != "" {
					t.Errorf("%s: %s", g.Name, p)
				}
			}
			// Values a half can scale keep their magnitude: nothing decodes beyond the range of the block.
			if top := magnitude(x); top < 1000 && top > 0.01 {
				y := make([]float32, len(x))
				g.Encode(b, x, nil)
				g.Decode(y, b)
				if got := magnitude(y); !(got <= 1.5*top) {
					t.Errorf("%s: values up to %v decode up to %v", g.Name, top, got)
				}
			}
		}
	})
}

// floats reads 256 floats, repeating the bytes; none without bytes.
func floats(b []byte) []float32 {
	if len(b) < 4 {
		return nil
	}
	x := make([]float32, 256)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[i*4%(len(b)/4*4):]))
	}
	return x
}

// magnitude is the largest absolute value; NaN if there is one.
func magnitude(x []float32) float32 {
	var top float32
	for _, v := range x {
		if v != v {
			return v
		}
		top = max(top, abs32(v))
	}
	return top
}
