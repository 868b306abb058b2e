package layer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// rounded gives a matrix another format.
func rounded(t *testing.T, m quant.Matrix, name string) quant.Matrix {
	t.Helper()
	f, _ := quant.ByName(name)
	var data []byte
	row, out := make([]float32, m.Cols), make([]byte, m.Cols/f.Elems*f.Size)
	for r := range m.Rows {
		m.DecodeRow(row, r)
		f.Encode(out, row, nil)
		data = append(data, out...)
	}
	q, err := quant.NewMatrix(f.Type, m.Rows, m.Cols, data)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestFactored compares maps of one input, factorised, dense and parts of a factorised one, with W·(V·x) + B, and looks that the bits
// of a row depend neither on the rows beside it, nor on the workers, nor on the other maps, and that nothing is allocated.
func TestFactored(t *testing.T) {
	const in, n = 96, 70
	rng := rand.New(rand.NewPCG(3, 3))
	pool := par.NewPool(3)
	defer pool.Close()
	team, done := pool.Pass(t.Context())
	defer done()
	x := random(rng, n*in)
	for _, format := range []string{"F32", "Q8_0"} {
		pair := func(out, rank int, bias bool) (l Linear) {
			l.W, l.V = rounded(t, matrix(t, random(rng, out*rank), rank), format), rounded(t, matrix(t, random(rng, rank*in), in), format)
			if bias {
				l.B = random(rng, out)
			}
			return l
		}
		both, alone := pair(75, 32, true), pair(41, 64, true)
		maps := []Linear{both.Part(0, 35), {W: rounded(t, matrix(t, random(rng, 50*in), in), format), B: random(rng, 50)}, alone, both.Part(35, 75), pair(20, 32, false)}
		compute := func(team seq.Team, exact bool, x []float32, maps ...*Linear) (ys [][]float32) {
			at := &seq.Step{Exact: exact, Team: team, Mem: new(seq.Arena)}
			var input quant.Input
			if err := input.Set(x, len(x)/in, in, exact, team, at.Mem); err != nil {
				t.Fatal(err)
			}
			for _, l := range maps {
				ys = append(ys, make([]float32, len(x)/in*l.out()))
			}
			mark := at.Mem.Mark()
			if err := mul(&input, at, ys, maps...); err != nil {
				t.Fatal(err)
			}
			if at.Mem.Mark() != mark {
				t.Error("scratch was not released")
			}
			return ys
		}
		var all []*Linear
		for i := range maps {
			all = append(all, &maps[i])
		}
		for _, exact := range []bool{true, false} {
			what := fmt.Sprintf("%s, exact %v", format, exact)
			ys := compute(team, exact, x, all...)
			for i, l := range all {
				if l.in() != in {
					t.Errorf("map %d has %d inputs", i, l.in())
				}
				if y := compute(par.Serial(), exact, x, l)[0]; !slices.Equal(y, ys[i]) {
					t.Errorf("%s: map %d has other bits alone", what, i)
				}
				for r := range n {
					row, have := x[r*in:(r+1)*in], ys[i][r*l.out():(r+1)*l.out()]
					if y := compute(par.Serial(), exact, row, l)[0]; !slices.Equal(y, have) {
						t.Errorf("%s: row %d of map %d has other bits alone", what, r, i)
					}
					mid := wide(row)
					if l.factored() {
						mid = times(Linear{W: l.V}, mid)
					}
					bound := near
					if !exact && format != "F32" {
						bound = 0.1 // activations are rounded to int8 twice: 0.03 is seen
					}
					if d := off(have, times(Linear{W: l.W, B: l.B}, mid)); d > bound {
						t.Errorf("%s: row %d of map %d is off by %g", what, r, i, d)
					}
				}
			}
		}
		g := GLU{Gate: both.Part(0, 32), Up: both.Part(32, 64), Down: Linear{W: alone.W.Slice(0, 32), V: rounded(t, matrix(t, random(rng, 64*32), 32), format)}}
		at, y := &seq.Step{N: 3, Team: par.Serial(), Mem: new(seq.Arena)}, make([]float32, 3*in)
		if allocs := testing.AllocsPerRun(20, func() { g.Run(y, x, nil, at) }); allocs != 0 {
			t.Errorf("%s: %v allocations per pass", format, allocs)
		}
	}
}

// TestFactoredCost: V counts once, also of parts.
func TestFactoredCost(t *testing.T) {
	l := Linear{W: matrix(t, make([]float32, 8*2), 2), V: matrix(t, make([]float32, 2*16), 16)}
	a, b := l.Part(0, 4), l.Part(4, 8)
	for _, c := range []seq.Cost{multiply(3, false, &l), multiply(3, false, &a, &b)} {
		if want := (seq.Cost{Weights: 4 * (8*2 + 2*16), FloatOps: 2 * 3 * (8*2 + 2*16)}); c != want {
			t.Errorf("%+v, want %+v", c, want)
		}
	}
}

// TestTap: a tap sees what dense maps with a name take in, maps of one input together, and its error ends the pass.
func TestTap(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	linear := func(name string, rows, cols int) Linear {
		return Linear{Name: name, W: matrix(t, random(rng, rows*cols), cols)}
	}
	g := GLU{Gate: linear("gate", 4, 8), Up: linear("up", 4, 8), Down: linear("down", 8, 4)}
	n := Net{Embed: linear("", 5, 8).W, Stack: []Branch{{Op: &g}, {Op: &g}}, Head: linear("head", 5, 8)}
	run := func(tap seq.Tap) error {
		st, err := n.NewState(&seq.Env{MaxLen: 3, MaxChunk: 3})
		if err != nil {
			t.Fatal(err)
		}
		at := &seq.Step{N: 3, Pos: make([]seq.Pos, 3), Want: []int{0, 2}, Team: par.Serial(), Mem: new(seq.Arena), Tap: tap}
		return n.Run(make([]float32, 2*5), []int32{1, 2, 3}, st, at)
	}
	var seen []string
	err := run(func(at *seq.Step, names []string, x []float32, cols int) error {
		seen = append(seen, fmt.Sprint(strings.Join(names, "+"), len(x)/cols, cols))
		if seen[0] == seen[len(seen)-1] && len(seen) == 1 {
			row := make([]float32, 8)
			n.Embed.DecodeRow(row, 1) // nothing is before the first branch's maps
			if !slices.Equal(x[:cols], row) && len(x) != 2*cols {
				t.Errorf("the first input is %v", x)
			}
		}
		return nil
	})
	if want := []string{"gate+up2 8", "down2 4", "gate+up2 8", "down2 4", "head2 8"}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("seen %q, want %q (%v)", seen, want, err)
	}
	g.Up, g.Down.Name = Linear{Name: "up", W: linear("", 4, 2).W, V: linear("", 2, 8).W}, ""
	seen = nil
	if err := run(func(_ *seq.Step, names []string, _ []float32, _ int) error { seen = append(seen, names...); return nil }); err != nil || !slices.Equal(seen, []string{"gate", "gate", "head"}) {
		t.Errorf("of maps that are factorised or nameless: %q, %v", seen, err)
	}
	if err := run(func(*seq.Step, []string, []float32, int) error { return io.ErrShortWrite }); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a tap's error: %v", err)
	}
}

