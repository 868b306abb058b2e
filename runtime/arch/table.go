package arch

import (
	"fmt"
	"math"
	"slices"
)

// table builds an import: metadata and tensors of a Hugging Face directory under GGUF's names. The first error stays
// and what cannot be had comes back as a harmless value, so that imports read straight through.
type table struct {
	cfg    Config
	arch   string
	has    func(name string) bool
	prefix string // of the decoder's Hugging Face names

	layers, width, hidden, vocab int
	heads, kvHeads, dim          int

	kv      []KV
	tensors []TensorMap
	err     error
}

// usual are the values of keys that a config.json may leave out; 0: the key is required.
type usual struct{ heads, kvHeads, dim, vocab, context int }

// newTable reads the sizes of every decoder.
func newTable(arch string, cfg Config, u usual) *table {
	t := &table{cfg: cfg, arch: arch, prefix: "model.", has: func(string) bool { return false }}
	t.layers = t.whole("num_hidden_layers", 0, maxLayers)
	t.width = t.whole("hidden_size", 0, maxWidth)
	t.hidden = t.whole("intermediate_size", 0, maxHidden)
	t.vocab = t.whole("vocab_size", u.vocab, math.MaxInt32)
	t.heads = t.whole("num_attention_heads", u.heads, maxHeads)
	if u.kvHeads == 0 {
		u.kvHeads = t.heads
	}
	t.kvHeads = t.whole("num_key_value_heads", u.kvHeads, maxHeads)
	if u.dim == 0 {
		u.dim = max(1, t.width/t.heads)
	}
	t.dim = t.whole("head_dim", u.dim, maxDim)
	return t
}

func (t *table) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// whole reads a whole number from 1 to most, def when it is missing; def 0: it must be there.
func (t *table) whole(key string, def, most int) int {
	if def != 0 && !t.cfg.Has(key) {
		return def
	}
	n, err := t.cfg.Int(key)
	if err == nil && (n < 1 || n > most) {
		err = t.cfg.fail(key, "%d is not between 1 and %d", n, most)
	}
	if err != nil {
		t.fail(err)
		return 1
	}
	return n
}

// number reads a number that a float32 can hold, def when it is missing.
func (t *table) number(c Config, key string, def float64) float64 {
	f, err := c.FloatOr(key, def)
	if err == nil && math.Abs(f) > math.MaxFloat32 {
		err = c.fail(key, "%v is too large", f)
	}
	if err != nil {
		t.fail(err)
		return def
	}
	return f
}

// positive is number for those above 0.
func (t *table) positive(c Config, key string, def float64) float64 {
	f := t.number(c, key, def)
	if f <= 0 {
		t.fail(c.fail(key, "%v is not above 0", f))
		return def
	}
	return f
}

// truth reads a truth value, def when it is missing.
func (t *table) truth(key string, def bool) bool {
	b, err := t.cfg.BoolOr(key, def)
	if err != nil {
		t.fail(err)
	}
	return b
}

// sub reads an object, an empty one when it is missing.
func (t *table) sub(c Config, key string) Config {
	s, err := c.Sub(key)
	if err != nil {
		t.fail(err)
	}
	return s
}

// put adds a hyper-parameter; whole numbers are written as uint32, others as float32.
func (t *table) put(key string, value any) {
	switch v := value.(type) {
	case int:
		value = uint32(v)
	case float64:
		value = float32(v)
	}
	t.kv = append(t.kv, KV{t.arch + "." + key, value})
}

// common puts the hyper-parameters of every decoder, in the order of llama.cpp's converter.
func (t *table) common(u usual) {
	t.kv = append(t.kv, KV{"general.architecture", t.arch})
	t.put("block_count", t.layers)
	t.put("context_length", t.context(u))
	t.put("embedding_length", t.width)
	t.put("feed_forward_length", t.hidden)
	t.put("attention.head_count", t.heads)
	t.put("attention.head_count_kv", t.kvHeads)
	const eps = "rms_norm_eps"
	if !t.cfg.Has(eps) {
		t.fail(t.cfg.fail(eps, "missing"))
	}
	t.put("attention.layer_norm_rms_epsilon", t.number(t.cfg, eps, 0))
	if t.cfg.Has("head_dim") || u.dim != 0 {
		t.put("attention.key_length", t.dim)
		t.put("attention.value_length", t.dim)
	}
	if f := t.fold(); f != nil {
		t.put(foldKey, f.String())
	}
}

// context is the trained context.
func (t *table) context(u usual) int {
	return t.whole("max_position_embeddings", u.context, maxContext)
}

// activation refuses a feed-forward network with another non-linear function than want.
func (t *table) activation(want string, keys ...string) {
	for _, key := range keys {
		have, err := t.cfg.StringOr(key, want)
		if err == nil && have != want {
			err = t.cfg.fail(key, "%q is not supported, only %q", have, want)
		}
		if err != nil {
			t.fail(err)
		}
	}
}

