package arch

import (
	"fmt"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
)

// Tensors with divisors of RoPE's frequencies, shared by all layers.
const (
	ropeFactors = "rope_freqs.weight"
	ropeShort   = "rope_factors_short.weight"
	ropeLong    = "rope_factors_long.weight"
)

// rope reads the rotary embedding: base, rotated width, scaling and the tensors of divisors. adjacent is the order of
// pairs that the architecture's files have.
func (d *decoder) rope(adjacent bool) attention.Rope {
	r := attention.Rope{Adjacent: adjacent, Base: d.numberOr("rope.freq_base", 10000, 1.0001, 1e15)}
	dims := d.wholeOr("rope.dimension_count", d.dim, 2, d.dim)
	if dims%2 != 0 {
		d.fail(fmt.Errorf("%s.rope.dimension_count: %w: %d is odd", d.arch, gguf.ErrRange, dims))
	}
	if dims != d.dim {
		r.Dims = dims
	}
	if d.w.Has(ropeFactors) {
		r.Factors = d.w.Vector(ropeFactors, dims/2)
	}
	r.Scaling = d.scaling(dims)
	return r
}

// scaling reads the context extension that the model was trained with.
func (d *decoder) scaling(dims int) attention.Scaling {
	const most = 1e6
	factor := d.numberOr("rope.scaling.factor", d.numberOr("rope.scale_linear", 1, 0, most), 0, most)
	if factor == 0 {
		factor = 1 // as older writers have it
	}
	orig := d.wholeOr("rope.scaling.original_context_length", d.context, 1, maxContext)
	attn := d.numberOr("rope.scaling.attn_factor", 0, 0, most)
	if d.w.Has(ropeLong) || d.w.Has(ropeShort) {
		// Two sets of divisors in one text do not understand each other, so the set is that of a text as long as the
		// trained context. A plan for short texts names another len.
		l := attention.Long{Orig: orig, Attn: attn, Len: d.context, Factor: max(1, float64(d.context)/float64(orig))}
		l.Short, l.Long = d.w.Vector(ropeShort, dims/2), d.w.Vector(ropeLong, dims/2)
		return l
	}
	switch kind := d.text("rope.scaling.type", "linear"); kind {
	case "none":
		return nil
	case "linear":
		if factor == 1 {
			return nil
		}
		return attention.Linear{Factor: factor}
	case "yarn":
		return attention.YaRN{Factor: factor, Orig: orig,
			Attn: d.numberOr("rope.scaling.yarn_attn_factor", attn, 0, most),
			Fast: d.numberOr("rope.scaling.yarn_beta_fast", 0, 0, most),
			Slow: d.numberOr("rope.scaling.yarn_beta_slow", 0, 0, most)}
	default:
		d.fail(fmt.Errorf("%s.rope.scaling.type: %w: %q is not known", d.arch, gguf.ErrRange, kind))
		return nil
	}
}