// TestFactorTensors: a pair of tensors stands for a matrix, and one that does not fit is refused by name.
func TestFactorTensors(t *testing.T) {
	const rows, cols = 6, 8
	for _, c := range []struct {
		what    string
		tensors map[string][]int
		wrong   error
		named   []string // in the error
		rank    int
	}{
		{"a matrix", map[string][]int{"x.weight": {cols, rows}}, nil, nil, 0},
		{"a pair", map[string][]int{"x.weight_u": {3, rows}, "x.weight_v": {cols, 3}}, nil, nil, 3},
		{"rank 1", map[string][]int{"x.weight_u": {1, rows}, "x.weight_v": {cols, 1}}, nil, nil, 1},
		{"full rank", map[string][]int{"x.weight_u": {6, rows}, "x.weight_v": {cols, 6}, "x.bias": {rows}}, nil, nil, 6},
		{"ranks that differ", map[string][]int{"x.weight_u": {3, rows}, "x.weight_v": {cols, 4}}, ErrFactors, []string{"x.weight_u", "x.weight_v"}, 0},
		{"u alone", map[string][]int{"x.weight_u": {3, rows}}, ErrFactors, []string{"x.weight_u", "x.weight_v"}, 0},
		{"v alone", map[string][]int{"x.weight_v": {cols, 3}}, ErrFactors, []string{"x.weight_u", "x.weight_v"}, 0},
		{"the matrix too", map[string][]int{"x.weight_u": {3, rows}, "x.weight_v": {cols, 3}, "x.weight": {cols, rows}}, ErrFactors, []string{"x.weight", "x.weight_u"}, 0},
		{"the matrix and u", map[string][]int{"x.weight_u": {3, rows}, "x.weight": {cols, rows}}, ErrFactors, []string{"x.weight_u"}, 0},
		{"more than full rank", map[string][]int{"x.weight_u": {7, rows}, "x.weight_v": {cols, 7}}, ErrFactors, []string{"x.weight_u"}, 0},
		{"rows that differ", map[string][]int{"x.weight_u": {3, rows + 1}, "x.weight_v": {cols, 3}}, ErrShape, []string{"x.weight_u"}, 0},
		{"columns that differ", map[string][]int{"x.weight_u": {3, rows}, "x.weight_v": {cols + 1, 3}}, ErrShape, []string{"x.weight_v"}, 0},
		{"a vector for u", map[string][]int{"x.weight_u": {3}, "x.weight_v": {cols, 3}}, ErrShape, []string{"x.weight_u"}, 0},
		{"a vector for v", map[string][]int{"x.weight_u": {3, rows}, "x.weight_v": {cols}}, ErrFactors, []string{"x.weight_v"}, 0},
	} {
		w := NewWeights(written(t, c.tensors))
		if !w.Has("x.weight") {
			t.Errorf("%s: it is not there", c.what)
		}
		if c.wrong == nil && !slices.Equal(w.Dims("x.weight"), []int{cols, rows}) {
			t.Errorf("%s: dimensions %v", c.what, w.Dims("x.weight"))
		}
		l := w.Linear("x", rows, cols)
		err := w.Done()
		if !errors.Is(err, c.wrong) || (err == nil) != (c.wrong == nil) {
			t.Errorf("%s: %v, want %v", c.what, err, c.wrong)
			continue
		}
		for _, name := range c.named {
			if !strings.Contains(err.Error(), `"`+name+`"`) {
				t.Errorf("%s: the error does not name %s: %v", c.what, name, err)
			}
		}
		if errors.Is(err, ErrUnclaimed) || errors.Is(err, ErrMissing) {
			t.Errorf("%s: other errors too: %v", c.what, err)
		}
		if err == nil && (l.factored() != (c.rank > 0) || l.V.Rows != c.rank || l.in() != cols || l.out() != rows || l.Name != "x") {
			t.Errorf("%s: a map %q of %d to %d, rank %d", c.what, l.Name, l.in(), l.out(), l.V.Rows)
		}
	}
	if _, err := gguf.Size(quant.F32, []int{0, rows}); !errors.Is(err, gguf.ErrShape) {
		t.Errorf("a rank of 0: %v", err) // no file has one: the parser refuses it by the tensor's name
	}
	w := NewWeights(written(t, map[string][]int{"x.weight_u": {3, rows}, "x.weight_v": {cols, 3}}))
	w.Matrix("x.weight", rows, cols) // embeddings and experts
	if err := w.Done(); !errors.Is(err, ErrMissing) || !errors.Is(err, ErrUnclaimed) {
		t.Errorf("a pair where there is no map: %v", err)
	}
	for name, want := range map[string][2]string{"blk.0.attn_v.weight_u": {"blk.0.attn_v.weight", "blk.0.attn_v.weight_v"},
		"blk.0.attn_v.weight_v": {"blk.0.attn_v.weight", "blk.0.attn_v.weight_u"}, "blk.0.attn_v.weight": {}} {
		if m, other, ok := Factored(name); m != want[0] || other != want[1] || ok != (m != "") {
			t.Errorf("%s is a factor of %q with %q", name, m, other)
		}
	}
}

