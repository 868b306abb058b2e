package arch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/runtime/arch"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/safetensors"
	"github.com/godwit-ai/godwit/seq"
)

// model is a GGUF file to be spoiled.
type model struct {
	arch    string
	pairs   []arch.KV
	tensors []tensor
}

type tensor struct {
	name string
	typ  quant.Type
	dims []int
}

// models are the fixtures of testdata/arch as their import tables have them; the weights are made up.
func models(t *testing.T) map[string]model {
	t.Helper()
	dirs, err := filepath.Glob("../../testdata/arch/*/config.json")
	if err != nil || len(dirs) < 15 {
		t.Fatalf("%d fixtures, %v", len(dirs), err)
	}
	out, seen := map[string]model{}, map[string]bool{}
	for _, path := range dirs {
		m := fixture(t, path)
		out[filepath.Base(filepath.Dir(path))], seen[m.arch] = m, true
	}
	for _, a := range arch.All() {
		for _, n := range a.Names {
			if !seen[n] {
				t.Errorf("no fixture of %s", n)
			}
		}
	}
	return out
}

func fixture(t *testing.T, path string) model {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	data, err := os.ReadFile(path)
	must(err)
	cfg, err := arch.ParseConfig(data)
	must(err)
	a, err := arch.LookupImport(cfg)
	must(err)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.safetensors"))
	must(err)
	have := map[string]bool{}
	for _, file := range files {
		data, err = os.ReadFile(file)
		must(err)
		weights, err := safetensors.Parse(data)
		must(err)
		for i := range weights.Tensors {
			have[weights.Tensors[i].Name] = true
		}
	}
	pairs, err := a.Import.Meta(cfg)
	must(err)
	maps, err := a.Import.Tensors(cfg, func(name string) bool { return have[name] })
	must(err)
	m := model{arch: a.Names[0], pairs: pairs}
	for _, x := range maps {
		m.tensors = append(m.tensors, tensor{x.Name, quant.F32, x.Dims})
	}
	return m
}

// with returns the model with a key set, or taken away by a nil value.
func (m model) with(key string, value any) model {
	m.pairs = slices.DeleteFunc(slices.Clone(m.pairs), func(p arch.KV) bool { return p.Key == key })
	if value != nil {
		m.pairs = append(m.pairs, arch.KV{Key: key, Value: value})
	}
	return m
}

// swap returns the model with one tensor changed, or taken away when it becomes nameless.
func (m model) swap(i int, x tensor) model {
	m.tensors = slices.Clone(m.tensors)
	if m.tensors[i] = x; x.name == "" {
		m.tensors = slices.Delete(m.tensors, i, i+1)
	}
	return m
}

// ones are values around 1, which suit norms, factors and matrices; zeros suit other types.
var ones, zeros = func() (ones, zeros []byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1 << 16 {
		ones = binary.LittleEndian.AppendUint32(ones, math.Float32bits(0.5+rng.Float32()))
	}
	return ones, make([]byte, len(ones))
}()

var image bytes.Buffer // the file of the model in work

