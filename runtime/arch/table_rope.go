package arch

import (
	"math"
	"strings"
)

// ropeConfig returns RoPE's parameters, of the layers that see everything where two kinds differ, and of those with a
// sliding window. Newer files have rope_parameters, older ones rope_scaling and top-level keys.
func (t *table) ropeConfig() (full, local Config) {
	p := t.sub(t.cfg, "rope_parameters")
	if p.m == nil {
		p = t.sub(t.cfg, "rope_scaling")
	}
	if p.Has("full_attention") {
		return t.sub(p, "full_attention"), t.sub(p, "sliding_attention")
	}
	return p, Config{}
}

// rope puts the parameters of RoPE: base (def when the configuration has none; 0: none is put), its base in layers with a
// sliding window, and the scaling.
func (t *table) rope(def float64) {
	full, local := t.ropeConfig()
	t.putSet("rope.freq_base", t.number(full, "rope_theta", t.number(t.cfg, "rope_theta", def)))
	t.putSet("rope.freq_base_swa", t.number(local, "rope_theta", t.number(t.cfg, "rope_local_base_freq", 0)))
	switch kind := t.ropeType(full); kind {
	case "", "default", "none", "llama3": // llama3 is a tensor of factors
	case "dynamic": // changes nothing within the trained context; longer ones are the plan's business
	case "linear":
		t.put("rope.scaling.type", "linear")
		t.put("rope.scaling.factor", t.number(full, "factor", 1))
	case "yarn":
		t.yarn(full)
	case "longrope", "su":
		t.longRope(full)
	default:
		t.fail(full.fail("rope_type", "%q is not known", kind))
	}
}

func (t *table) ropeType(p Config) string {
	for _, key := range []string{"rope_type", "type"} {
		s, err := p.StringOr(key, "")
		if err != nil {
			t.fail(err)
		}
		if s != "" {
			return strings.ToLower(s)
		}
	}
	return ""
}

func (t *table) yarn(p Config) {
	factor := t.number(p, "factor", 1)
	t.put("rope.scaling.type", "yarn")
	t.put("rope.scaling.factor", factor)
	orig, err := p.IntOr("original_max_position_embeddings", t.context(usual{}))
	if err != nil {
		t.fail(err)
	}
	t.put("rope.scaling.original_context_length", orig)
	if cut, err := p.BoolOr("truncate", true); err != nil || !cut {
		t.fail(p.fail("truncate", "GGUF has no key for a ramp that is not rounded"))
	}
	attn := t.number(p, "attention_factor", 0)
	if m, all := t.number(p, "mscale", 0), t.number(p, "mscale_all_dim", 0); attn == 0 && m != 0 && all != 0 && factor > 1 {
		attn = (0.1*m*math.Log(factor) + 1) / (0.1*all*math.Log(factor) + 1)
	}
	t.putSet("rope.scaling.yarn_attn_factor", attn)
	t.putSet("rope.scaling.yarn_beta_fast", t.number(p, "beta_fast", 0))
	t.putSet("rope.scaling.yarn_beta_slow", t.number(p, "beta_slow", 0))
}

// putSet puts a number unless it is 0.
func (t *table) putSet(key string, x float64) {
	if x != 0 {
		t.put(key, x)
	}
}

func (t *table) longRope(p Config) {
	context := t.context(usual{})
	orig := t.longOrig(p, context)
	t.put("rope.scaling.type", "longrope")
	t.put("rope.scaling.original_context_length", orig)
	attn := t.number(p, "attention_factor", 0)
	if attn == 0 {
		attn = 1
		if f := t.number(p, "factor", float64(context)/float64(orig)); f > 1 {
			attn = math.Sqrt(1 + math.Log(f)/math.Log(float64(orig)))
		}
	}
	t.put("rope.scaling.attn_factor", attn)
}

func (t *table) longOrig(p Config, context int) int {
	orig, err := t.cfg.IntOr("original_max_position_embeddings", context)
	if err == nil {
		orig, err = p.IntOr("original_max_position_embeddings", orig)
	}
	if err == nil && orig < 2 {
		err = t.cfg.fail("original_max_position_embeddings", "%d is too small", orig)
	}
	if err != nil {
		t.fail(err)
		return 2
	}
	return orig
}

// ropeTensors adds the divisors of RoPE's frequencies over dims values, where the scaling has such.
func (t *table) ropeTensors(dims int) {
	p, _ := t.ropeConfig()
	switch t.ropeType(p) {
	case "llama3":
		if dims < 2 {
			t.fail(t.cfg.fail("head_dim", "%d values have no pairs to rotate", dims))
			return
		}
		t.values(ropeFactors, t.llama3(p, dims))
	case "longrope", "su":
		t.values(ropeLong, t.factors(p, "long_factor", dims))
		t.values(ropeShort, t.factors(p, "short_factor", dims))
	}
}

func (t *table) factors(p Config, key string, dims int) []float32 {
	list, err := p.Floats(key)
	if err == nil && len(list) != dims/2 {
		err = p.fail(key, "%d entries for %d pairs", len(list), dims/2)
	}
	if err != nil {
		t.fail(err)
	}
	out := make([]float32, len(list))
	for i, v := range list {
		out[i] = float32(v)
	}
	return out
}

// llama3 computes the divisors of Llama 3.1's scaling: pairs that turn less than low_freq_factor times within the
// trained context are slowed by factor, those that turn more than high_freq_factor times are left, and between it
// interpolates.
func (t *table) llama3(p Config, dims int) []float32 {
	base := t.positive(p, "rope_theta", t.positive(t.cfg, "rope_theta", 10000))
	factor, orig := t.positive(p, "factor", 8), t.positive(p, "original_max_position_embeddings", 8192)
	low, high := t.positive(p, "low_freq_factor", 1), t.positive(p, "high_freq_factor", 4)
	if low >= high {
		t.fail(p.fail("high_freq_factor", "%v is not above low_freq_factor, %v", high, low))
	}
	out := make([]float32, dims/2)
	for i := range out {
		turns := orig * math.Pow(base, -2*float64(i)/float64(dims)) / (2 * math.Pi)
		smooth := min(max((turns-low)/(high-low), 0), 1)
		out[i] = float32(1 / ((1-smooth)/factor + smooth))
	}
	return out
}
