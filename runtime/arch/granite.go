package arch

import (
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	register(Arch{Names: []string{"granite"}, build: granite, Import: importing([]string{"granite"}, graniteTable, func(t *table) { t.plain(true) })})
}

// granite has factors for embeddings, attention scores, branches and logits.
func granite(d *decoder) *layer.Net {
	rope := d.rope(true)
	positions := d.truth("rope.scaling.finetuned", true) // here that key says whether there is RoPE at all
	d.attend(func(int) attention.Layer {
		l := attention.Layer{Score: d.score(rsqrt(d.dim))}
		if positions {
			l.Pos = rope
		}
		return l
	})
	n := d.net()
	n.EmbedScale = d.factorOr("embedding_scale", 1)
	n.LogitScale = 1 / d.factorOr("logit_scale", 1)
	d.branchScale = d.factorOr("residual_scale", 1)
	d.stack(n, func(i int) (attn, ffn seq.Op) { return d.attention(i), d.glu(i, layer.SiLU) })
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
