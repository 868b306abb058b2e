package arch

import (
	"math"
	"slices"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	i := importing([]string{"gemma3_text", "gemma3"}, gemma3Table, gemma3Tensors)
	i.Ignore = append(slices.Clone(i.Ignore), "*vision_tower.*", "*multi_modal_projector.*")
	register(Arch{Names: []string{"gemma3"}, build: gemma3, Import: i})
}

// gemma3 has five layers with a sliding window to one that sees everything. The two kinds rotate with different bases,
// and only the latter stretches positions.
func gemma3(d *decoder) *layer.Net {
	global, windows := d.rope(false), d.windows(d.layers, 0, 6)
	local := global
	local.Base, local.Scaling = d.numberOr("rope.freq_base_swa", 10000, 1.0001, 1e15), nil
	scale := rsqrt(d.dim)
	if d.layers == 62 { // the 27B model alone
		scale = rsqrt(d.width / d.heads)
	}
	d.attend(func(i int) attention.Layer {
		l := attention.Layer{Span: span(windows[i]), Pos: global, Score: d.score(scale)}
		if windows[i] > 0 {
			l.Pos = local
		}
		return l
	})
	n := d.net()
	n.EmbedScale = float32(math.Sqrt(float64(d.width)))
	n.Softcap = d.capOr("final_logit_softcapping", 0)
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
	t.queryScale(62)
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
