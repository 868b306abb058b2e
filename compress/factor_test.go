package compress

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

func random(rng *rand.Rand, rows, cols int) *mat.Dense {
	x := make([]float64, rows*cols)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return mat.NewDense(rows, cols, x)
}

// root is the factor of the second moments of activations whose columns differ in size.
func moment(t *testing.T, rng *rand.Rand, n int) *mat.TriDense {
	t.Helper()
	x, c := random(rng, n, 2*n), new(mat.SymDense)
	for r := range n {
		row := x.RawRowView(r)
		for i := range row {
			row[i] *= math.Exp(3 * float64(r) / float64(n))
		}
	}
	c.SymOuterK(1/float64(2*n), x)
	s, err := cholesky(c, 1e-3)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// left is W − U·V at a rank, times S if there is one.
func left(w *mat.Dense, f *factors, rank int, s *mat.TriDense) *mat.Dense {
	out, in := w.Dims()
	d := mat.DenseCopyOf(w)
	if rank > 0 {
		d.Mul(f.u.Slice(0, out, 0, rank), f.v.Slice(0, rank, 0, in))
		d.Sub(w, d)
	}
	if s != nil {
		d.Mul(d, s)
	}
	return d
}

// TestDecompose: at every rank the error is what the singular values behind it say, which a plain SVD computes as well; it is as small
// as it can be, so that the weighted factors lose in the plain norm and win in theirs; and a matrix of low rank comes back.
func TestDecompose(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, shape := range [][2]int{{24, 24}, {17, 40}, {40, 17}, {1, 9}, {9, 1}, {64, 63}} {
		out, in := shape[0], shape[1]
		n := min(out, in)
		w, s := random(rng, out, in), moment(t, rng, in)
		var fs [2]*factors
		for i, s := range []*mat.TriDense{nil, s} {
			f, err := decompose(w, s, n)
			if err != nil {
				t.Fatal(err)
			}
			fs[i] = f
			var svd mat.SVD
			if ws := left(w, f, 0, s); !svd.Factorize(ws, mat.SVDNone) || len(f.tail) != n+1 || f.tail[n] != 0 {
				t.Fatal(shape, f.tail)
			}
			values := svd.Values(nil)
			for rank := n; rank >= 0; rank-- {
				want := 0.0
				for _, v := range values[rank:] {
					want += v * v
				}
				if want = math.Sqrt(want); math.Abs(math.Sqrt(f.tail[rank])-want) > 1e-9*values[0] {
					t.Errorf("%v, weighted %v, rank %d: the values say %g, an SVD's %g", shape, s != nil, rank, math.Sqrt(f.tail[rank]), want)
				}
				have := mat.Norm(left(w, f, rank, s), 2)
				if math.Abs(have-want) > 1e-4*want+1e-7*values[0] || rank == n && have > 1e-7*values[0] {
					t.Errorf("%v, weighted %v, rank %d: ‖W−UV‖ is %g, the singular values say %g", shape, s != nil, rank, have, want)
				}
			}
			for k := range n { // a column of U and a row of V of the plain factors are equally long
				if u, v := mat.Norm(f.u.ColView(k), 2), mat.Norm(f.v.RowView(k), 2); s == nil && math.Abs(u-v) > 1e-6*u {
					t.Errorf("%v: direction %d has lengths %g and %g", shape, k, u, v)
				}
			}
		}
		if n < 17 {
			continue
		}
		if plain, weighted := mat.Norm(left(w, fs[0], n/2, nil), 2), mat.Norm(left(w, fs[1], n/2, nil), 2); plain > 0.99*weighted {
			t.Errorf("%v: ‖W−UV‖ is %g plain, %g weighted", shape, plain, weighted)
		}
		if plain, weighted := mat.Norm(left(w, fs[0], n/2, s), 2), mat.Norm(left(w, fs[1], n/2, s), 2); weighted > 0.99*plain {
			t.Errorf("%v: ‖(W−UV)S‖ is %g plain, %g weighted", shape, plain, weighted)
		}
		low := new(mat.Dense)
		low.Mul(random(rng, out, 5), random(rng, 5, in))
		for _, s := range []*mat.TriDense{nil, s} {
			f, err := decompose(low, s, 8)
			if err != nil {
				t.Fatal(err)
			}
			if d := mat.Norm(left(low, f, 5, nil), 2); d > 1e-6 || mat.Norm(left(low, f, 8, nil), 2) > 1e-6 || mat.Norm(left(low, f, 4, nil), 2) < 1 {
				t.Errorf("%v: a matrix of rank 5 is off by %g at rank 5", shape, d)
			}
		}
	}
	f, err := decompose(mat.NewDense(6, 9, nil), nil, 3)
	if err != nil || mat.Norm(f.u, 2) != 0 || mat.Norm(f.v, 2) != 0 {
		t.Errorf("zeros: %v", err)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), 1e200} {
		w := random(rng, 6, 9)
		w.Set(3, 3, bad)
		if _, err := decompose(w, nil, 3); !errors.Is(err, ErrNumbers) {
			t.Errorf("%v: %v", bad, err)
		}
		c := mat.NewSymDense(2, []float64{1, 0, 0, bad})
		if _, err := cholesky(c, 1e-3); bad != 1e200 && !errors.Is(err, ErrNumbers) {
			t.Errorf("moments of %v: %v", bad, err)
		}
	}
	if _, err := cholesky(mat.NewSymDense(2, nil), 1e-3); !errors.Is(err, ErrNumbers) {
		t.Errorf("moments of zeros: %v", err)
	}
	one := mat.NewSymDense(3, []float64{4, 4, 4, 4, 4, 4, 4, 4, 4}) // of one row
	if s, err := cholesky(one, 1e-3); err != nil || math.Abs(s.At(0, 0)-math.Sqrt(4+4e-3)) > 1e-12 || s.At(0, 1) != 0 {
		t.Errorf("moments of one row: %v", err)
	}
}

