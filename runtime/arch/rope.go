package arch

import (
	"fmt"
	"math"
	"reflect"

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
	r := attention.Rope{Adjacent: adjacent, Base: d.ropeBase("rope.freq_base", 10000)}
	dims := d.wholeOr("rope.dimension_count", d.dim, 2, d.dim)
	if dims%2 != 0 {
		d.fail(fmt.Errorf("%s.rope.dimension_count: %w: %d is odd", d.arch, gguf.ErrRange, dims))
	}
	if dims != d.dim {
		r.Dims = dims
	}
	if d.w.Has(ropeFactors) {
		r.Factors = d.divisors(ropeFactors, dims/2)
	}
	r.Scaling = d.scaling(dims)
	return r
}

// ropeBase reads a base, def when the key is missing.
func (d *decoder) ropeBase(key string, def float64) float64 {
	return d.numberOr(key, def, 1.0001, 1e15)
}

// divisors claims the divisors of n frequencies.
func (d *decoder) divisors(name string, n int) []float32 {
	x := d.w.Vector(name, n)
	for i, v := range x {
		if !(v > 0 && v <= math.MaxFloat32) {
			d.fail(fmt.Errorf("tensor %q: %w: value %d is %v, which divides nothing", name, gguf.ErrRange, i, v))
			break
		}
	}
	return x
}

// stretch reads a factor by which positions are stretched: 1 or more, def when the key is missing or, as older writers
// have it, 0.
func (d *decoder) stretch(key string, def float64) float64 {
	if f := d.zeroOr(key, 1, maxStretch); f != 0 {
		return f
	}
	return def
}

const maxStretch = 1e6

// scaling reads the context extension that the model was trained with.
func (d *decoder) scaling(dims int) attention.Scaling {
	const most = 100.0 // of the factor of queries and keys; models have at most 2, and keys are stored in f16
	factor := d.stretch("rope.scaling.factor", d.stretch("rope.scale_linear", 1))
	orig := d.wholeOr("rope.scaling.original_context_length", d.context, 1, maxContext)
	attn := d.zeroOr("rope.scaling.attn_factor", 1/most, most)
	kind := d.text("rope.scaling.type", "")
	if kind == "" && (d.w.Has(ropeLong) || d.w.Has(ropeShort)) {
		kind = "longrope" // older files say it by their tensors alone
	}
	switch kind {
	case "none":
		return nil
	case "linear", "":
		if factor == 1 {
			return nil
		}
		return attention.Linear{Factor: factor}
	case "yarn":
		if own := d.zeroOr("rope.scaling.yarn_attn_factor", 1/most, most); own != 0 {
			attn = own
		}
		return attention.YaRN{Factor: factor, Orig: orig, Attn: attn,
			Fast: d.zeroOr("rope.scaling.yarn_beta_fast", 1e-3, 1e6),
			Slow: d.zeroOr("rope.scaling.yarn_beta_slow", 1e-3, 1e6)}
	case "longrope":
		return d.longRope(orig, attn, dims)
	default:
		d.fail(fmt.Errorf("%s.rope.scaling.type: %w: %q is not known", d.arch, gguf.ErrRange, kind))
		return nil
	}
}

// longRope claims the two sets of divisors. The two in one text do not understand each other, so the set is that of a text
// as long as the trained context; a plan for short texts names another len.
func (d *decoder) longRope(orig int, attn float64, dims int) attention.Scaling {
	factor := max(1, float64(d.context)/float64(orig))
	if orig < 2 || factor > maxStretch {
		d.fail(fmt.Errorf("%s.rope.scaling.original_context_length: %w: %d for a context_length of %d", d.arch, gguf.ErrRange, orig, d.context))
	}
	return attention.Long{Orig: orig, Attn: attn, Len: d.context, Factor: factor,
		Short: d.divisors(ropeShort, dims/2), Long: d.divisors(ropeLong, dims/2)}
}

// ropes are the schemes of a model's layers, each fitted once: RoPE's tables take 3 KB for each pair of values, and the
// layers have one or two kinds of it.
type ropes []*fitted

// fitted is a scheme that makes its Positioner once for all layers; their heads have one width.
type fitted struct {
	attention.Scheme
	pos attention.Positioner
}

func (r *ropes) scheme(s attention.Scheme) attention.Scheme {
	rope, ok := s.(attention.Rope)
	if !ok {
		return s
	}
	for _, f := range *r {
		if reflect.DeepEqual(f.Scheme, s) { // a Rope holds slices
			return f
		}
	}
	f := &fitted{Scheme: rope}
	*r = append(*r, f)
	return f
}

// Fit implements attention.Scheme.
func (f *fitted) Fit(dim int) (pos attention.Positioner, err error) {
	if f.pos == nil {
		f.pos, err = f.Scheme.Fit(dim)
	}
	return f.pos, err
}