// sliding puts the sliding window and, when they are not those that readers assume, the layers that have it. guess says
// which have it when the configuration has no list of them.
func (t *table) sliding(assume, guess func(i int) bool) {
	if !t.cfg.Has("sliding_window") {
		return
	}
	window := t.whole("sliding_window", 0, maxContext)
	types, err := t.cfg.Strings("layer_types")
	if err == nil && types != nil && len(types) != t.layers {
		err = t.cfg.fail("layer_types", "%d entries for %d layers", len(types), t.layers)
	}
	if err != nil {
		t.fail(err)
		return
	}
	local, assumed := make([]bool, t.layers), make([]bool, t.layers)
	for i := range local {
		assumed[i] = assume(i)
		switch {
		case types == nil:
			local[i] = guess(i)
		case types[i] == "sliding_attention":
			local[i] = true
		case types[i] != "full_attention":
			t.fail(t.cfg.fail("layer_types", "entry %d: %q is not known", i, types[i]))
		}
	}
	if !slices.Contains(local, true) {
		return
	}
	t.put("attention.sliding_window", window)
	if !slices.Equal(local, assumed) {
		t.put("attention.sliding_window_pattern", local)
	}
}

// lateWindows puts the sliding window that layers from max_window_layers on may have.
func (t *table) lateWindows() {
	if !t.truth("use_sliding_window", false) {
		return
	}
	first, err := t.cfg.IntOr("max_window_layers", 28)
	if err != nil {
		t.fail(err)
	}
	t.sliding(everyLayer, func(i int) bool { return i >= first })
}

// everyLayer has the window in every layer.
func everyLayer(int) bool { return true }

// allBut has the window in all layers but every n-th.
func allBut(n int) func(int) bool { return func(i int) bool { return i%n < n-1 } }

// add adds a tensor made of one Hugging Face tensor. Vectors stay float32.
func (t *table) add(name, from string, apply func(x []float32, rows, cols int), dims ...int) {
	t.tensors = append(t.tensors, TensorMap{Name: name, From: []string{from}, Dims: dims, Apply: apply, F32: len(dims) == 1})
}

// values adds a vector that the configuration gives.
func (t *table) values(name string, x []float32) {
	t.tensors = append(t.tensors, TensorMap{Name: name, Dims: []int{len(x)}, Values: x, F32: true})
}

// outer adds what surrounds the layers. norm changes the norms' weights; nil: nothing.
func (t *table) outer(norm func(x []float32, rows, cols int)) {
	t.add(embedName+".weight", t.prefix+"embed_tokens.weight", nil, t.width, t.vocab)
	t.add("output_norm.weight", t.prefix+"norm.weight", norm, t.width)
	const head, tied = "lm_head.weight", "tie_word_embeddings"
	if (t.cfg.Has(tied) || t.has(head)) && !t.truth(tied, false) {
		t.add("output.weight", head, nil, t.width, t.vocab)
	}
	if f := t.fold(); f != nil && t.has(foldTensor) {
		t.tensors = append(t.tensors, TensorMap{Name: foldTensor, From: []string{foldTensor}, Dims: []int{t.width, f.Folding().Vectors()}, F32: true})
	}
}

// linear adds a map of layer i, with its bias where there is one.
func (t *table) linear(i int, part, from string, apply func(x []float32, rows, cols int), rows, cols int) {
	from = t.from(i, from)
	t.add(name(i, part+".weight"), from+".weight", apply, cols, rows)
	if t.has(from + ".bias") {
		t.add(name(i, part+".bias"), from+".bias", apply, rows)
	}
}

// norm adds a norm of layer i.
func (t *table) norm(i int, part, from string, apply func(x []float32, rows, cols int), width int) {
	t.add(name(i, part+".weight"), t.from(i, from)+".weight", apply, width)
}

// from is a Hugging Face name in layer i.
func (t *table) from(i int, part string) string {
	return fmt.Sprintf("%slayers.%d.%s", t.prefix, i, part)
}

// attention adds the projections of layer i. adjacent brings queries and keys into the order of llama.cpp's older
// files, where RoPE's pairs are neighbours.
func (t *table) attention(i int, adjacent bool) {
	nq, nk := t.heads*t.dim, t.kvHeads*t.dim
	var q, k func(x []float32, rows, cols int)
	if adjacent {
		q, k = neighbours(t.heads), neighbours(t.kvHeads)
	}
	t.linear(i, "attn_q", "self_attn.q_proj", q, nq, t.width)
	t.linear(i, "attn_k", "self_attn.k_proj", k, nk, t.width)
	t.linear(i, "attn_v", "self_attn.v_proj", nil, nk, t.width)
	t.linear(i, "attn_output", "self_attn.o_proj", nil, t.width, nq)
}

// headNorms adds the norms of each head's queries and keys.
func (t *table) headNorms(i int, apply func(x []float32, rows, cols int)) {
	t.norm(i, "attn_q_norm", "self_attn.q_norm", apply, t.dim)
	t.norm(i, "attn_k_norm", "self_attn.k_norm", apply, t.dim)
}

