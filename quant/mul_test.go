package quant

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// splitTeam runs tasks on goroutines in small uneven ranges.
type splitTeam struct {
	workers int
	rng     *rand.Rand
}

func (t splitTeam) Workers() int { return t.workers }
func (t splitTeam) Err() error   { return nil }
func (t splitTeam) Run(n, grain int, task seq.Task) error {
	type span struct{ lo, hi int }
	spans := make(chan span, n)
	for lo := 0; lo < n; {
		hi := min(n, lo+grain*(1+t.rng.IntN(3)))
		spans <- span{lo, hi}
		lo = hi
	}
	close(spans)
	var wg sync.WaitGroup
	for w := range t.workers {
		wg.Go(func() {
			for s := range spans {
				task.Do(w, s.lo, s.hi)
			}
		})
	}
	wg.Wait()
	return nil
}

// oneTeam is the caller alone, without allocation.
type oneTeam struct{}

func (oneTeam) Workers() int { return 1 }
func (oneTeam) Err() error   { return nil }
func (oneTeam) Run(n, _ int, task seq.Task) error {
	task.Do(0, 0, n)
	return nil
}

// randomData is blocks of f made of random bytes, with finite scales of ordinary size. Any bytes are valid blocks; only
// the halves that scale them need care, and those are found by trying: a block that decodes to huge or undefined values is
// drawn again.
func randomData(f *Format, rng *rand.Rand, blocks int) []byte {
	data := make([]byte, blocks*f.Size)
	y := make([]float32, f.Elems)
	for b := range blocks {
		block := data[b*f.Size : (b+1)*f.Size]
		for try := 0; ; try++ {
			for i := range block {
				block[i] = byte(rng.Uint32())
			}
			if f.Decode(y, block); plain(y) {
				break
			}
			if try == 1000 {
				panic("no plain block of " + f.Name)
			}
		}
	}
	return data
}

func plain(y []float32) bool {
	for _, v := range y {
		if !(math.Abs(float64(v)) < 1e4) {
			return false
		}
	}
	return true
}

