package arch

import "github.com/godwit-ai/godwit/runtime/layer"

func init() {
	register(Arch{Names: []string{"llama"}, build: llama, Import: importing([]string{"llama", "mistral"}, llamaTable, func(t *table) { t.plain(true) })})
}

// llama is Llama 2 and 3, SmolLM2 and Mistral with its sliding window.
func llama(d *decoder) *layer.Net { return d.plain(true, d.dense) }

func llamaTable(cfg Config) *table {
	t := newTable("llama", cfg, usual{})
	t.common(usual{})
	t.activation("silu", "hidden_act")
	t.rope(0)
	t.sliding(everyLayer, everyLayer)
	t.put("vocab_size", t.vocab)
	t.put("rope.dimension_count", t.dim)
	return t
}
