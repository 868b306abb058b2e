package arch

import "github.com/godwit-ai/godwit/runtime/layer"

func init() {
	register(Arch{Names: []string{"olmo2"}, build: olmo2, Import: importing([]string{"olmo2", "olmo3"}, olmo2Table, olmo2Tensors)})
}

// olmo2 is OLMo 2 and 3: operations work on the stream itself and their outputs are normalised; queries and keys are
// normalised over all heads together. Layers with a sliding window (OLMo 3) do not stretch positions.
func olmo2(d *decoder) *layer.Net {
	rope, windows := d.rope(false), d.windows(d.layers, 0, 4)
	d.attend(windows, rsqrt(d.dim), d.twoRopes(rope, windows, rope.Base))
	n := d.net()
	for i := range d.layers {
		a := d.attention(i)
		a.QNorm, a.KNorm = d.norm(i, "attn_q_norm", d.heads*d.dim), d.norm(i, "attn_k_norm", d.kvHeads*d.dim)
		n.Stack = append(n.Stack,
			layer.Branch{Op: a, Post: d.norm(i, "post_attention_norm", d.width)},
			layer.Branch{Op: d.glu(i, layer.SiLU), Post: d.norm(i, "post_ffw_norm", d.width)})
	}
	return n
}

func olmo2Table(cfg Config) *table {
	t := newTable("olmo2", cfg, usual{})
	t.common(usual{})
	t.activation("silu", "hidden_act")
	t.rope(10000)
	t.sliding(allBut(4), allBut(4))
	return t
}

func olmo2Tensors(t *table) {
	t.outer(nil)
	for i := range t.layers {
		t.attention(i, false)
		t.norm(i, "attn_q_norm", "self_attn.q_norm", nil, t.heads*t.dim)
		t.norm(i, "attn_k_norm", "self_attn.k_norm", nil, t.kvHeads*t.dim)
		t.norm(i, "post_attention_norm", "post_attention_layernorm", nil, t.width)
		t.glu(i)
		t.norm(i, "post_ffw_norm", "post_feedforward_layernorm", nil, t.width)
	}
}