func randomMatrix(t testing.TB, f *Format, rng *rand.Rand, rows, cols int) Matrix {
	m, err := NewMatrix(f.Type, rows, cols, randomData(f, rng, rows*cols/f.Elems))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func randomFloats(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// wantMul computes the product from its definition, with the Go twins alone.
func wantMul(in *Input, m Matrix, bias []float32) []float32 {
	y := make([]float32, in.n*m.Rows)
	row := make([]float32, m.Cols)
	var q []int8
	var d, mins []float32
	fast := !in.exact && m.Format.Group != 0
	a, meta := make([]int8, in.n*m.Cols), make([]float32, in.n*m.Cols/actBlock*metaLen)
	if fast {
		quantizeGo(a, meta, in.x)
	}
	for r := range m.Rows {
		if fast {
			q, d, mins = make([]int8, m.Cols), make([]float32, m.Cols/m.Format.Group), make([]float32, m.Cols/m.Format.Group)
			m.Format.Unpack(q, d, mins, m.Row(r))
		} else {
			m.DecodeRow(row, r)
		}
		for i := range in.n {
			v := &y[i*m.Rows+r]
			x := in.x[i*m.Cols : (i+1)*m.Cols]
			if fast {
				*v = rowDot(q, d, mins, m.Format.Group, m.Format.HasMin, a[i*m.Cols:], meta[i*m.Cols/actBlock*metaLen:])
			} else {
				*v = vec.Dot(row, x)
			}
			if bias != nil {
				*v += bias[r]
			}
		}
	}
	return y
}

// sameBits compares bits; any NaN equals any other.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// colsFor picks a number of columns near n that the format can hold.
func colsFor(f *Format, n int) int { return max(f.Elems, n/f.Elems*f.Elems) }

// mulDiffers runs one product between canaries and gives the first difference from the definition, "" without any.
func mulDiffers(in *Input, m Matrix, bias []float32, team seq.Team, mem *seq.Arena) string {
	const canary, before = 12345.678, 19
	stride := m.Rows + 3
	y := make([]float32, before+in.n*stride+21)
	for i := range y {
		y[i] = canary
	}
	n := (in.n-1)*stride + m.Rows
	if err := Mul(in, team, mem, Job{M: m, Y: y[before : before+n : before+n], Stride: stride, Bias: bias}); err != nil {
		return err.Error()
	}
	want := wantMul(in, m, bias)
	for i, v := range y {
		w := float32(canary)
		r, c := (i-before)/stride, (i-before)%stride
		if i >= before && r < in.n && c < m.Rows {
			w = want[r*m.Rows+c]
		}
		if !sameBits(v, w) {
			return fmt.Sprintf("%s %d×%d, n=%d exact=%v: row %d, column %d is %v, want %v",
				m.Format.Name, m.Rows, m.Cols, in.n, in.exact, r, c, v, w)
		}
	}
	return ""
}

func checkMul(t *testing.T, in *Input, m Matrix, bias []float32, team seq.Team, mem *seq.Arena) {
	t.Helper()
	if d := mulDiffers(in, m, bias, team, mem); d != "" {
		t.Fatal(d)
	}
}

func TestMul(t *testing.T) {
	forAll(t, func(t *testing.T) {
		for _, f := range Formats() {
			t.Run(f.Name, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(f.Type)))
				mem := new(seq.Arena)
				for _, size := range []struct{ rows, cols int }{{1, 32}, {7, 64}, {8, 96}, {9, 576}, {16, 640}, {19, 1536}, {8, 2048}} {
					m := randomMatrix(t, f, rng, size.rows, colsFor(f, size.cols))
					for n := 1; n <= 9; n++ {
						team := splitTeam{1 + n%3, rng}
						x := randomFloats(rng, n*m.Cols)
						for _, exact := range []bool{false, true} {
							if exact && n > 2 {
								continue
							}
							var in Input
							if err := in.Set(x, n, m.Cols, exact, team, mem); err != nil {
								t.Fatal(err)
							}
							var bias []float32
							if n%2 == 0 {
								bias = randomFloats(rng, m.Rows)
							}
							checkMul(t, &in, m, bias, team, mem)
							mem.Release(seq.Mark{})
						}
					}
				}
			})
		}
	})
}

// TestMulJobs checks that several jobs in one call give what each gives alone, for any team.
func TestMulJobs(t *testing.T) {
	forAll(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(2, 2))
		mem := new(seq.Arena)
		const cols = 512
		for _, n := range []int{1, 2, 5, 17} {
			x := randomFloats(rng, n*cols)
			var jobs []Job
			var want [][]float32
			var in Input
			if err := in.Set(x, n, cols, false, oneTeam{}, mem); err != nil {
				t.Fatal(err)
			}
			for i, f := range Formats() {
				m := randomMatrix(t, f, rng, 5+7*i, cols)
				jobs = append(jobs, Job{M: m, Y: make([]float32, n*m.Rows), Stride: m.Rows})
				want = append(want, wantMul(&in, m, nil))
			}
			for workers := 1; workers <= 4; workers++ {
				for i := range jobs {
					clear(jobs[i].Y)
				}
				if err := Mul(&in, splitTeam{workers, rng}, mem, jobs...); err != nil {
					t.Fatal(err)
				}
				for i, j := range jobs {
					for k, v := range j.Y {
						if !sameBits(v, want[i][k]) {
							t.Fatalf("n=%d, %d workers, %s: element %d is %v, want %v", n, workers, j.M.Format.Name, k, v, want[i][k])
						}
					}
				}
			}
			mem.Release(seq.Mark{})
		}
	})
}

