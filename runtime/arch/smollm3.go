package arch

import (
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/runtime/layer"
)

func init() {
	register(Arch{Names: []string{"smollm3"}, build: smollm3, Import: importing([]string{"smollm3"}, smollm3Table, func(t *table) { t.plain(true) })})
}

// noRopeStep is how often a layer of SmolLM3 gives its queries and keys no position.
const noRopeStep = 4

// smollm3 rotates in three layers of four.
func smollm3(d *decoder) *layer.Net {
	rope := d.rope(true)
	d.attend(d.windows(d.layers, 0, 0), rsqrt(d.dim), func(i int) attention.Scheme {
		if (i+1)%noRopeStep == 0 {
			return nil
		}
		return rope
	})
	n := d.net()
	d.stack(n, d.dense)
	return n
}

func smollm3Table(cfg Config) *table {
	t := newTable("smollm3", cfg, usual{})
	t.common(usual{})
	t.activation("silu", "hidden_act")
	t.rope(2000000)
	if rotated, err := cfg.Floats("no_rope_layers"); err != nil {
		t.fail(err)
	} else if rotated != nil {
		for i := range t.layers {
			if i >= len(rotated) || (rotated[i] != 0) != ((i+1)%noRopeStep != 0) {
				t.fail(cfg.fail("no_rope_layers", "GGUF files leave out RoPE in every %d-th layer, this model does not", noRopeStep))
			}
		}
	} else if step, err := cfg.IntOr("no_rope_layer_interval", noRopeStep); err != nil || step != noRopeStep {
		t.fail(cfg.fail("no_rope_layer_interval", "want %d", noRopeStep))
	}
	// A configuration without a list of layer types has no windows where there is no RoPE.
	if t.truth("use_sliding_window", false) {
		t.sliding(everyLayer, func(i int) bool { return (i+1)%noRopeStep != 0 })
	}
	t.put("vocab_size", t.vocab)
	t.put("rope.dimension_count", t.dim)
	return t
}
