package arch

import (
	"math"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	register(Arch{Names: []string{"minicpm"}, build: minicpm, Import: importing([]string{"minicpm"}, minicpmTable, func(t *table) { t.plain(true) })})
}

// minicpm scales embeddings, branches and logits. Old files lack the factors; the defaults are those of MiniCPM-2B.
func minicpm(d *decoder) *layer.Net {
	rope := d.rope(true)
	d.attend(func(int) attention.Layer {
		return attention.Layer{Pos: rope, Score: d.score(rsqrt(d.dim))}
	})
	n := d.net()
	n.EmbedScale = d.factorOr("embedding_scale", 12)
	n.LogitScale = 1 / d.factorOr("logit_scale", float64(d.width)/256)
	d.branchScale = d.factorOr("residual_scale", 1.4/math.Sqrt(float64(d.layers)))
	d.stack(n, func(i int) (attn, ffn seq.Op) { return d.attention(i), d.glu(i, layer.SiLU) })
	return n
}

func minicpmTable(cfg Config) *table {
	t := newTable("minicpm", cfg, usual{})
	t.common(usual{})
	t.activation("silu", "hidden_act")
	t.rope(10000)
	t.put("embedding_scale", t.number(cfg, "scale_emb", 1))
	t.put("residual_scale", t.number(cfg, "scale_depth", 1)/math.Sqrt(float64(t.layers)))
	t.put("logit_scale", float64(t.width)/float64(t.whole("dim_model_base", 1, maxWidth)))
	t.put("vocab_size", t.vocab)
	return t
}
