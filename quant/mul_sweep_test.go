package quant

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// shifted copies x to an address that is off elements past an aligned one.
func shifted[T seq.Scalar](x []T, off int) []T {
	b := make([]T, off+len(x))
	copy(b[off:], x)
	return b[off : off+len(x) : off+len(x)]
}

// TestMulSweep takes every number of blocks up to 9 (of 256: 3), of weight rows up to 9 and around 16 and 32, of activation rows up to 9
// and around 16, and addresses of every alignment.
func TestMulSweep(t *testing.T) {
	forAll(t, func(t *testing.T) {
		for _, f := range Formats() {
			rng := rand.New(rand.NewPCG(6, uint64(f.Type)))
			mem := new(seq.Arena)
			unit := f.Elems
			if unit == 1 {
				unit = 7 // so that no vector fits
			}
			rows := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33}
			ns := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17}
			blocks := 9
			if testing.Short() || f.Elems == 256 {
				blocks = 3
			}
			for b := 1; b <= blocks; b++ {
				for i, r := range rows {
					n := ns[(i*5+b*7)%len(ns)]
					m := randomMatrix(t, f, rng, r, b*unit)
					m.Data = shifted(m.Data, (i+b)%64)
					var in Input
					x := shifted(randomFloats(rng, n*m.Cols), i%16)
					if err := in.Set(x, n, m.Cols, false, oneTeam{}, mem); err != nil {
						t.Fatal(err)
					}
					checkMul(t, &in, m, nil, oneTeam{}, mem)
					mem.Release(seq.Mark{})
				}
			}
		}
	})
}

// TestMulExtremes multiplies blocks that mostly repeat one byte with activations of ±127: sums in 16 bits overflow here if they do
// anywhere.
func TestMulExtremes(t *testing.T) {
	forAll(t, func(t *testing.T) {
		for _, f := range Formats() {
			rng := rand.New(rand.NewPCG(7, uint64(f.Type)))
			mem := new(seq.Arena)
			cols := max(f.Elems, 64)
			for _, common := range []byte{0xff, 0x80, 0x7f, 0xf0, 0x0f, 0x77, 0x00} {
				data := make([]byte, 17*cols/f.Elems*f.Size)
				for b := 0; b < len(data); b += f.Size {
					mostly(f, rng, data[b:b+f.Size], common)
				}
				m := Matrix{Format: f, Rows: 17, Cols: cols, Data: data}
				for _, n := range []int{1, 4, 9} {
					x := make([]float32, n*cols)
					for i := range x {
						x[i] = 1 - 2*float32(i/cols%2)
						if i/cols == 2 {
							x[i] *= 1 - 2*float32(i%2)
						}
					}
					var in Input
					if err := in.Set(x, n, cols, false, oneTeam{}, mem); err != nil {
						t.Fatal(err)
					}
					checkMul(t, &in, m, nil, oneTeam{}, mem)
					mem.Release(seq.Mark{})
				}
			}
		}
	})
}

// mostly fills a block with one byte, but for as few others as make it plain.
func mostly(f *Format, rng *rand.Rand, block []byte, common byte) {
	y := make([]float32, f.Elems)
	for try := 0; ; try++ {
		for i := range block {
			block[i] = common
		}
		for range try / 8 {
			block[rng.IntN(len(block))] = byte(rng.Uint32())
		}
		if f.Decode(y, block); plain(y) {
			return
		}
	}
}

// TestMulIllConditioned: weights and activations whose products nearly cancel, against sums in float64. With G groups, each of the
// at most 2G terms is rounded once when it is scaled and then takes part in at most 2G roundings of the sum: the error is at
// most (2G+1)·2⁻²⁴ of the sum of magnitudes.
func TestMulIllConditioned(t *testing.T) {
	forAll(t, func(t *testing.T) {
		for _, f := range Formats() {
			if f.Group == 0 {
				continue
			}
			rng := rand.New(rand.NewPCG(8, uint64(f.Type)))
			mem := new(seq.Arena)
			const rows, cols = 9, 1024
			m := randomMatrix(t, f, rng, rows, cols)
			x := randomFloats(rng, cols)
			// The second half of each weight row repeats the first, that of the activations is its opposite but for a little.
			half := m.RowBytes() / 2
			for r := range rows {
				copy(m.Row(r)[half:], m.Row(r)[:half])
			}
			for i := range cols / 2 {
				x[i] *= float32(math.Exp2(float64(rng.IntN(16))))
				x[cols/2+i] = -x[i] * (1 + 0x1p-20*float32(rng.IntN(3)))
			}
			var in Input
			if err := in.Set(x, 1, cols, false, oneTeam{}, mem); err != nil {
				t.Fatal(err)
			}
			var y [rows]float32
			if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: y[:], Stride: rows}); err != nil {
				t.Fatal(err)
			}
			for r := range rows {
				sum, size := oracle(m, r, x)
				bound := (2*float64(cols/f.Group) + 1) * 0x1p-24 * size
				if diff := math.Abs(float64(y[r]) - sum); diff > bound {
					t.Errorf("%s row %d: %v is %g off, bound %g", f.Name, r, y[r], diff, bound)
				}
				if size < 1000*math.Abs(sum) {
					t.Errorf("%s row %d: terms of %g give %g: not ill-conditioned", f.Name, r, size, sum)
				}
			}
			mem.Release(seq.Mark{})
		}
	})
}

