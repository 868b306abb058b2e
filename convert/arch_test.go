package convert

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/runtime"
)

const fixtures = "../testdata/arch"

// fixture is a tiny model and what Hugging Face transformers makes of it; testdata/arch/make.py has the command.
type fixture struct {
	dir    string
	ids    []int32
	logits [][]float32 // [tokens, vocabulary]
}

func readFixture(t *testing.T, dir, logits string) fixture {
	t.Helper()
	f := fixture{dir: dir}
	data, err := os.ReadFile(filepath.Join(dir, "ids.json"))
	if err == nil {
		err = json.Unmarshal(data, &f.ids)
	}
	if err == nil {
		f.logits, err = readNPY(filepath.Join(dir, logits))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.ids = f.ids[:len(f.logits)]
	return f
}

// readNPY reads a matrix of float32 from NumPy's format.
func readNPY(path string) ([][]float32, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	head := int(binary.LittleEndian.Uint16(data[8:])) + 10
	var rows, cols int
	m := regexp.MustCompile(`'descr': '<f4', 'fortran_order': False, 'shape': \((\d+), (\d+)\)`).FindSubmatch(data[:head])
	if m == nil {
		return nil, fmt.Errorf("%s: %q", path, data[:head])
	}
	fmt.Sscan(string(m[1]), &rows)
	fmt.Sscan(string(m[2]), &cols)
	out := make([][]float32, rows)
	for r := range out {
		out[r] = make([]float32, cols)
		for c := range out[r] {
			out[r][c] = math.Float32frombits(binary.LittleEndian.Uint32(data[head+4*(r*cols+c):]))
		}
	}
	return out, nil
}

func fixtureDirs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(fixtures + "/*/config.json")
	if err != nil || len(dirs) < 15 {
		t.Fatalf("%d fixtures, %v", len(dirs), err)
	}
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	return dirs
}

// allowed is how far a logit may be from that of transformers; the fixtures' logits have standard deviations from 0.3 to 30.
const allowed = 1e-4

// distance compares one position's logits: the largest difference and the mean one. NaN differs infinitely.
func distance(have, want []float32) (worst, mean float64) {
	if len(have) != len(want) {
		return math.Inf(1), math.Inf(1)
	}
	for i, w := range want {
		d := math.Abs(float64(have[i]) - float64(w))
		if d != d {
			d = math.Inf(1)
		}
		worst, mean = max(worst, d), mean+d/float64(len(want))
	}
	return worst, mean
}

// way is one way to feed a fixture: pieces of chunk tokens, by so many threads, with exact or fast numerics.
type way struct {
	chunk, threads int
	fast           bool
}

func (w way) String() string {
	return fmt.Sprintf("chunks of %d, %d threads, fast %v", w.chunk, w.threads, w.fast)
}

// outcome is what a way gave: the largest difference of a logit, where, the mean one, and a hash of the bits of all logits.
type outcome struct {
	worst, mean float64
	at          int // position
	bits        uint64
}

// compare feeds the fixture's ids.
func compare(t *testing.T, model, plan string, f fixture, w way) (o outcome) {
	t.Helper()
	m, err := runtime.Open(model, runtime.Options{Plan: plan, Threads: w.threads})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession(runtime.SessionOptions{Context: len(f.ids), Chunk: w.chunk, Exact: !w.fast})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hash, seen := fnv.New64a(), 0
	visit := func(i int, logits []float32) error {
		seen++
		worst, mean := distance(logits, f.logits[i])
		if o.mean += mean / float64(len(f.ids)); !(worst <= o.worst) {
			o.worst, o.at = worst, i
		}
		return binary.Write(hash, binary.LittleEndian, logits)
	}
	if w.chunk > 1 {
		err = s.Each(context.Background(), f.ids, visit)
	}
	for i := range f.ids { // step by step through Feed, as generation does
		if w.chunk > 1 || err != nil {
			break
		}
		var logits []float32
		if err = s.Feed(context.Background(), f.ids[i:i+1], nil); err == nil {
			if logits, err = s.Logits(); err == nil {
				err = visit(i, logits)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if seen != len(f.ids) {
		t.Fatalf("%d of %d positions were seen", seen, len(f.ids))
	}
	o.bits = hash.Sum64()
	return o
}

// convertTo converts a directory into the test's own.
func convertTo(t *testing.T, dir string, o Options) (string, Result) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "model.gguf")
	r, err := Directory(context.Background(), dir, out, o)
	if err != nil {
		t.Fatal(err)
	}
	return out, r
}

// planOf is the plan for the comparison: float32 keys and values. Scalings that depend on the text's length get the whole
// text's, which is what one forward pass over it computes with.
func planOf(name string, tokens int) string {
	if name == "phi3-long" {
		return fmt.Sprintf("kv=f32 pos=longrope(factor=4,orig=24,len=%d)", tokens)
	}
	return "kv=f32"
}

func TestArchitectures(t *testing.T) {
	for _, dir := range fixtureDirs(t) {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			model, r := convertTo(t, dir, Options{Type: "F32", Threads: 2})
			if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "no tokenizer") {
				t.Errorf("warnings: %q", r.Warnings)
			}
			for _, logits := range []string{"logits.npy", "short.npy"} {
				if _, err := os.Stat(filepath.Join(dir, logits)); errors.Is(err, fs.ErrNotExist) {
					continue
				}
				f := readFixture(t, dir, logits)
				var bits uint64
				for _, w := range []way{{chunk: len(f.ids), threads: 2}, {chunk: 7, threads: 1}, {chunk: 1, threads: 2}, {chunk: 7, threads: 3}} {
					o := compare(t, model, planOf(name, len(f.ids)), f, w)
					if !(o.worst <= allowed) {
						t.Errorf("%s in %v: position %d differs by %.3g", logits, w, o.at, o.worst)
					}
					if bits == 0 {
						bits = o.bits
					}
					if o.bits != bits {
						t.Errorf("%s in %v: other bits than before", logits, w)
					}
				}
			}
			fast(t, dir, name)
		})
	}
}