// TestMoments: sums over steps are those of float64.
func TestMoments(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const cols = 19
	m := &moments{sum: make([]float64, cols*(cols+1)/2)}
	want, n := mat.NewDense(cols, cols, nil), 0
	at := &seq.Step{Team: par.Serial(), Mem: new(seq.Arena)}
	for _, rows := range []int{1, 7, 64, 3} {
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		for r := range rows {
			for i := range cols {
				for j := range cols {
					want.Set(i, j, want.At(i, j)+float64(x[r*cols+i])*float64(x[r*cols+j]))
				}
			}
		}
		n += rows
		if err := m.add(at, x, cols); err != nil {
			t.Fatal(err)
		}
	}
	got := m.mean(cols)
	for i := range cols {
		for j := range cols {
			if w := want.At(i, j) / float64(n); math.Abs(got.At(i, j)-w) > 1e-6 {
				t.Errorf("[%d, %d] is %g, want %g", i, j, got.At(i, j), w)
			}
		}
	}
}

// TestEncode: the factors of a rank are stored as the beginning of those of a higher one.
func TestEncode(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	u := random(rng, 5, 96)
	for _, name := range Types() {
		f, ok := quant.ByName(name)
		if !ok {
			t.Fatal(name)
		}
		all, part := encode(f, u), encode(f, mat.DenseCopyOf(u.Slice(0, 5, 0, 64)))
		row, short := len(all)/5, len(part)/5
		for r := range 5 {
			if !slices.Equal(all[r*row:r*row+short], part[r*short:(r+1)*short]) {
				t.Errorf("%s: row %d of the first 64 columns is not the beginning of the row of 96", name, r)
			}
		}
	}
	if !slices.Contains(Types(), "Q8_0") || !slices.Contains(Types(), "F16") || slices.Contains(Types(), "Q4_K") {
		t.Errorf("types: %q", Types())
	}
}

func TestGroups(t *testing.T) {
	var inputs []*input
	for _, cols := range []int{10, 10, 100, 10, 10, 10} {
		inputs = append(inputs, &input{cols: cols})
	}
	var sizes []int
	for _, g := range groups(inputs, 3*momentsBytes(10)) {
		sizes = append(sizes, len(g))
	}
	if fmt.Sprint(sizes) != "[2 1 3]" {
		t.Errorf("groups of %v", sizes)
	}
	if groups(nil, 1) != nil {
		t.Error("groups of nothing")
	}
}