// file writes and parses the model; the file is valid until the next one.
func (m model) file(t *testing.T) (f *gguf.File, size int) {
	t.Helper()
	var w gguf.Writer
	for _, p := range m.pairs {
		if err := w.Set(p.Key, p.Value); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range m.tensors {
		n, err := gguf.Size(x.typ, x.dims)
		if err != nil {
			t.Fatal(x, err)
		}
		data := ones
		if x.typ != quant.F32 {
			data = zeros
		}
		if err := w.Add(x.name, x.typ, x.dims, gguf.Bytes(data[:n])); err != nil {
			t.Fatal(x, err)
		}
	}
	image.Reset()
	if _, err := w.WriteTo(&image); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(image.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f, image.Len()
}

// sentinels are what the errors of Build wrap.
var sentinels = []error{arch.ErrUnknown, gguf.ErrMissing, gguf.ErrType, gguf.ErrRange, layer.ErrMissing, layer.ErrUnclaimed,
	layer.ErrShape, layer.ErrType, quant.ErrType, attention.ErrCompose}

// load builds the model and, if that works, runs three tokens. It returns the error of Build; everything else that goes
// wrong is the test's.
func (m model) load(t *testing.T, what string) error {
	t.Helper()
	f, size := m.file(t)
	before := allocated()
	var built error
	var logits []float32 // [vocabulary]
	err := par.Guard(func() error {
		net, _, err := arch.Build(f, func(p attention.Plan) (attention.Plan, error) { return p, nil })
		if built = err; err != nil {
			return nil
		}
		logits, err = three(net)
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	// A file of some KB may cost what small tables and goroutines do, or its own size many times; not more.
	if n := allocated() - before; n > 4<<20+64*uint64(size) {
		t.Errorf("%s: %d bytes allocated for a file of %d", what, n, size)
	}
	if built != nil && !slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(built, s) }) {
		t.Errorf("%s: the error wraps nothing known: %v", what, built)
	}
	for i, x := range logits {
		if x-x != 0 {
			t.Errorf("%s: logit %d is %v", what, i, x)
			break
		}
	}
	return built
}

// three runs two tokens and then one, and returns the logits after the last.
func three(net *layer.Net) ([]float32, error) {
	st, err := net.NewState(&seq.Env{MaxLen: 8, MaxChunk: 4})
	if err != nil {
		return nil, err
	}
	mem, logits, last := new(seq.Arena), make([]float32, net.Vocab()), int32(net.Vocab()-1)
	if err := net.Run(nil, []int32{last, 0}, st, &seq.Step{N: 2, Pos: []seq.Pos{0, 1}, Team: par.Serial(), Mem: mem}); err != nil {
		return nil, err
	}
	err = net.Run(logits, []int32{last}, st, &seq.Step{First: 2, N: 1, Pos: []seq.Pos{2}, Want: []int{0}, Team: par.Serial(), Mem: mem})
	return logits, err
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// outcome is what a spoiled model must do.
type outcome int

const (
	either outcome = iota // load, or fail as below or with the name of a key or tensor that no longer fits
	fails                 // fail with an error that has the name
	loads                 // load
)

// check loads a spoiled model. name is the key or tensor that was spoiled.
func (m model) check(t *testing.T, want outcome, name, what string) {
	t.Helper()
	what = fmt.Sprintf("%s %s", name, what)
	err := m.load(t, what)
	switch {
	case err == nil && want == fails:
		t.Errorf("%s: it loads", what)
	case err == nil:
	case want == loads:
		t.Errorf("%s: %v", what, err)
	case strings.Contains(err.Error(), name):
	case want == fails || !m.names(err.Error()):
		t.Errorf("%s: the error names something else: %v", what, err)
	}
}

// names reports whether the text has the name of a key or a tensor, or says which tensors are missing.
func (m model) names(text string) bool {
	return strings.Contains(text, m.arch+".") || strings.Contains(text, layer.ErrMissing.Error()+": ") ||
		slices.ContainsFunc(m.tensors, func(x tensor) bool { return strings.Contains(text, x.name) })
}

// unread are keys that files have and Build does not read.
func unread(arch, key string) bool {
	return key == arch+".vocab_size" || arch == "qwen3moe" && key == arch+".feed_forward_length"
}

// required are keys without a default.
var required = []string{"block_count", "context_length", "embedding_length", "attention.head_count", "attention.layer_norm_rms_epsilon",
	"feed_forward_length", "expert_count", "expert_used_count", "expert_feed_forward_length"}

// optional are keys that only some architectures read, with a value of their kind.
var optional = map[string]any{"attention.scale": float32(1), "attn_logit_softcapping": float32(1), "final_logit_softcapping": float32(1),
	"attention.sliding_window": uint32(1), "attention.sliding_window_pattern": uint32(1), "attention.key_length": uint32(1),
	"attention.value_length": uint32(1), "rope.dimension_count": uint32(1), "rope.freq_base": float32(1), "rope.freq_base_swa": float32(1),
	"rope.scale_linear": float32(1), "rope.scaling.type": "linear", "rope.scaling.factor": float32(1), "rope.scaling.original_context_length": uint32(1),
	"rope.scaling.attn_factor": float32(1), "rope.scaling.yarn_attn_factor": float32(1), "rope.scaling.yarn_beta_fast": float32(1),
	"rope.scaling.yarn_beta_slow": float32(1), "rope.scaling.finetuned": true, "embedding_scale": float32(1),
	"residual_scale": float32(1), "logit_scale": float32(1), "expert_weights_norm": true}

// TestHostileMetadata spoils each key of each fixture, and those that other models have.
func TestHostileMetadata(t *testing.T) {
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			if err := m.load(t, "the fixture"); err != nil {
				t.Fatal(err)
			}
			had := map[string]bool{}
			for _, p := range m.pairs[1:] {
				wrong, missing := fails, either
				if unread(m.arch, p.Key) {
					wrong = loads
				} else if slices.Contains(required, strings.TrimPrefix(p.Key, m.arch+".")) {
					missing = fails
				}
				had[p.Key] = true
				m.with(p.Key, nil).check(t, missing, p.Key, "missing")
				for _, v := range append(badKinds(p.Value), badValues(p.Value)...) {
					m.with(p.Key, v).check(t, wrong, p.Key, fmt.Sprintf("%T %v", v, v))
				}
				for _, v := range oddValues(p.Value) {
					m.with(p.Key, v).check(t, either, p.Key, fmt.Sprint(v))
				}
			}
			for key, v := range optional {
				if key = m.arch + "." + key; had[key] || name != m.arch {
					continue // the architecture's other fixtures would do the same
				}
				for _, v := range slices.Concat(badKinds(v), badValues(v), oddValues(v)) {
					m.with(key, v).check(t, either, key, fmt.Sprintf("%T %v", v, v))
				}
			}
		})
	}
}

