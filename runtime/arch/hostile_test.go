package arch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
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

// file writes and parses the model. F32 tensors hold values around 1, which suit norms, factors and matrices; others zeros.
func (m model) file(t *testing.T) (f *gguf.File, size int) {
	t.Helper()
	var w gguf.Writer
	for _, p := range m.pairs {
		if err := w.Set(p.Key, p.Value); err != nil {
			t.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, x := range m.tensors {
		n, err := gguf.Size(x.typ, x.dims)
		if err != nil {
			t.Fatal(x, err)
		}
		data := make([]byte, n)
		for i := 0; x.typ == quant.F32 && i < n; i += 4 {
			binary.LittleEndian.PutUint32(data[i:], math.Float32bits(0.5+rng.Float32()))
		}
		if err := w.Add(x.name, x.typ, x.dims, gguf.Bytes(data)); err != nil {
			t.Fatal(x, err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return f, b.Len()
}

// sentinels are what the errors of Build wrap.
var sentinels = []error{arch.ErrUnknown, gguf.ErrMissing, gguf.ErrType, gguf.ErrRange, layer.ErrMissing, layer.ErrUnclaimed,
	layer.ErrShape, quant.ErrType, attention.ErrCompose}

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
	mem, logits := new(seq.Arena), make([]float32, net.Vocab())
	if err := net.Run(nil, []int32{1, 0}, st, &seq.Step{N: 2, Pos: []seq.Pos{0, 1}, Team: par.Serial(), Mem: mem}); err != nil {
		return nil, err
	}
	err = net.Run(logits, []int32{int32(net.Vocab() - 1)}, st, &seq.Step{First: 2, N: 1, Pos: []seq.Pos{2}, Want: []int{0}, Team: par.Serial(), Mem: mem})
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
	either  outcome = iota // load, or fail as below but with the name of a tensor that no longer fits
	fails                  // fail with an error that has the name
	loads                  // load
	refuses                // fail, with any name
)

// check loads a spoiled model. name is the key or tensor that was spoiled.
func (m model) check(t *testing.T, want outcome, name, what string) {
	t.Helper()
	what = fmt.Sprintf("%s %s", name, what)
	err := m.load(t, what)
	switch {
	case err == nil && (want == fails || want == refuses):
		t.Errorf("%s: it loads", what)
	case err == nil:
	case want == loads:
		t.Errorf("%s: %v", what, err)
	case strings.Contains(err.Error(), name):
	case want == fails || !slices.ContainsFunc(m.tensors, func(x tensor) bool { return strings.Contains(err.Error(), x.name) }) &&
		!errors.Is(err, layer.ErrMissing):
		t.Errorf("%s: the error names something else: %v", what, err)
	}
}

// unread are keys that files have and Build does not read.
func unread(arch, key string) bool {
	return key == arch+".vocab_size" || arch == "qwen3moe" && key == arch+".feed_forward_length"
}

// TestHostileMetadata spoils each key of each fixture.
func TestHostileMetadata(t *testing.T) {
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			if err := m.load(t, "the fixture"); err != nil {
				t.Fatal(err)
			}
			for _, p := range m.pairs[1:] {
				wrong := fails
				if unread(m.arch, p.Key) {
					wrong = loads
				}
				m.with(p.Key, nil).check(t, either, p.Key, "missing")
				for _, v := range badKinds(p.Value) {
					m.with(p.Key, v).check(t, wrong, p.Key, fmt.Sprintf("%T instead of %T", v, p.Value))
				}
				for _, v := range badValues(p.Value) {
					m.with(p.Key, v).check(t, wrong, p.Key, fmt.Sprint(v))
				}
				for _, v := range oddValues(p.Value) {
					m.with(p.Key, v).check(t, either, p.Key, fmt.Sprint(v))
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
		return []any{"", "rotten", "longrope"}
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
		return []any{"none", "linear", "yarn"}
	}
	return nil
}

// TestHostileOptional gives every fixture keys that only some have, with values of all kinds.
func TestHostileOptional(t *testing.T) {
	var one uint32 = 1
	optional := map[string]any{"attention.scale": float32(1), "attn_logit_softcapping": float32(1), "final_logit_softcapping": float32(1),
		"attention.sliding_window": one, "attention.sliding_window_pattern": one, "attention.key_length": one, "attention.value_length": one,
		"rope.dimension_count": one, "rope.freq_base": float32(1), "rope.freq_base_swa": float32(1), "rope.scale_linear": float32(1),
		"rope.scaling.type": "linear", "rope.scaling.factor": float32(1), "rope.scaling.original_context_length": one,
		"rope.scaling.attn_factor": float32(1), "rope.scaling.yarn_attn_factor": float32(1), "rope.scaling.yarn_beta_fast": float32(1),
		"rope.scaling.yarn_beta_slow": float32(1), "rope.scaling.finetuned": true, "embedding_scale": float32(1),
		"residual_scale": float32(1), "logit_scale": float32(1), "expert_weights_norm": true}
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			for _, key := range slices.Sorted(maps.Keys(optional)) {
				v := optional[key]
				key = m.arch + "." + key
				for _, x := range slices.Concat(badKinds(v), badValues(v), oddValues(v)) {
					m.with(key, x).check(t, either, key, fmt.Sprintf("%T %v", x, x))
				}
			}
		})
	}
}

// TestHostileTensors spoils each tensor of each fixture.
func TestHostileTensors(t *testing.T) {
	for name, m := range models(t) {
		t.Run(name, func(t *testing.T) {
			for i, x := range m.tensors {
				missing := fails
				if strings.HasSuffix(x.name, ".bias") || x.name == "rope_freqs.weight" || x.name == "output.weight" {
					missing = loads // not every model has them
				}
				m.swap(i, tensor{}).check(t, missing, x.name, "missing")
				for _, typ := range []quant.Type{quant.I8, quant.I32, quant.F64} {
					m.swap(i, tensor{x.name, typ, x.dims}).check(t, fails, x.name, typ.String())
				}
				for _, typ := range []quant.Type{quant.F16, quant.BF16} {
					if strings.HasPrefix(x.name, "rope_") { // a divisor of zero is refused
						m.swap(i, tensor{x.name, typ, x.dims}).check(t, fails, x.name, "of zeros")
						continue
					}
					m.swap(i, tensor{x.name, typ, x.dims}).check(t, loads, x.name, typ.String())
				}
				if x.dims[0]%32 == 0 {
					vector := loads
					if len(x.dims) == 1 {
						vector = fails
					}
					m.swap(i, tensor{x.name, quant.Q8_0, x.dims}).check(t, vector, x.name, "Q8_0")
				}
				for _, dims := range shapes(x.dims) {
					shape := fails
					if x.name == "token_embd.weight" && dims[0] == x.dims[0] && len(dims) == 2 {
						shape = either // another vocabulary, which the head may not have
					}
					m.swap(i, tensor{x.name, quant.F32, dims}).check(t, shape, x.name, fmt.Sprint(dims))
				}
				if len(x.dims) < gguf.MaxDims {
					m.swap(i, tensor{x.name, quant.F32, append(slices.Clone(x.dims), 1)}).check(t, loads, x.name, "with a trailing 1")
				}
			}
			const more = "blk.0.more.weight"
			extra := m
			extra.tensors = append(slices.Clone(m.tensors), tensor{more, quant.F32, []int{1}})
			extra.check(t, fails, more, "in excess")
		})
	}
}

// shapes are dimensions near dims, but others.
func shapes(dims []int) (out [][]int) {
	for i, d := range dims {
		for _, n := range []int{1, d - 1, d + 1, 2 * d} {
			if n > 0 && n != d {
				s := slices.Clone(dims)
				s[i] = n
				out = append(out, s)
			}
		}
	}
	if len(dims) > 1 {
		turned := slices.Clone(dims)
		slices.Reverse(turned)
		flat := 1
		for _, d := range dims {
			flat *= d
		}
		if out = append(out, []int{flat}); !slices.Equal(turned, dims) {
			out = append(out, turned)
		}
	}
	if len(dims) < gguf.MaxDims {
		out = append(out, append(slices.Clone(dims), 2))
	}
	return out
}

// TestHostileCombinations spoils what belongs together; %s is the architecture.
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
		{"llama", map[string]any{"llama.attention.head_count": uint32(4), "llama.attention.head_count_kv": uint32(3)}, fails, "head_count_kv"},
		{"llama", map[string]any{"llama.attention.head_count": uint32(2), "llama.attention.head_count_kv": uint32(4)}, fails, "head_count_kv"},
		{"llama", map[string]any{"llama.rope.dimension_count": uint32(3)}, fails, "llama.rope.dimension_count: out of range: 3 is odd"},
		{"llama", map[string]any{"llama.rope.dimension_count": uint32(10)}, fails, "llama.rope.dimension_count: out of range: 10 is not between 2 and 8"},
		{"llama", map[string]any{"llama.rope.dimension_count": uint32(4)}, loads, ""},
		{"llama", map[string]any{"llama.attention.sliding_window": uint32(1)}, loads, ""},
		{"llama", map[string]any{"llama.attention.sliding_window": uint32(1 << 28)}, loads, ""},
		{"llama", map[string]any{"llama.rope.scaling.factor": float32(0.5)}, fails, "llama.rope.scaling.factor"},
		{"llama", map[string]any{"llama.rope.scale_linear": float32(0.5)}, fails, "llama.rope.scale_linear"},
		// Tables for a thousand layers of wide heads that are not there would be gigabytes.
		{"llama", map[string]any{"llama.block_count": uint32(1024), "llama.attention.key_length": uint32(1 << 12)}, refuses, "blk"},
		{"llama", map[string]any{"llama.block_count": uint32(1024), "llama.attention.head_count": uint32(1 << 12), "llama.context_length": uint32(1 << 28)}, refuses, "blk"},
		{"phi3-long", map[string]any{"phi3.context_length": uint32(1)}, fails, "original_context_length"},
		{"phi3-long", map[string]any{"phi3.rope.scaling.original_context_length": uint32(1)}, fails, "original_context_length"},
		{"qwen2-yarn", map[string]any{"qwen2.rope.scaling.yarn_beta_fast": float32(1e-6), "qwen2.rope.scaling.yarn_beta_slow": float32(1e6)}, loads, ""},
		{"qwen3moe", map[string]any{"qwen3moe.expert_used_count": uint32(7)}, fails, "qwen3moe.expert_used_count: out of range: 7 is not between 1 and 6"},
		{"qwen3moe", map[string]any{"qwen3moe.expert_used_count": uint32(0)}, fails, "expert_used_count"},
		{"qwen3moe", map[string]any{"qwen3moe.expert_used_count": uint32(6)}, loads, ""},
		{"qwen3moe", map[string]any{"qwen3moe.expert_count": uint32(0)}, fails, "expert_count"},
		{"qwen3moe", map[string]any{"qwen3moe.expert_count": uint32(4096), "qwen3moe.expert_feed_forward_length": uint32(1 << 22)}, refuses, "ffn_gate_exps"},
		{"gemma3", map[string]any{"gemma3.attention.sliding_window_pattern": []bool{true}}, fails, "sliding_window_pattern: out of range: 1 entries for 7 layers"},
	} {
		m := all[c.fixture]
		for k, v := range c.set {
			m = m.with(k, v)
		}
		m.check(t, c.want, c.name, fmt.Sprint("of ", c.fixture, " with ", c.set))
	}
}
