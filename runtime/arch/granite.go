package arch

import (
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/runtime/layer"
)

func init() {
	register(Arch{Names: []string{"granite"}, build: granite, Import: importing([]string{"granite"}, graniteTable, func(t *table) { t.plain(true) })})
}

// granite has factors for embeddings, attention scores, branches and logits.
func granite(d *decoder) *layer.Net {
	pos := attention.Scheme(d.rope(true))
	if !d.truth("rope.scaling.finetuned", true) { // here that key says whether there is RoPE at all
		pos = nil
	}
	d.attend(make([]int, d.layers), rsqrt(d.dim), everywhere(pos))
	n := d.net()
	d.scale(n, 1, 1, 1)
	d.stack(n, d.dense)
	return n
}

func graniteTable(cfg Config) *table {
	t := newTable("granite", cfg, usual{})
	t.common(usual{})
	t.activation("silu", "hidden_act")
	t.rope(10000)
	t.put("vocab_size", t.vocab)
	t.put("rope.dimension_count", t.dim)
	t.put("attention.scale", t.number(cfg, "attention_multiplier", 1))
	t.put("embedding_scale", t.number(cfg, "embedding_multiplier", 1))
	t.put("residual_scale", t.number(cfg, "residual_multiplier", 1))
	t.put("logit_scale", t.number(cfg, "logits_scaling", 1))
	return t
}