// badKinds are values of kinds that are no substitute for that of v.
func badKinds(v any) []any {
	switch v.(type) {
	case uint32:
		return []any{"2", true, float32(2), []uint32{2, 2, 2, 2}}
	case float32:
		return []any{"0.5", true, []float32{0.5}}
	case bool:
		return []any{"true", uint32(1)}
	case []bool:
		return []any{"x", []string{"x", "y", "z", "u", "v", "w", "r"}, []float32{1, 1, 1, 1, 1, 1, 1}, float32(1)}
	case string:
		return []any{uint32(1), []string{"linear"}}
	}
	panic(fmt.Sprintf("%T", v))
}

// badValues are out of every key's range.
func badValues(v any) []any {
	switch v := v.(type) {
	case uint32:
		return []any{int32(-1), int64(math.MinInt64), uint32(math.MaxUint32), uint64(math.MaxUint64), uint32(1<<28 + 1)}
	case float32:
		return []any{float32(-1), math.NaN(), float32(math.Inf(1)), math.Inf(-1), math.MaxFloat64}
	case []bool:
		return []any{[]bool{}, v[:1], append(slices.Clone(v), true), int32(-1), uint64(1 << 63)}
	case string:
		return []any{"rotten", "YARN"}
	}
	return nil
}

// oddValues may be good or bad.
func oddValues(v any) []any {
	switch v := v.(type) {
	case uint32:
		return []any{uint32(0), uint8(1), v - 1, v + 1, 2 * v, int64(1 << 16), int64(1 << 28)}
	case float32:
		return []any{float32(0), 5e-324, 1e-40, 1e-7, 0.5, 1.0, uint32(3), 1e6, 1e15}
	case bool:
		return []any{!v}
	case []bool:
		return []any{uint32(0), uint32(1), uint32(2), []uint64{0, 1, math.MaxInt64, 1, 1, 1, 1}[:len(v)]}
	case string:
		return []any{"", "none", "linear", "yarn", "longrope"}
	}
	return nil
}

// TestHostileTensors spoils each tensor of each fixture.
func TestHostileTensors(t *testing.T) {
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			for i, x := range m.tensors {
				spoil := func(want outcome, typ quant.Type, dims []int) {
					t.Helper()
					m.swap(i, tensor{x.name, typ, dims}).check(t, want, x.name, fmt.Sprint(typ, dims))
				}
				missing, zeros, quantised := fails, loads, loads
				switch {
				case strings.HasSuffix(x.name, ".bias") || x.name == "output.weight":
					missing = loads // not every model has them
				case x.name == "rope_freqs.weight":
					missing, zeros = loads, fails
				case strings.HasPrefix(x.name, "rope_"):
					zeros = fails // they divide
				}
				if len(x.dims) == 1 {
					quantised = fails
				}
				m.swap(i, tensor{}).check(t, missing, x.name, "missing")
				if strings.HasPrefix(x.name, "blk.") && !strings.HasPrefix(x.name, "blk.0.") {
					continue // the others are as in the first layer
				}
				for _, typ := range []quant.Type{quant.I8, quant.I32, quant.F64} {
					spoil(fails, typ, x.dims)
				}
				spoil(zeros, quant.F16, x.dims)
				spoil(zeros, quant.BF16, x.dims)
				if x.dims[0]%32 == 0 {
					spoil(quantised, quant.Q8_0, x.dims)
				}
				for _, dims := range shapes(x.dims) {
					want := fails
					if x.name == "token_embd.weight" && dims[0] == x.dims[0] && len(dims) == 2 {
						want = either // another vocabulary, which the head may not have
					}
					spoil(want, quant.F32, dims)
				}
				if len(x.dims) < gguf.MaxDims {
					spoil(loads, quant.F32, append(slices.Clone(x.dims), 1))
				}
			}
			extra := tensor{"blk.0.more.weight", quant.F32, []int{1}}
			m.tensors = append(slices.Clone(m.tensors), extra)
			m.check(t, fails, extra.name, "in excess")
		})
	}
}

