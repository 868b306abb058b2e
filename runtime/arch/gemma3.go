package arch

import (
	"math"
	"slices"

	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	i := importing([]string{"gemma3_text", "gemma3"}, gemma3Table, gemma3Tensors)
	i.Ignore = append(slices.Clone(i.Ignore), "*vision_tower.*", "*multi_modal_projector.*")
	register(Arch{Names: []string{"gemma3"}, build: gemma3, Import: i})
}

// gemma3Large is the number of layers of the 27B model, whose scores have a factor of their own.
const gemma3Large = 62

// gemma3 has five layers with a sliding window to one that sees everything. The two kinds rotate with different bases,
// and only the latter stretches positions.
func gemma3(d *decoder) *layer.Net {
	windows := d.windows(d.layers, 0, 6)
	d.attend(windows, d.queryScale(gemma3Large), d.twoRopes(d.rope(false), windows, 10000))
	n := d.net()
	n.EmbedScale = float32(math.Sqrt(float64(d.width)))
	n.Softcap = d.capOr("final_logit_softcapping")
	d.sandwich(n, func(i int) (attn, ffn seq.Op) { return d.normed(d.attention(i), i), d.glu(i, layer.GELU) })
	return n
}

// gemma3Table also reads the text part of the models that see images.
func gemma3Table(cfg Config) *table {
	text := cfg
	if cfg.Has("text_config") {
		var err error
		if text, err = cfg.Sub("text_config"); err != nil {
			return &table{err: err}
		}
	}
	u := usual{heads: 8, kvHeads: 4, dim: 256, vocab: 262208, context: 131072}
	t := newTable("gemma3", text, u)
	t.common(u)
	t.activation("gelu_pytorch_tanh", "hidden_activation")
	t.rope(1000000)
	period := t.whole("sliding_window_pattern", t.whole("_sliding_window_pattern", 6, maxLayers), maxLayers)
	if period != 1 {
		t.sliding(allBut(6), allBut(period))
	}
	t.putSet("attn_logit_softcapping", t.number(text, "attn_logit_softcapping", 0))
	t.putSet("final_logit_softcapping", t.number(text, "final_logit_softcapping", 0))
	t.queryScale(gemma3Large)
	return t
}

func gemma3Tensors(t *table) {
	for _, prefix := range []string{"language_model.model.", "model.language_model."} {
		if t.has(prefix + "embed_tokens.weight") {
			t.prefix = prefix
		}
	}
	t.outer(plusOne)
	for i := range t.layers {
		t.norm(i, "attn_norm", "input_layernorm", plusOne, t.width)
		t.attention(i, false)
		t.headNorms(i, plusOne)
		t.sandwich(i)
	}
}
