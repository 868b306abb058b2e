package quant

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"os"
	"strings"
	"testing"
)

// testdata/ggml.txt holds what ggml makes of the rows below; testdata/ggml.py wrote it and makes the same rows. README.md there has the
// versions, the command, and what else was compared.
const (
	fixtureCols   = 1024
	fixtureBlocks = 64
)

// splitmix is element i of the random stream seed.
func splitmix(seed uint64, i int) uint64 {
	z := seed*0xD1342543DE82EF95 + uint64(i+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

var rowKinds = strings.Fields(`bell heavy positive negative zero minuszero constant negconstant outlier denormal subnormal
	tiny halftiny halfhuge huge max ramp ties belowpower sparse stairs offset alternate hole inf nan`)

// row makes n values of a kind; each step is exact or rounds once, so that every language gets the same bits.
func row(kind string, seed uint64, n int) []float32 {
	x := make([]float32, n)
	two := func(e int) float32 { return float32(math.Ldexp(1, e)) }
	minusZero := math.Float32frombits(1 << 31)
	for i := range x {
		r := splitmix(seed, i)
		g := float32(int(r&0xffff)+int(r>>16&0xffff)+int(r>>32&0xffff)+int(r>>48)-131070) * 0x1p-17
		top := int(r >> 60)
		switch kind {
		case "bell":
			x[i] = g
		case "heavy":
			x[i] = g * two(top-8)
		case "positive":
			x[i] = abs32(g)
		case "negative":
			x[i] = -abs32(g)
		case "zero":
			x[i] = 0
		case "minuszero":
			x[i] = minusZero
		case "constant":
			x[i] = 0.7
		case "negconstant":
			x[i] = -0.3
		case "outlier":
			x[i] = g * 0x1p-6
			if i%300 == 17 {
				x[i] = 100
			}
		case "denormal":
			x[i] = g * 0x1p-125
		case "subnormal":
			x[i] = float32(g*0x1p-126) * 0x1p-12
		case "tiny":
			x[i] = g * 0x1p-49
		case "halftiny":
			x[i] = g * 0x1p-20
		case "halfhuge":
			x[i] = g * 0x1p20
		case "huge":
			x[i] = g * 0x1p100
		case "max":
			x[i] = float32(g*0x1p127) * 1.9
		case "ramp":
			x[i] = float32(i%32-13) * 0.125
		case "ties":
			x[i] = float32(r>>50%33)*0.5 - 8
		case "belowpower":
			e := i/32%24 - 12
			if top > 3 {
				e--
			}
			x[i] = (1 - 0x1p-24) * two(e)
			if g < 0 {
				x[i] = -x[i]
			}
		case "sparse":
			if top == 0 {
				x[i] = g
			}
		case "stairs":
			x[i] = g * two(i/32%7*2-6)
		case "offset":
			x[i] = g + 3
		case "alternate":
			x[i] = float32(1 - i%2*2)
		case "hole":
			if i >= 300 {
				x[i] = g
			}
		case "inf":
			x[i] = g
			if i%97 == 5 {
				x[i] = float32(math.Inf(1))
			}
		case "nan":
			x[i] = g
			if i%89 == 3 {
				x[i] = math.Float32frombits(0xffc00000)
			}
		default:
			panic("no row " + kind)
		}
	}
	return x
}

// importanceRow makes weights of columns in [0, 1], some of them and some whole groups 0.
func importanceRow(seed uint64, n int) []float32 {
	w := make([]float32, n)
	for i := range w {
		if r := splitmix(seed, i); i/32%9 != 4 && r%11 != 0 {
			w[i] = float32(r>>40+1) * 0x1p-24
		}
	}
	return w
}

// randomBytes are blocks that no encoder made.
func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, (n+7)/8*8)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], splitmix(seed, i/8))
	}
	return b[:n]
}

// bits are the little-endian bytes of x, with one NaN for all.
func bits(x []float32) []byte {
	b := make([]byte, 4*len(x))
	for i, v := range x {
		u := math.Float32bits(v)
		if v != v {
			u = 0x7fc00000
		}
		binary.LittleEndian.PutUint32(b[4*i:], u)
	}
	return b
}

func digest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}

func encodeRow(f *Format, x, importance []float32) []byte {
	b := guarded(len(x) / f.Elems * f.Size)
	f.Encode(b, x, importance)
	return b
}

// fixture reads ggml.txt as a map from "format what row" to the rest of the line.
func fixture(t *testing.T) fixtures {
	file, err := os.Open("testdata/ggml.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	want := fixtures{}
	for s := bufio.NewScanner(file); s.Scan(); {
		key, value, ok := cutLast(s.Text())
		if !ok {
			t.Fatalf("bad line %q", s.Text())
		}
		want[key] = value
	}
	return want
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// against gives the differences of one format's encoder and decoder from the fixtures.
func against(want fixtures, f *Format) []string {
	return append(encodeDiffers(want, f), decodeDiffers(want, f)...)
}

type fixtures map[string]string

func (want fixtures) check(diffs *[]string, f *Format, what, kind, got string) {
	key := fmt.Sprintf("%s %s %s", f.Name, what, kind)
	if w, ok := want[key]; !ok {
		*diffs = append(*diffs, key+": no fixture")
	} else if w != got {
		*diffs = append(*diffs, fmt.Sprintf("%s: %s, want %s", key, got, w))
	}
}

func encodeDiffers(want fixtures, f *Format) (diffs []string) {
	w := importanceRow(2, fixtureCols)
	for _, kind := range rowKinds {
		x := row(kind, 1, fixtureCols)
		want.check(&diffs, f, "encode", kind, digest(encodeRow(f, x, nil)))
		want.check(&diffs, f, "weighted", kind, digest(encodeRow(f, x, w)))
	}
	plain, weighted := sha256.New(), sha256.New()
	for s := uint64(100); s < 116; s++ {
		x := row([]string{"bell", "heavy"}[s%2], s, fixtureCols)
		plain.Write(encodeRow(f, x, nil))
		weighted.Write(encodeRow(f, x, importanceRow(s+1000, fixtureCols)))
	}
	want.check(&diffs, f, "encode", "many", sum8(plain))
	want.check(&diffs, f, "weighted", "many", sum8(weighted))
	if f.Elems > 1 {
		b := encodeRow(f, row("bell", 1, fixtureCols), nil)[:f.Size]
		want.check(&diffs, f, "block", "bell", hex.EncodeToString(b))
	}
	return diffs
}

func decodeDiffers(want fixtures, f *Format) (diffs []string) {
	blocks := fixtureBlocks
	if f.Elems == 1 {
		blocks = 4096
	}
	y := make([]float32, blocks*f.Elems)
	f.Decode(y, randomBytes(3, blocks*f.Size))
	want.check(&diffs, f, "decode", "random", digest(bits(y)))
	if f.Elems == 1 {
		return diffs
	}
	b, err := hex.DecodeString(want[f.Name+" block bell"])
	if err != nil || len(b) != f.Size {
		return append(diffs, f.Name+": the block of the fixtures is damaged")
	}
	f.Decode(y[:f.Elems], b)
	var some []float32
	for i := 0; i < f.Elems; i += f.Elems / 32 {
		some = append(some, y[i])
	}
	want.check(&diffs, f, "values", "bell", hex.EncodeToString(bits(some)))
	return diffs
}

func sum8(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:8]) }

// TestFixtures compares every format with ggml's own bytes.
func TestFixtures(t *testing.T) {
	want := fixture(t)
	for _, f := range Formats() {
		for _, d := range against(want, f) {
			t.Error(d)
		}
	}
}
