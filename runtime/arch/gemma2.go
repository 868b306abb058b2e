package arch

import (
	"math"

	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	register(Arch{Names: []string{"gemma2"}, build: gemma2, Import: importing([]string{"gemma2"}, gemma2Table, gemma2Tensors)})
}

// gemma2Large is the number of layers of the 27B model, whose scores have a factor of their own.
const gemma2Large = 46

// gemma2 alternates layers with and without a sliding window, and caps attention's and the last logits.
func gemma2(d *decoder) *layer.Net {
	d.attend(d.windows(d.layers, 4096, 2), d.queryScale(gemma2Large), everywhere(d.rope(false)))
	n := d.net()
	n.EmbedScale = float32(math.Sqrt(float64(d.width)))
	n.Softcap = d.capOr("final_logit_softcapping")
	d.sandwich(n, func(i int) (attn, ffn seq.Op) { return d.attention(i), d.glu(i, layer.GELU) })
	return n
}

func gemma2Table(cfg Config) *table {
	u := usual{heads: 8, kvHeads: 4, dim: 256, vocab: 256000, context: 8192}
	t := newTable("gemma2", cfg, u)
	t.common(u)
	t.activation("gelu_pytorch_tanh", "hidden_activation")
	t.rope(0)
	t.put("attn_logit_softcapping", t.number(cfg, "attn_logit_softcapping", 0))
	t.put("final_logit_softcapping", t.number(cfg, "final_logit_softcapping", 0))
	if cfg.Has("sliding_window") {
		t.sliding(allBut(2), allBut(2))
	} else {
		t.put("attention.sliding_window", 0)
	}
	t.queryScale(gemma2Large)
	return t
}

func gemma2Tensors(t *table) {
	t.outer(plusOne)
	for i := range t.layers {
		t.norm(i, "attn_norm", "input_layernorm", plusOne, t.width)
		t.attention(i, false)
		t.sandwich(i)
	}
}
