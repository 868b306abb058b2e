package arch

import "github.com/godwit-ai/godwit/runtime/layer"

func init() {
	register(Arch{Names: []string{"phi3"}, build: phi3, Import: importing([]string{"phi3"}, phi3Table, phi3Tensors)})
}

// phi3 keeps queries, keys and values in one tensor, gate and up in another, and has long RoPE in its larger contexts.
func phi3(d *decoder) *layer.Net {
	d.fused = true
	return d.plain(false, d.dense)
}

func phi3Table(cfg Config) *table {
	u := usual{context: 4096}
	t := newTable("phi3", cfg, u)
	t.common(u)
	t.activation("silu", "hidden_act")
	t.rope(10000)
	t.put("rope.dimension_count", phi3Rotated(t))
	if cfg.Has("sliding_window") {
		t.sliding(everyLayer, everyLayer)
	} else {
		t.put("attention.sliding_window", 0)
	}
	return t
}

// phi3Rotated is how many values of a head are rotated.
func phi3Rotated(t *table) int {
	full, _ := t.ropeConfig()
	const key = "partial_rotary_factor"
	part := t.positive(full, key, t.positive(t.cfg, key, 1))
	if part > 1 {
		t.fail(t.cfg.fail(key, "%v is more than the whole head", part))
		return t.dim
	}
	return int(part * float64(t.dim))
}

func phi3Tensors(t *table) {
	t.outer(nil)
	t.ropeTensors(phi3Rotated(t))
	for i := range t.layers {
		t.norm(i, "attn_norm", "input_layernorm", nil, t.width)
		t.linear(i, "attn_qkv", "self_attn.qkv_proj", nil, (t.heads+2*t.kvHeads)*t.dim, t.width)
		t.linear(i, "attn_output", "self_attn.o_proj", nil, t.width, t.heads*t.dim)
		t.norm(i, "ffn_norm", "post_attention_layernorm", nil, t.width)
		t.linear(i, "ffn_up", "mlp.gate_up_proj", nil, 2*t.hidden, t.width)
		t.linear(i, "ffn_down", "mlp.down_proj", nil, t.width, t.hidden)
	}
}
