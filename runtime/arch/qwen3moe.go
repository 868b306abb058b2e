package arch

import (
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	register(Arch{Names: []string{"qwen3moe"}, build: qwen3moe, Import: importing([]string{"qwen3_moe"}, qwen3moeTable, qwen3moeTensors)})
}

// qwen3moe is Qwen 3 with experts in every layer, their weights made to add up to 1.
func qwen3moe(d *decoder) *layer.Net {
	renormalise := d.truth("expert_weights_norm", true)
	return d.plain(false, func(i int) (attn, ffn seq.Op) { return d.normed(d.attention(i), i), d.moe(i, layer.SiLU, renormalise) })
}

func qwen3moeTable(cfg Config) *table {
	u := usual{dim: 128}
	t := newTable("qwen3moe", cfg, u)
	t.common(u)
	t.activation("silu", "hidden_act")
	t.rope(10000)
	t.put("expert_count", t.experts())
	t.put("expert_used_count", t.whole("num_experts_per_tok", 8, maxExperts))
	t.put("expert_feed_forward_length", t.whole("moe_intermediate_size", 768, maxHidden))
	if !t.truth("norm_topk_prob", false) {
		t.put("expert_weights_norm", false)
	}
	if t.truth("use_sliding_window", false) {
		t.sliding(everyLayer, everyLayer)
	}
	if dense, err := cfg.Floats("mlp_only_layers"); err != nil || len(dense) > 0 || t.whole("decoder_sparse_step", 1, maxLayers) != 1 {
		t.fail(cfg.fail("mlp_only_layers", "layers without experts are not supported"))
	}
	return t
}

func qwen3moeTensors(t *table) {
	t.outer(nil)
	hidden, experts := t.whole("moe_intermediate_size", 768, maxHidden), t.experts()
	for i := range t.layers {
		t.norm(i, "attn_norm", "input_layernorm", nil, t.width)
		t.attention(i, false)
		t.headNorms(i, nil)
		t.norm(i, "ffn_norm", "post_attention_layernorm", nil, t.width)
		t.moe(i, experts, hidden)
	}
}
