package arch

import "github.com/godwit-ai/godwit/runtime/layer"

func init() {
	register(Arch{Names: []string{"qwen2"}, build: qwen2, Import: importing([]string{"qwen2"}, qwen2Table, func(t *table) { t.plain(false) })})
}

// qwen2 has biases on queries, keys and values, which are claimed wherever they are.
func qwen2(d *decoder) *layer.Net { return d.plain(false, d.dense) }

func qwen2Table(cfg Config) *table {
	t := newTable("qwen2", cfg, usual{})
	t.common(usual{})
	t.activation("silu", "hidden_act")
	t.rope(10000)
	t.lateWindows()
	return t
}