// shapes are dimensions near dims, but others.
func shapes(dims []int) (out [][]int) {
	flat := 1
	for i, d := range dims {
		flat *= d
		for _, n := range []int{1, d - 1, d + 1, 2 * d} {
			s := slices.Clone(dims)
			s[i] = n
			out = append(out, s)
		}
	}
	turned := slices.Clone(dims)
	slices.Reverse(turned)
	out = append(out, []int{flat}, turned, append(slices.Clone(dims), 2))
	return slices.DeleteFunc(out, func(s []int) bool { return slices.Equal(s, dims) || len(s) > gguf.MaxDims })
}

// TestHostileCombinations spoils what belongs together.
func TestHostileCombinations(t *testing.T) {
	all := models(t)
	for _, c := range []struct {
		fixture string
		set     map[string]any
		want    outcome
		name    string
	}{
		{"llama", map[string]any{"general.architecture": nil}, fails, "general.architecture: missing"},
		{"llama", map[string]any{"general.architecture": uint32(1)}, fails, "general.architecture: wrong type"},
		{"llama", map[string]any{"general.architecture": "rotten"}, fails, `general.architecture: unknown architecture: "rotten" (known:`},
		{"llama", map[string]any{"general.name": uint32(1)}, fails, "general.name"},
		{"llama", map[string]any{"tokenizer.ggml.tokens": make([]string, 97)}, fails, "tokenizer.ggml.tokens"},
		{"llama", map[string]any{"tokenizer.ggml.tokens": make([]string, 96)}, loads, ""},
		{"llama", map[string]any{"llama.attention.head_count_kv": uint32(3)}, fails, "llama.attention.head_count_kv: out of range: 4 heads do not share 3"},
		{"llama", map[string]any{"llama.attention.head_count": uint32(2), "llama.attention.head_count_kv": uint32(4)}, fails, "head_count_kv"},
		{"llama", map[string]any{"llama.rope.dimension_count": uint32(3)}, fails, "llama.rope.dimension_count: out of range: 3 is odd"},
		{"llama", map[string]any{"llama.rope.dimension_count": uint32(10)}, fails, "llama.rope.dimension_count: out of range: 10 is not between 2 and 8"},
		{"llama", map[string]any{"llama.rope.dimension_count": uint32(4)}, loads, ""},
		{"llama", map[string]any{"llama.attention.sliding_window": uint32(1)}, loads, ""},
		{"llama", map[string]any{"llama.attention.sliding_window": uint32(1 << 28)}, loads, ""},
		{"llama", map[string]any{"llama.rope.scale_linear": float32(0.5)}, fails, "llama.rope.scale_linear"},
		// Tables for a thousand layers of wide heads that are not there would be gigabytes.
		{"llama", map[string]any{"llama.block_count": uint32(1024), "llama.attention.key_length": uint32(1 << 12)}, fails, "blk.0.attn_q.weight"},
		{"llama", map[string]any{"llama.block_count": uint32(1024)}, fails, "blk.3.ffn_gate.weight"},
		{"phi3-long", map[string]any{"phi3.context_length": uint32(1)}, loads, ""},
		{"phi3-long", map[string]any{"phi3.context_length": uint32(1 << 28)}, fails, "context_length"},
		{"phi3-long", map[string]any{"phi3.rope.scaling.type": "yarn"}, fails, "rope_factors_long.weight"},
		{"phi3", map[string]any{"phi3.rope.scaling.type": "longrope"}, fails, "rope_factors_long.weight"},
		{"phi3-long", map[string]any{"phi3.rope.scaling.original_context_length": uint32(1)}, fails, "original_context_length"},
		{"qwen2-yarn", map[string]any{"qwen2.rope.scaling.yarn_beta_fast": float32(1e-3), "qwen2.rope.scaling.yarn_beta_slow": float32(1e6)}, loads, ""},
		{"qwen3moe", map[string]any{"qwen3moe.expert_used_count": uint32(7)}, fails, "qwen3moe.expert_used_count: out of range: 7 is not between 1 and 6"},
		{"qwen3moe", map[string]any{"qwen3moe.expert_used_count": uint32(6)}, loads, ""},
		{"qwen3moe", map[string]any{"qwen3moe.expert_count": uint32(4096), "qwen3moe.expert_feed_forward_length": uint32(1 << 22)}, fails, "blk.0.ffn_gate_exps.weight"},
		{"gemma3", map[string]any{"gemma3.attention.sliding_window_pattern": []bool{true}}, fails, "sliding_window_pattern: out of range: 1 entries for 7 layers"},
	} {
		m := all[c.fixture]
		for k, v := range c.set {
			m = m.with(k, v)
		}
		m.check(t, c.want, c.name, fmt.Sprint("of ", c.fixture, " with ", c.set))
	}
}
