package arch

import (
	"math"

	"github.com/godwit-ai/godwit/runtime/layer"
)

func init() {
	register(Arch{Names: []string{"minicpm"}, build: minicpm, Import: importing([]string{"minicpm"}, minicpmTable, func(t *table) { t.plain(true) })})
}

// minicpm scales embeddings, branches and logits. Old files lack the factors; the defaults are those of MiniCPM-2B.
func minicpm(d *decoder) *layer.Net {
	d.attend(make([]int, d.layers), rsqrt(d.dim), everywhere(d.rope(true)))
	n := d.net()
	d.scale(n, 12, 1.4/math.Sqrt(float64(d.layers)), float64(d.width)/256)
	d.stack(n, d.dense)
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
