package compress

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/convert"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/runtime"
	"github.com/godwit-ai/godwit/runtime/layer"
)

const fixtures = "../testdata/arch"

// converted is a fixture as a GGUF file, and ids to feed it.
func converted(t *testing.T, dir, typ string) (path string, ids []int32) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "ids.json"))
	if err == nil {
		err = json.Unmarshal(data, &ids)
	}
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "model.gguf")
	if _, err := convert.Directory(t.Context(), dir, path, convert.Options{Type: typ, Pure: true}); err != nil {
		t.Fatal(err)
	}
	return path, ids[:min(len(ids), 24)]
}

// logits are those after every token.
func logits(t *testing.T, path string, ids []int32, threads, chunk int, exact bool) (all [][]float32) {
	t.Helper()
	m, err := runtime.Open(path, runtime.Options{Threads: threads, Plan: "kv=f32"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession(runtime.SessionOptions{Context: len(ids), Chunk: chunk, Exact: exact})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	step := 1
	if chunk > 1 {
		step = len(ids)
	}
	for lo := 0; lo < len(ids); lo += step {
		err := s.Each(t.Context(), ids[lo:lo+step], func(_ int, l []float32) error {
			all = append(all, slices.Clone(l))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func apart(a, b [][]float32) (worst float64) {
	for i := range a {
		for j := range a[i] {
			if d := math.Abs(float64(a[i][j]) - float64(b[i][j])); !(d <= worst) {
				worst = d
			}
		}
	}
	return worst
}

// TestFullRank: in every architecture factors of full rank, in float32, give the logits of the dense weights, plain and
// weighted; and the bits do not depend on threads and chunks.
func TestFullRank(t *testing.T) {
	dirs, err := filepath.Glob(fixtures + "/*/config.json")
	if err != nil || len(dirs) < 15 {
		t.Fatalf("%d fixtures, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		dir = filepath.Dir(dir)
		path, ids := converted(t, dir, "F32")
		want := logits(t, path, ids, 1, 64, true)
		for _, windows := range [][][]int32{nil, {ids[:15], ids[15:]}} {
			out := filepath.Join(t.TempDir(), "full.gguf")
			r, err := File(t.Context(), path, out, Options{Rank: 1, Type: "F32", Calibration: windows, Head: true, Threads: 2, full: true})
			if err != nil {
				t.Errorf("%s: %v", dir, err)
				continue
			}
			if len(r.Weights) < 4 || r.Kept != 0 {
				t.Errorf("%s: %d weights factorised, %d kept", dir, len(r.Weights), r.Kept)
			}
			for _, w := range r.Weights {
				if w.Error > 1e-6 || w.Rank != min(w.In, w.Out) {
					t.Errorf("%s: %+v", dir, w)
				}
			}
			have := logits(t, out, ids, 1, 64, true)
			if d := apart(have, want); d > 1e-4 || d == 0 {
				t.Errorf("%s, weighted %v: logits are off by %g", dir, windows != nil, d)
			}
			if apart(logits(t, out, ids, 3, 1, true), have) != 0 || apart(logits(t, out, ids, 2, 7, false), logits(t, out, ids, 1, 1, false)) != 0 {
				t.Errorf("%s, weighted %v: the bits depend on threads or chunks", dir, windows != nil)
			}
		}
	}
}

// tensors lists the names of a file's tensors.
func tensors(t *testing.T, path string) (names []string, f *gguf.File) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if f, err = gguf.Parse(data); err != nil {
		t.Fatal(err)
	}
	for i := range f.Tensors {
		names = append(names, f.Tensors[i].Name)
	}
	return names, f
}

// TestRules: every rule gives ranks as it says, what would not become smaller stays, and so do patterns and the head.
func TestRules(t *testing.T) {
	path, ids := converted(t, fixtures+"/smollm3", "F32")
	before, src := tensors(t, path)
	size := fileSize(t, path)
	windows := [][]int32{ids}
	for _, c := range []struct {
		what string
		o    Options
		ok   func(w Weight) bool
	}{
		{"rank 4", Options{Rank: 4}, func(w Weight) bool { return w.Rank == 4 }},
		{"half of r_max", Options{Part: 0.5}, func(w Weight) bool {
			return w.Rank == int(math.Ceil(0.5*float64(w.In)*float64(w.Out)/float64(w.In+w.Out)))
		}},
		{"energy", Options{Energy: 0.6}, func(w Weight) bool { return w.Error*w.Error <= 0.4 }},
		{"energy weighted", Options{Energy: 0.6, Calibration: windows}, func(w Weight) bool { return w.Error*w.Error <= 0.4 }},
		{"size", Options{Size: size * 3 / 4}, func(w Weight) bool { return w.Rank > 0 }},
		{"size weighted", Options{SizePart: 0.8, Calibration: windows}, func(w Weight) bool { return w.Rank > 0 }},
		{"keep", Options{Rank: 4, Keep: []string{"*attn*"}}, func(w Weight) bool { return !strings.Contains(w.Name, "attn") }},
		{"head", Options{Rank: 4, Head: true}, func(w Weight) bool { return true }},
		{"F16", Options{Rank: 4, Type: "f16"}, func(w Weight) bool { return true }},
	} {
		if c.o.Type == "" {
			c.o.Type = "F32"
		}
		out := filepath.Join(t.TempDir(), "out.gguf")
		r, err := File(t.Context(), path, out, c.o)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		after, f := tensors(t, out)
		if len(r.Weights) == 0 || r.Bytes != fileSize(t, out) || r.Bytes >= size || r.Source != size || len(after) != len(before)+len(r.Weights) || r.Tensors != len(after) {
			t.Errorf("%s: %d weights, %d tensors of %d, %d bytes of %d", c.what, len(r.Weights), len(after), len(before), r.Bytes, size)
		}
		if limit := max(c.o.Size, int64(c.o.SizePart*float64(size))); limit > 0 && (r.Bytes > limit || r.Bytes < limit*9/10) {
			t.Errorf("%s: %d bytes, the limit is %d", c.what, r.Bytes, limit)
		}
		for _, w := range r.Weights {
			if !c.ok(w) {
				t.Errorf("%s: %+v", c.what, w)
			}
			u, v := layer.FactorNames(w.Name)
			if slices.Contains(after, w.Name) || !slices.Contains(after, u) || !slices.Contains(after, v) {
				t.Errorf("%s: of %s there are %q", c.what, w.Name, after)
			}
			tu, _ := f.Tensor(u)
			tv, _ := f.Tensor(v)
			tw, _ := src.Tensor(w.Name)
			if len(tu.Data)+len(tv.Data) >= len(tw.Data) || !slices.Equal(tu.Dims, []int{w.Rank, w.Out}) || !slices.Equal(tv.Dims, []int{w.In, w.Rank}) {
				t.Errorf("%s: %s of %v becomes %v and %v", c.what, w.Name, tw.Dims, tu.Dims, tv.Dims)
			}
		}
		for i := range src.Tensors {
			a := &src.Tensors[i]
			if b, ok := f.Tensor(a.Name); ok && !slices.Equal(a.Data, b.Data) {
				t.Errorf("%s: %s changed", c.what, a.Name)
			}
		}
		if head := slices.ContainsFunc(r.Weights, func(w Weight) bool { return w.Name == "output.weight" }); head != (c.o.Head && slices.Contains(before, "output.weight")) {
			t.Errorf("%s: head %v", c.what, head)
		}
		if slices.ContainsFunc(r.Weights, func(w Weight) bool { return strings.Contains(w.Name, "embd") }) {
			t.Errorf("%s: the embedding is factorised", c.what)
		}
		logits(t, out, ids, 1, 64, false)
		again := filepath.Join(t.TempDir(), "again.gguf") // factors stay
		second, err := File(t.Context(), out, again, Options{Rank: 1, Type: "F32", Head: c.o.Head})
		if err != nil {
			t.Errorf("%s: a second time: %v", c.what, err)
		}
		for _, w := range second.Weights {
			if slices.ContainsFunc(r.Weights, func(x Weight) bool { return x.Name == w.Name }) {
				t.Errorf("%s: %s is factorised a second time", c.what, w.Name)
			}
		}
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

// TestWeighted: at the same rank the outputs of the calibration text are nearer than those of plain factors.
func TestWeighted(t *testing.T) {
	path, ids := converted(t, fixtures+"/llama", "F32")
	want := logits(t, path, ids, 1, 64, true)
	var off [2]float64
	for i, windows := range [][][]int32{nil, {ids}} {
		out := filepath.Join(t.TempDir(), "out.gguf")
		if _, err := File(t.Context(), path, out, Options{Part: 0.9, Type: "F32", Calibration: windows}); err != nil {
			t.Fatal(err)
		}
		for j, row := range logits(t, out, ids, 1, 64, true) {
			for k, v := range row {
				d := float64(v - want[j][k])
				off[i] += d * d
			}
		}
	}
	if off[1] > 0.9*off[0] {
		t.Errorf("squares of the logits' errors: %g plain, %g weighted", off[0], off[1])
	}
}

// TestRefusals: options that do not fit, sizes out of reach and files that are none leave nothing behind; nor does a cancelled work.
func TestRefusals(t *testing.T) {
	path, ids := converted(t, fixtures+"/llama", "F32")
	dir := t.TempDir()
	out := filepath.Join(dir, "out.gguf")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithCancel(t.Context())
	defer stop()
	for _, c := range []struct {
		what string
		ctx  context.Context
		in   string
		o    Options
		want error
	}{
		{"no rule", t.Context(), path, Options{}, ErrOptions},
		{"two rules", t.Context(), path, Options{Rank: 1, Energy: 0.5}, ErrOptions},
		{"a negative rank", t.Context(), path, Options{Rank: -1}, ErrOptions},
		{"too much energy", t.Context(), path, Options{Energy: 1.5}, ErrOptions},
		{"NaN", t.Context(), path, Options{Part: math.NaN()}, ErrOptions},
		{"a type of large blocks", t.Context(), path, Options{Rank: 1, Type: "Q4_K"}, ErrOptions},
		{"a pattern", t.Context(), path, Options{Rank: 1, Keep: []string{"["}}, ErrOptions},
		{"an empty window", t.Context(), path, Options{Rank: 1, Calibration: [][]int32{{1}, {}}}, ErrOptions},
		{"no file", t.Context(), dir + "/none.gguf", Options{Rank: 1}, fs.ErrNotExist},
		{"no model", t.Context(), fixtures + "/llama/config.json", Options{Rank: 1}, gguf.ErrMagic},
		{"a size of nothing", t.Context(), path, Options{Size: 1000, Type: "F32"}, ErrSize},
		{"cancelled before", gone, path, Options{Rank: 1}, context.Canceled},
		{"cancelled between", late, path, Options{Rank: 1, Type: "F32", Calibration: [][]int32{ids}, Progress: func(s Stage, _, _ int64) {
			if s == Factorising {
				stop()
			}
		}}, context.Canceled},
	} {
		if _, err := File(c.ctx, c.in, out, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	late, stop = context.WithCancel(t.Context())
	_, err := File(late, path, out, Options{Rank: 1, Type: "F32", Progress: func(s Stage, done, total int64) {
		if s == Writing && done < total {
			stop()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it writes: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := File(t.Context(), path, path, Options{Rank: 1}); err == nil {
		t.Error("the input was the output")
	}
	bad := [][]int32{{1 << 30}}
	if _, err := File(t.Context(), path, out, Options{Rank: 1, Calibration: bad}); err == nil {
		t.Error("a token that is none was fed")
	}
}

// TestProgress: every stage counts up to its end.
func TestProgress(t *testing.T) {
	path, ids := converted(t, fixtures+"/llama", "F32")
	last, totals := map[Stage]int64{}, map[Stage]int64{}
	_, err := File(t.Context(), path, filepath.Join(t.TempDir(), "out.gguf"), Options{Rank: 2, Type: "F32", Calibration: [][]int32{ids, ids[:5]},
		Progress: func(s Stage, done, total int64) {
			if done < last[s] || done > total {
				t.Errorf("%s: %d after %d of %d", s, done, last[s], total)
			}
			last[s], totals[s] = done, total
		}})
	if err != nil {
		t.Fatal(err)
	}
	if len(last) != 3 || last[Calibrating] != int64(len(ids)+5) {
		t.Errorf("stages: %v", last)
	}
	for s, n := range totals {
		if last[s] != n {
			t.Errorf("%s ends at %d of %d", s, last[s], n)
		}
	}
}
