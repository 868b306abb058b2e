package arch

import (
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	register(Arch{Names: []string{"qwen3"}, build: qwen3, Import: importing([]string{"qwen3"}, qwen3Table, qwen3Tensors)})
}

// qwen3 normalises each head's queries and keys.
func qwen3(d *decoder) *layer.Net {
	return d.plain(false, func(i int) (attn, ffn seq.Op) { return d.normed(d.attention(i), i), d.glu(i, layer.SiLU) })
}

func qwen3Table(cfg Config) *table {
	u := usual{dim: 128}
	t := newTable("qwen3", cfg, u)
	t.common(u)
	t.activation("silu", "hidden_act")
	t.rope(10000)
	t.lateWindows()
	return t
}

func qwen3Tensors(t *table) {
	t.outer(nil)
	for i := range t.layers {
		t.norm(i, "attn_norm", "input_layernorm", nil, t.width)
		t.attention(i, false)
		t.headNorms(i, nil)
		t.norm(i, "ffn_norm", "post_attention_layernorm", nil, t.width)
		t.glu(i)
	}
}