// fast compares fast numerics, which store activations in int8 blocks, with exact ones of the same Q8_0 model: the bits must be the
// same however it is fed and not those of exact numerics, and rounding the activations must cost about as much as rounding
// the weights did (measured: mean differences from transformers grow by factors of 1.1 to 1.6).
func fast(t *testing.T, dir, name string) {
	t.Helper()
	model, _ := convertTo(t, dir, Options{Type: "Q8_0", Threads: 2})
	f := readFixture(t, dir, "logits.npy")
	plan := planOf(name, len(f.ids))
	exact := compare(t, model, plan, f, way{chunk: 7, threads: 2})
	var first outcome
	for i, w := range []way{{len(f.ids), 2, true}, {7, 1, true}, {1, 3, true}} {
		o := compare(t, model, plan, f, w)
		if i == 0 {
			first = o
		}
		if o.bits == exact.bits {
			t.Errorf("%v: the bits of exact numerics", w)
		}
		if o.bits != first.bits {
			t.Errorf("%v: other bits than before", w)
		}
		if !(o.mean <= 2*exact.mean) {
			t.Errorf("%v: logits differ by %.3g on average, by %.3g with exact numerics", w, o.mean, exact.mean)
		}
	}
}

// broken are changes of config.json after which the comparison must fail, so that it is known to see each of them.
var broken = []struct{ fixture, old, new string }{
	{"llama", `"rope_theta": 10000.0`, `"rope_theta": 12000.0`},
	{"llama", `"rms_norm_eps": 1e-05`, `"rms_norm_eps": 1e-02`},
	{"llama3", `"factor": 8.0`, `"factor": 4.0`},
	{"mistral", `"sliding_window": 8`, `"sliding_window": 9`},
	{"minicpm", `"scale_depth": 1.4`, `"scale_depth": 1.3`},
	{"smollm3", `"rope_theta": 5000000.0`, `"rope_theta": 4000000.0`},
	{"qwen2", `"rms_norm_eps": 1e-06`, `"rms_norm_eps": 1e-03`},
	{"qwen2-yarn", `"factor": 4.0`, `"factor": 3.0`},
	{"qwen3moe", `"norm_topk_prob": true`, `"norm_topk_prob": false`},
	{"qwen3moe", `"num_experts_per_tok": 2`, `"num_experts_per_tok": 3`},
	{"gemma2", `"attn_logit_softcapping": 5.0`, `"attn_logit_softcapping": 50.0`},
	{"gemma2", `"final_logit_softcapping": 8.0`, `"final_logit_softcapping": 9.0`},
	{"gemma2", `"query_pre_attn_scalar": 16`, `"query_pre_attn_scalar": 20`},
	{"gemma3", `"rope_local_base_freq": 10000.0`, `"rope_local_base_freq": 20000.0`},
	{"gemma3", `"factor": 8.0`, `"factor": 1.0`},
	{"gemma3", `"sliding_window_pattern": 6`, `"sliding_window_pattern": 3`},
	{"phi3", `"sliding_window": 8`, `"sliding_window": 7`},
	{"phi3-long", `"long_factor": [
   1.1`, `"long_factor": [
   1.2`},
	{"qwen3", `"rope_theta": 1000000.0`, `"rope_theta": 900000.0`},
	{"granite", `"attention_multiplier": 0.3`, `"attention_multiplier": 0.35`},
	{"granite", `"logits_scaling": 4.0`, `"logits_scaling": 4.1`},
	{"olmo2", `"rope_theta": 500000.0`, `"rope_theta": 400000.0`},
}

// TestComparisonRejects gives the comparison models that differ in one number of the configuration.
func TestComparisonRejects(t *testing.T) {
	for _, b := range broken {
		from := filepath.Join(fixtures, b.fixture)
		f := readFixture(t, from, "logits.npy")
		dir := t.TempDir()
		edited(t, from, dir, b.old, b.new)
		out, _ := convertTo(t, dir, Options{Type: "F32", Threads: 2})
		if o := compare(t, out, planOf(b.fixture, len(f.ids)), f, way{chunk: 16, threads: 2}); o.worst <= allowed {
			t.Errorf("%s with %s passes the comparison (%.3g)", b.fixture, b.new, o.worst)
		}
	}
}

// edited copies a directory with one replacement in config.json.
func edited(t *testing.T, from, to, old, text string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(string(data), old, text, 1)
	if config == string(data) {
		t.Fatalf("%s: no %s in config.json", from, old)
	}
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
}