// FuzzFactors: whatever tensors of these names a file holds, the map is one that multiplies or there is an error that names one of them.
func FuzzFactors(f *testing.F) {
	f.Add(uint8(2), uint8(5), uint8(7), uint8(2), uint8(3), false) // a pair of rank 3
	f.Add(uint8(2), uint8(5), uint8(7), uint8(3), uint8(3), false)
	f.Add(uint8(2), uint8(5), uint8(7), uint8(2), uint8(7), true)
	f.Add(uint8(8), uint8(5), uint8(7), uint8(8), uint8(1), false)
	f.Add(uint8(0), uint8(0), uint8(0), uint8(0), uint8(4), false)
	f.Fuzz(func(t *testing.T, u0, u1, v0, v1, which uint8, flat bool) {
		const rows, cols = 6, 8
		tensors := map[string][]int{}
		add := func(bit uint8, name string, d0, d1 uint8) {
			if which&bit == 0 {
				return
			}
			if tensors[name] = []int{int(d0) + 1, int(d1) + 1}; flat && bit == which&-which {
				tensors[name] = tensors[name][:1]
			}
		}
		add(1, "x.weight_u", u0, u1)
		add(2, "x.weight_v", v0, v1)
		add(4, "x.weight", cols-1, rows-1)
		w := NewWeights(written(t, tensors))
		w.Has("x.weight")
		w.Dims("x.weight")
		l := w.Linear("x", rows, cols)
		if err := w.Done(); err != nil {
			if !strings.Contains(err.Error(), "x.weight") {
				t.Errorf("%v: the error names no tensor: %v", tensors, err)
			}
			return
		}
		if which&4 == 0 && (!l.factored() || l.V.Rows > rows) {
			t.Errorf("%v: rank %d", tensors, l.V.Rows)
		}
		at, in := &seq.Step{Team: par.Serial(), Mem: new(seq.Arena)}, quant.Input{}
		if err := in.Set(make([]float32, cols), 1, cols, false, at.Team, at.Mem); err != nil {
			t.Fatal(err)
		}
		if err := mul(&in, at, [][]float32{make([]float32, rows)}, &l); err != nil {
			t.Errorf("%v: %v", tensors, err)
		}
	})
}

// written is a file of F32 zeros.
func written(t *testing.T, tensors map[string][]int) *gguf.File {
	t.Helper()
	var w gguf.Writer
	for name, dims := range tensors {
		n, err := gguf.Size(quant.F32, dims)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(name, quant.F32, dims, gguf.Bytes(make([]byte, n))); err != nil {
			t.Fatal(err)
		}
	}
	return parsed(t, &w)
}

// parsed is what a writer writes.
func parsed(t *testing.T, w *gguf.Writer) *gguf.File {
	t.Helper()
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f
}