// plain adds all tensors of the usual layer: two norms, attention and a feed-forward network.
func (t *table) plain(adjacent bool) {
	t.outer(nil)
	t.ropeTensors(t.dim)
	for i := range t.layers {
		t.norm(i, "attn_norm", "input_layernorm", nil, t.width)
		t.attention(i, adjacent)
		t.norm(i, "ffn_norm", "post_attention_layernorm", nil, t.width)
		t.glu(i)
	}
}

// sandwich adds the feed-forward network of a layer that normalises its operations' outputs as well, and those norms.
func (t *table) sandwich(i int) {
	t.norm(i, "post_attention_norm", "post_attention_layernorm", plusOne, t.width)
	t.norm(i, "ffn_norm", "pre_feedforward_layernorm", plusOne, t.width)
	t.glu(i)
	t.norm(i, "post_ffw_norm", "post_feedforward_layernorm", plusOne, t.width)
}

// queryScale puts the factor of attention's scores when readers would not assume it: they take the width of a head, or
// that of a head's share of the stream in the model with so many layers.
func (t *table) queryScale(layers int) {
	assumed := t.dim
	if t.layers == layers {
		assumed = t.width / t.heads
	}
	if q := t.positive(t.cfg, "query_pre_attn_scalar", 256); q != float64(assumed) {
		t.put("attention.scale", 1/math.Sqrt(q))
	}
}

// experts is the number of experts.
func (t *table) experts() int {
	return t.whole("num_experts", t.whole("num_local_experts", 128, maxExperts), maxExperts)
}

// moe adds the router and the experts of layer i.
func (t *table) moe(i, experts, hidden int) {
	// Names of experts that are not there could fill the memory.
	if last := t.from(i, fmt.Sprintf("mlp.experts.%d.gate_proj.weight", experts-1)); !t.has(last) {
		t.fail(t.cfg.fail("num_experts", "%d experts, but there is no tensor %s", experts, last))
		return
	}
	t.add(name(i, "ffn_gate_inp.weight"), t.from(i, "mlp.gate.weight"), nil, t.width, experts)
	t.tensors[len(t.tensors)-1].F32 = true // it chooses: rounding it changes more than a little
	for _, m := range []struct {
		part, from string
		rows, cols int
	}{{"ffn_gate_exps", "gate_proj", hidden, t.width}, {"ffn_up_exps", "up_proj", hidden, t.width}, {"ffn_down_exps", "down_proj", t.width, hidden}} {
		var from []string
		for e := range experts {
			from = append(from, t.from(i, fmt.Sprintf("mlp.experts.%d.%s.weight", e, m.from)))
		}
		t.tensors = append(t.tensors, TensorMap{Name: name(i, m.part+".weight"), From: from, Dims: []int{m.cols, m.rows, experts}})
	}
}

// glu adds the feed-forward network of layer i.
func (t *table) glu(i int) {
	t.linear(i, "ffn_gate", "mlp.gate_proj", nil, t.hidden, t.width)
	t.linear(i, "ffn_up", "mlp.up_proj", nil, t.hidden, t.width)
	t.linear(i, "ffn_down", "mlp.down_proj", nil, t.width, t.hidden)
}

// neighbours moves the rows of each head from halves (j and j + d/2 are a pair) to neighbours (2j and 2j + 1).
func neighbours(heads int) func(x []float32, rows, cols int) {
	return func(x []float32, rows, cols int) {
		d := rows / heads
		head := make([]float32, d*cols)
		for ; len(x) >= len(head) && len(head) > 0; x = x[len(head):] {
			copy(head, x)
			for j := range d / 2 {
				copy(x[2*j*cols:(2*j+1)*cols], head[j*cols:])
				copy(x[(2*j+1)*cols:(2*j+2)*cols], head[(j+d/2)*cols:])
			}
		}
	}
}

// plusOne adds 1: some norms are stored as the difference from it.
func plusOne(x []float32, _, _ int) {
	for i := range x {
		x[i]++
	}
}

// importing makes the import of those model types. build reads a configuration and puts the hyper-parameters; tensors
// adds the tensors to its table.
func importing(types []string, build func(cfg Config) *table, tensors func(t *table)) Import {
	return Import{ModelTypes: types, Ignore: ignored,
		Meta: func(cfg Config) ([]KV, error) {
			t := build(cfg)
			return t.kv, t.err
		},
		Tensors: func(cfg Config, has func(string) bool) ([]TensorMap, error) {
			t := build(cfg)
			if t.err != nil {
				return nil, t.err
			}
			t.has = has
			tensors(t)
			return t.tensors, t.err
		}}
}

// ignored are tensors that no architecture here reads: a tied head's copy and RoPE's frequencies.
var ignored = []string{"*lm_head.weight", "*rotary_emb.inv_freq"}