// oracle is the product of a weight row with quantised activations, and the sum of its terms' magnitudes.
func oracle(m Matrix, r int, x []float32) (sum, size float64) {
	f := m.Format
	q, d, mins := make([]int8, m.Cols), make([]float32, m.Cols/f.Group), make([]float32, m.Cols/f.Group)
	f.Unpack(q, d, mins, m.Row(r))
	a, meta := make([]int8, m.Cols), make([]float32, m.Cols/actBlock*metaLen)
	quantizeGo(a, meta, x)
	for g := range d {
		var isum, asum float64
		for k := g * f.Group; k < (g+1)*f.Group; k++ {
			isum += float64(q[k]) * float64(a[k])
			asum += float64(a[k])
		}
		da := float64(meta[g*f.Group/actBlock*metaLen])
		for _, term := range []float64{float64(d[g]) * da * isum, float64(mins[g]) * da * asum} {
			sum += term
			size += math.Abs(term)
		}
	}
	return sum, size
}

// TestMulRejects runs the comparison on kernels that are wrong.
func TestMulRejects(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	mem := new(seq.Arena)
	// variant is panelGo with another element function.
	variant := func(dot func(q []int8, d, m []float32, group int, hasMin bool, a []int8, meta []float32) float32) *kernels {
		k := kernelsGo
		k.panel = func(in *Input, j *Job, r0, r1 int, s scratch) {
			f, cols := j.M.Format, in.cols
			q, d, m := make([]int8, cols), make([]float32, cols/f.Group), make([]float32, cols/f.Group)
			for r := r0; r < r1; r++ {
				f.Unpack(q, d, m, j.M.Row(r))
				for i := range in.n {
					meta := in.meta[i*cols/actBlock*metaLen : (i+1)*cols/actBlock*metaLen]
					j.Y[i*j.Stride+r] = dot(q, d, m, f.Group, f.HasMin, in.q[i*cols:(i+1)*cols], meta)
				}
			}
		}
		return &k
	}
	lastRow := kernelsGo
	lastRow.panel = func(in *Input, j *Job, r0, r1 int, s scratch) { panelGo(in, j, r0, max(r0, r1-1), s) }
	beyond := kernelsGo
	beyond.panel = func(in *Input, j *Job, r0, r1 int, s scratch) {
		panelGo(in, j, r0, r1, s)
		if y := j.Y[:cap(j.Y)]; in.n > 1 && r1 == j.M.Rows {
			y[r1] = 0
		}
	}
	rounds := kernelsGo
	rounds.quantize = func(q []int8, meta []float32, x []float32) {
		quantizeGo(q, meta, x)
		for i, v := range x { // away from zero instead of to even
			if d := meta[i/actBlock*metaLen]; d > 0 {
				q[i] = int8(math.Round(float64(v / d)))
			}
		}
	}
	broken := map[string]*kernels{
		"the last row missing":     &lastRow,
		"a value past the row":     &beyond,
		"activations rounded away": &rounds,
		"the last column missing": variant(func(q []int8, d, m []float32, group int, hasMin bool, a []int8, meta []float32) float32 {
			a = slices.Clone(a)
			a[len(a)-1] = 0
			return rowDot(q, d, m, group, hasMin, a, meta)
		}),
		"the sum from the end": variant(func(q []int8, d, m []float32, group int, hasMin bool, a []int8, meta []float32) float32 {
			var acc float32
			for g := len(d) - 1; g >= 0; g-- {
				k := g * group
				acc += rowDot(q[k:k+group], d[g:g+1], m[g:g+1], group, hasMin, a[k:k+group], meta[k/actBlock*metaLen:])
			}
			return acc
		}),
		"unfused": variant(func(q []int8, d, m []float32, group int, hasMin bool, a []int8, meta []float32) float32 {
			var acc float32
			for g, dw := range d {
				var isum int32
				for k := g * group; k < (g+1)*group; k++ {
					isum += int32(q[k]) * int32(a[k])
				}
				b := meta[g*group/actBlock*metaLen:]
				acc += float32(dw * float32(b[0]*float32(isum)))
				if hasMin && group == 32 {
					acc = vec.FMA(m[g], b[4], acc)
				} else if hasMin {
					acc = vec.FMA(m[g], b[5+g&1], acc)
				}
			}
			return acc
		}),
	}
	best := active
	defer use(best)()
	for _, f := range Formats() {
		if f.Group == 0 {
			continue
		}
		m := randomMatrix(t, f, rng, 19, 1024)
		x := randomFloats(rng, 3*1024)
		for i := range x { // multiples of a half step of 1/127: quantising has ties to break
			x[i] = float32(math.Round(float64(x[i])*80)) / 254
			if i%actBlock == 0 {
				x[i] = 1
			}
			x[i] = max(-1, min(1, x[i]))
		}
		for name, k := range broken {
			if name == "unfused" && f.Type == MXFP4 {
				continue // its scales are powers of two: there is nothing to round
			}
			use(k)()
			var in Input
			if err := in.Set(x, 3, 1024, false, oneTeam{}, mem); err != nil {
				t.Fatal(err)
			}
			if mulDiffers(&in, m, nil, oneTeam{}, mem) == "" {
				t.Errorf("%s: the comparison accepts a kernel with %s", f.Name, name)
			}
			use(&kernelsGo)()
			if err := in.Set(x, 3, 1024, false, oneTeam{}, mem); err != nil {
				t.Fatal(err)
			}
			checkMul(t, &in, m, nil, oneTeam{}, mem)
			mem.Release(seq.Mark{})
		}
	}
}