// TestMulAccuracy compares fast mode with exact mode: the only difference is the rounding of activations to 1/127 of
// their block's largest.
func TestMulAccuracy(t *testing.T) {
	forAll(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 3))
		mem := new(seq.Arena)
		for _, f := range Formats() {
			m := randomMatrix(t, f, rng, 24, 1024)
			x := randomFloats(rng, 1024)
			row := make([]float32, m.Cols)
			var y [2][24]float32
			for i, exact := range []bool{false, true} {
				var in Input
				if err := in.Set(x, 1, m.Cols, exact, oneTeam{}, mem); err != nil {
					t.Fatal(err)
				}
				if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: y[i][:], Stride: 24}); err != nil {
					t.Fatal(err)
				}
			}
			for r := range y[0] {
				m.DecodeRow(row, r)
				var bound float64 // half a step of each activation, a step being the block's largest / 127
				for b := 0; b < len(x); b += actBlock {
					var amax, sum float64
					for k := b; k < b+actBlock; k++ {
						amax = max(amax, math.Abs(float64(x[k])))
						sum += math.Abs(float64(row[k]))
					}
					bound += amax / 127 / 2 * sum * 1.01
				}
				if diff := math.Abs(float64(y[0][r] - y[1][r])); diff > bound+1e-3 {
					t.Errorf("%s row %d: fast %v, exact %v: %g apart, bound %g", f.Name, r, y[0][r], y[1][r], diff, bound)
				}
			}
			mem.Release(seq.Mark{})
		}
	})
}

func TestMulErrors(t *testing.T) {
	f, _ := Lookup(Q8_0)
	rng := rand.New(rand.NewPCG(4, 4))
	m := randomMatrix(t, f, rng, 8, 64)
	mem := new(seq.Arena)
	var in, in33 Input
	if err := in.Set(make([]float32, 128), 2, 64, false, oneTeam{}, mem); err != nil {
		t.Fatal(err)
	}
	if err := in33.Set(make([]float32, 33), 1, 33, false, oneTeam{}, mem); err != nil {
		t.Fatal(err)
	}
	short := m
	short.Data = short.Data[1:]
	y := make([]float32, 16)
	for name, err := range map[string]error{
		"set":     new(Input).Set(make([]float32, 127), 2, 64, false, oneTeam{}, mem),
		"set n":   new(Input).Set(make([]float32, 127), -1, 64, false, oneTeam{}, mem),
		"columns": Mul(&in33, oneTeam{}, mem, Job{M: m, Y: y, Stride: 8}),
		"data":    Mul(&in, oneTeam{}, mem, Job{M: short, Y: y, Stride: 8}),
		"stride":  Mul(&in, oneTeam{}, mem, Job{M: m, Y: y, Stride: 7}),
		"output":  Mul(&in, oneTeam{}, mem, Job{M: m, Y: y[1:], Stride: 8}),
		"bias":    Mul(&in, oneTeam{}, mem, Job{M: m, Y: y, Stride: 8, Bias: y[:7]}),
		"matrix":  Mul(&in, oneTeam{}, mem, Job{}),
	} {
		if !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v, want ErrShape", name, err)
		}
	}
	if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: y, Stride: 8}); err != nil {
		t.Error(err)
	}
}

func TestMulAllocs(t *testing.T) {
	forAll(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 5))
		const cols = 512
		mem := new(seq.Arena)
		x := randomFloats(rng, 17*cols)
		y := make([]float32, 2*17*24)
		for _, f := range Formats() {
			m := randomMatrix(t, f, rng, 24, cols)
			for _, n := range []int{1, 3, 17} {
				exact := n == 3
				got := testing.AllocsPerRun(3, func() {
					mark := mem.Mark()
					var in Input
					if err := in.Set(x, n, cols, exact, oneTeam{}, mem); err != nil {
						t.Fatal(err)
					}
					if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: y, Stride: 24}, Job{M: m, Y: y[n*24:], Stride: 24}); err != nil {
						t.Fatal(err)
					}
					mem.Release(mark)
				})
				if got != 0 {
					t.Errorf("%s, n=%d exact=%v: %v allocations", f.Name, n, exact, got)
				}
			}
		}
	})
}

// forAll runs a test with each implementation that this CPU has.
func forAll(t *testing.T, run func(t *testing.T)) {
	each(func(name string) { t.Run(name, run) })
}

// extra is an implementation that only tests use.
type extra struct {
	level cpu.Level
	k     *kernels
}

// each is impl.Each with the extras.
func each(f func(name string)) {
	impl.Each("quant", f)
	best := active
	defer use(best)()
	for _, e := range extras {
		if e.level.Have {
			use(e.k)()
			f(e.level.Name)
		}
	}
}
