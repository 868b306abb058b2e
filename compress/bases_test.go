package compress

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/runtime"
	"github.com/godwit-ai/godwit/runtime/layer"
)

// TestFitBasis: coordinates keep products, are uncorrelated with variance 1, and what dropping the last ones costs is their variances.
func TestFitBasis(t *testing.T) {
	const dim, n = 12, 4000
	rng := rand.New(rand.NewPCG(1, 2))
	mix := func() (c *mat.SymDense, draw func() []float64) {
		a := make([]float64, dim*dim)
		for i := range a {
			a[i] = rng.NormFloat64() * math.Exp(-float64(i%dim)/3)
		}
		draw = func() []float64 {
			z, x := make([]float64, dim), make([]float64, dim)
			for i := range z {
				z[i] = rng.NormFloat64()
			}
			for i := range x {
				for j, v := range z {
					x[i] += a[i*dim+j] * v
				}
			}
			return x
		}
		c = mat.NewSymDense(dim, nil)
		for i := range dim {
			for j := range i + 1 {
				s := 0.0
				for k := range dim {
					s += a[i*dim+k] * a[j*dim+k]
				}
				c.SetSym(i, j, s)
			}
		}
		return c, draw
	}
	keys, key := mix()
	queries, query := mix()
	moments := mat.NewSymDense(dim, nil)
	moments.CopySym(queries) // fitBasis adds its damping
	b, err := fitBasis(keys, moments)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	times := func(x []float64, m []float32) []float64 {
		y := make([]float64, dim)
		for i, v := range x {
			for c := range y {
				y[c] += v * float64(m[i*dim+c])
			}
		}
		return y
	}
	var square [dim]float64
	errs := make([]float64, dim+1) // of products with the first coordinates
	for range n {
		k, q := key(), query()
		y, p := times(k, b.In), times(q, b.Out)
		want, got := 0.0, 0.0
		for i := range k {
			want += k[i] * q[i]
		}
		for c := range y {
			errs[c] += (want - got) * (want - got) / n
			got += y[c] * p[c]
			square[c] += y[c] * y[c] / n
		}
		if math.Abs(got-want) > 1e-4*(1+math.Abs(want)) {
			t.Fatalf("a product of %v became %v", want, got)
		}
	}
	left := 0.0
	for c := dim - 1; c >= 0; c-- {
		left += float64(b.Var[c])
		if math.Abs(square[c]-1) > 0.15 {
			t.Errorf("coordinate %d has a variance of %v", c, square[c])
		}
		if r := errs[c] / left; !(r > 0.8 && r < 1.25) && c < dim/2 { // damping counts for the last ones
			t.Errorf("without coordinates from %d on an error of %v, of variances %v", c, errs[c], left)
		}
	}
	plain, err := fitBasis(keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	var dropped float64
	for range n {
		k, q := key(), query()
		y, p := times(k, plain.In), times(q, plain.Out)
		rest := 0.0
		for c := dim / 3; c < dim; c++ {
			rest += y[c] * p[c]
		}
		dropped += rest * rest / n
	}
	if !(dropped > errs[dim/3]) {
		t.Errorf("a third of the coordinates of keys alone leave an error of %v, weighted by queries %v", dropped, errs[dim/3])
	}
	if _, err := fitBasis(mat.NewSymDense(3, nil), nil); !errors.Is(err, ErrNumbers) {
		t.Errorf("a variance of 0: %v", err)
	}
}

// TestBasesOfModels: in every architecture, with all coordinates in f32, logits are those of f32 caches, but for rounding; the same bits
// at any number of threads.
func TestBasesOfModels(t *testing.T) {
	dirs, err := filepath.Glob(fixtures + "/*/config.json")
	if err != nil || len(dirs) < 15 {
		t.Fatalf("%d fixtures, %v", len(dirs), err)
	}
	for i, dir := range dirs {
		dir = filepath.Dir(dir)
		path, ids := converted(t, dir, "F32")
		var window []int32
		for len(window) < 200 {
			window = append(window, ids[(len(window)*7+len(window)/24)%len(ids)])
		}
		out := filepath.Join(t.TempDir(), "bases.gguf")
		r, err := Bases(t.Context(), path, out, BasesOptions{Calibration: [][]int32{window, window[:150]}, Threads: 1 + i%3})
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		if st, err := os.Stat(out); err != nil || st.Size() != r.Bytes || r.Tokens != 350 || len(r.Keys) != r.Layers {
			t.Errorf("%s: %+v, %v", dir, r, err)
		}
		all := func(plan, bases string, chunk int) (l [][]float32) {
			m, err := runtime.Open(path, runtime.Options{Threads: 1, Plan: plan, Bases: bases})
			if err != nil {
				t.Fatalf("%s: %v", dir, err)
			}
			defer m.Close()
			s, err := m.NewSession(runtime.SessionOptions{Context: len(window), Chunk: chunk, Exact: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			err = s.Each(t.Context(), window, func(_ int, x []float32) error {
				l = append(l, append([]float32(nil), x...))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		want := all("kv=f32 near=none", "", 64)
		plan := "kv=pca(rank=" + strconv.Itoa(min(r.Dim, r.VDim)) + ",f32) near=none"
		if r.Dim != r.VDim {
			plan = "key=pca(rank=" + strconv.Itoa(r.Dim) + ",f32) value=pca(rank=" + strconv.Itoa(r.VDim) + ",f32) near=none"
		}
		got := all(plan, out, 64)
		if d := apart(got, want); !(d < 1e-3) || d == 0 {
			t.Errorf("%s: logits are off by %g", dir, d)
		}
		if apart(all(plan, out, 7), got) != 0 {
			t.Errorf("%s: the bits depend on chunks", dir)
		}
	}
	path, _ := converted(t, filepath.Dir(dirs[0]), "F32")
	for _, windows := range [][][]int32{nil, {make([]int32, 100)}} {
		if _, err := Bases(t.Context(), path, filepath.Join(t.TempDir(), "x"), BasesOptions{Calibration: windows}); !errors.Is(err, ErrOptions) {
			t.Errorf("windows of %d: %v", len(windows), err)
		}
	}
	if _, err := runtime.Open(path, runtime.Options{Plan: "kv=pca"}); !errors.Is(err, runtime.ErrBases) || !errors.Is(err, attention.ErrBases) {
		t.Error(err)
	}
	if _, err := runtime.Open(path, runtime.Options{Bases: path}); !errors.Is(err, runtime.ErrBases) {
		t.Error(err)
	}
	if !errors.Is(layer.ErrOtherModel, runtime.ErrOtherModel) {
		t.Error("two errors of other models")
	}
}