// FuzzMul multiplies arbitrary blocks, undefined scales among them, with arbitrary activations, in every implementation.
func FuzzMul(f *testing.F) {
	rng := rand.New(rand.NewPCG(10, 10))
	for i, g := range Formats() {
		f.Add(uint8(i), uint8(i), uint8(1+i%5), randomData(g, rng, 4), bits(randomFloats(rng, 64)))
		f.Add(uint8(i), uint8(17), uint8(9), bytes.Repeat([]byte{0xff, 0x7f, 3}, 50), bits([]float32{1, -1, 0.5, 1e30, 0, 1e-30, float32(math.NaN())}))
	}
	f.Fuzz(func(t *testing.T, format, rows, n uint8, blocks, values []byte) {
		all := Formats()
		g := all[int(format)%len(all)]
		if len(blocks) == 0 || len(values) < 4 {
			return
		}
		unit := max(g.Elems, 32)
		m := Matrix{Format: g, Rows: 1 + int(rows)%33, Cols: unit * (1 + int(rows)/33%3)}
		m.Data = make([]byte, m.Rows*m.RowBytes())
		for i := range m.Data {
			m.Data[i] = blocks[i%len(blocks)] + byte(i/len(blocks))
		}
		k := 1 + int(n)%17
		pool := floats(values)
		x := make([]float32, k*m.Cols)
		for i := range x {
			x[i] = pool[(i+i/256)%256]
		}
		mem := new(seq.Arena)
		each(func(name string) {
			for _, exact := range []bool{false, true} {
				var in Input
				if err := in.Set(x, k, m.Cols, exact, oneTeam{}, mem); err != nil {
					t.Fatal(err)
				}
				if d := mulDiffers(&in, m, nil, oneTeam{}, mem); d != "" {
					t.Errorf("%s: %s", name, d)
				}
				mem.Release(seq.Mark{})
			}
		})
	})
}

// TestKernelsRegistered checks the registry itself: the generic implementation is the first, and names are known levels.
func TestKernelsRegistered(t *testing.T) {
	var names []string
	for _, i := range impl.Of("quant") {
		names = append(names, i.Name)
	}
	if len(names) == 0 || names[0] != "generic" {
		t.Errorf("implementations: %v", names)
	}
	known := []string{"generic", "avx2", "avxvnni", "avx512vnni", "neon", "dotprod", "i8mm"}
	last := -1
	for _, n := range names {
		switch at := slices.Index(known, n); {
		case at < 0:
			t.Errorf("implementation %q is not a level of GODWIT_CPU", n)
		case at < last:
			t.Errorf("%q is registered after better ones: %v", n, names)
		default:
			last = at
		}
	}
}
