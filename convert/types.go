package convert

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/runtime/layer"
)

// ErrType is wrapped by the error for a type that cannot be written.
var ErrType = errors.New("unknown type")

// mixture is what --type names: a format, and which tensors get a better one. The rules are those with which GGUF files are
// usually made, so that sizes and quality are what people expect of the name.
type mixture struct {
	name string // as in file names: "Q4_K_M"
	base quant.Type
	file uint32 // general.file_type

	values func(i, n int) (quant.Type, bool) // attention values, layer i of n
	down   func(i, n int) (quant.Type, bool) // the feed-forward's last matrix
	output quant.Type                        // attention output; 0: base
}

// outer is true for the first and last eighth of the layers and every third between: where errors cost most.
func outer(i, n int) bool { return i < n/8 || i >= 7*n/8 || (i-n/8)%3 == 2 }

func always(t quant.Type) func(i, n int) (quant.Type, bool) {
	return func(int, int) (quant.Type, bool) { return t, true }
}

func where(t quant.Type, in func(i, n int) bool) func(i, n int) (quant.Type, bool) {
	return func(i, n int) (quant.Type, bool) { return t, in(i, n) }
}

func firstEighth(i, n int) bool { return i < n/8 }

func firstLayers(k int) func(i, n int) bool { return func(i, _ int) bool { return i < k } }

// fewThenMany is a for the layers that in tells and b for the others.
func fewThenMany(a quant.Type, in func(i, n int) bool, b quant.Type) func(i, n int) (quant.Type, bool) {
	return func(i, n int) (quant.Type, bool) {
		if in(i, n) {
			return a, true
		}
		return b, true
	}
}

var mixtures = []mixture{
	{name: "F32", base: quant.F32, file: 0},
	{name: "F16", base: quant.F16, file: 1},
	{name: "BF16", base: quant.BF16, file: 32},
	{name: "Q8_0", base: quant.Q8_0, file: 7},
	{name: "Q6_K", base: quant.Q6_K, file: 18},
	{name: "Q5_K_M", base: quant.Q5_K, file: 17, values: where(quant.Q6_K, outer), down: where(quant.Q6_K, outer)},
	{name: "Q5_K_S", base: quant.Q5_K, file: 16},
	{name: "Q5_1", base: quant.Q5_1, file: 9},
	{name: "Q5_0", base: quant.Q5_0, file: 8},
	{name: "Q4_K_M", base: quant.Q4_K, file: 15, values: where(quant.Q6_K, outer), down: where(quant.Q6_K, outer)},
	{name: "Q4_K_S", base: quant.Q4_K, file: 14, values: where(quant.Q5_K, firstLayers(4)), down: where(quant.Q5_K, firstEighth)},
	{name: "IQ4_NL", base: quant.IQ4_NL, file: 25, down: where(quant.Q5_K, firstEighth)},
	{name: "Q4_1", base: quant.Q4_1, file: 3},
	{name: "Q4_0", base: quant.Q4_0, file: 2},
	{name: "MXFP4", base: quant.MXFP4, file: 38},
	{name: "Q3_K_L", base: quant.Q3_K, file: 13, values: always(quant.Q5_K), down: always(quant.Q5_K), output: quant.Q5_K},
	{name: "Q3_K_M", base: quant.Q3_K, file: 12, values: fewThenMany(quant.Q5_K, firstLayers(2), quant.Q4_K),
		down: fewThenMany(quant.Q5_K, func(i, n int) bool { return i < n/16 }, quant.Q4_K), output: quant.Q4_K},
	{name: "Q3_K_S", base: quant.Q3_K, file: 11},
	{name: "Q2_K", base: quant.Q2_K, file: 10, values: always(quant.Q3_K), down: always(quant.Q3_K), output: quant.Q3_K},
	{name: "Q2_K_S", base: quant.Q2_K, file: 21, down: where(quant.Q4_K, firstEighth)},
}

// shortNames are the names without a size: the medium mixture.
var shortNames = map[string]string{"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}

// Types lists the names that Options.Type takes, best quality first.
func Types() []string {
	var names []string
	for _, m := range mixtures {
		names = append(names, m.name)
	}
	return names
}

func findMixture(name string) (*mixture, error) {
	up := strings.ToUpper(name)
	if long, ok := shortNames[up]; ok {
		up = long
	}
	for i := range mixtures {
		if mixtures[i].name == up {
			return &mixtures[i], nil
		}
	}
	return nil, fmt.Errorf("%w: %q (known: %s)", ErrType, name, strings.Join(Types(), ", "))
}

// chooser picks each tensor's type.
type chooser struct {
	mix      *mixture
	pure     bool     // mix.base everywhere
	keep     []string // patterns of names whose tensors stay as they are
	tied     bool     // no output matrix: the embedding is one
	weighted bool     // there is an importance matrix
	layers   int
	grouped  bool // four or more query heads per key head: values cost little and matter much
	experts  int

	fallbacks map[string]int // "Q4_K → Q5_0": tensors
}

func newChooser(o *Options, mix *mixture, names func(yield func(string) bool), meta *gguf.Meta, weighted bool) *chooser {
	c := &chooser{mix: mix, pure: o.Pure, keep: o.Keep, tied: true, weighted: weighted, fallbacks: map[string]int{}}
	names(func(name string) bool {
		if name == "output.weight" {
			c.tied = false
		}
		if i, ok := layerOf(name); ok {
			c.layers = max(c.layers, i+1)
		}
		return true
	})
	// Broken or missing numbers are the reader's business; here they only choose between formats.
	arch, _ := meta.StringOr("general.architecture", "")
	heads, _ := meta.IntOr(arch+".attention.head_count", 0)
	kv, _ := meta.IntOr(arch+".attention.head_count_kv", heads)
	c.grouped = kv > 0 && heads/kv >= 4
	experts, _ := meta.IntOr(arch+".expert_count", 0)
	c.experts = int(experts)
	return c
}

// layerOf returns N of "blk.N.…".
func layerOf(name string) (n int, ok bool) {
	rest, ok := strings.CutPrefix(name, "blk.")
	if !ok {
		return 0, false
	}
	i := 0
	for ; i < len(rest) && i < 6 && rest[i] >= '0' && rest[i] <= '9'; i++ {
		n = n*10 + int(rest[i]-'0')
	}
	return n, i > 0
}

// quantizable tells whether a tensor may get another type than F32: matrices of weights, but no norm, router, learned memory or other small one.
func quantizable(name string, dims []int) bool {
	rows := 0
	for _, d := range dims {
		if d > 1 {
			rows++
		}
	}
	if product, _, ok := layer.Factored(name); ok {
		name = product
	}
	return rows > 1 && strings.HasSuffix(name, "weight") && !strings.Contains(name, "_norm.weight") &&
		!strings.Contains(name, "ffn_gate_inp.weight") && name != "fold_embd.weight"
}

// choose returns the type for a tensor that may be quantised.
func (c *chooser) choose(name string, dims []int) quant.Type {
	t := c.mix.base
	if f, ok := quant.Lookup(t); ok && f.Group > 0 && !c.pure {
		t = c.mixed(name, dims)
	}
	return c.fit(t, dims[0])
}

// mixed applies the mixture's rules. Factors follow those of their product.
func (c *chooser) mixed(name string, dims []int) quant.Type {
	if product, _, ok := layer.Factored(name); ok {
		name = product
	}
	t, m := c.mix.base, c.mix
	i, _ := layerOf(name)
	has := func(part string) bool { return strings.Contains(name, part) }
	pick := func(rule func(i, n int) (quant.Type, bool)) quant.Type {
		if rule != nil {
			if better, ok := rule(i, c.layers); ok {
				return better
			}
		}
		return t
	}
	embedding := name == "token_embd.weight"
	switch {
	case name == "output.weight" || c.tied && embedding:
		// The head sees every error directly.
		if f, ok := quant.Lookup(t); t == quant.Q8_0 || t == quant.MXFP4 || ok && dims[0]%f.Elems != 0 {
			return quant.Q8_0
		}
		return quant.Q6_K
	case m.base == quant.MXFP4: // meant for experts
		if len(dims) > 2 && dims[2] > 1 {
			return t
		}
		return quant.Q8_0
	case embedding:
		return t
	case has("attn_v.weight") || has("attn_qkv.weight") || has("attn_kv_b.weight"):
		if c.experts == 8 {
			return quant.Q8_0
		}
		switch {
		case c.grouped && t == quant.Q2_K:
			return quant.Q4_K
		case c.grouped && t == quant.IQ4_NL:
			return quant.Q5_K
		}
		return pick(m.values)
	case has("attn_k.weight") && c.experts == 8:
		return quant.Q8_0
	case has("ffn_down"):
		if c.weighted && firstEighth(i, c.layers) {
			switch t { // without an offset these fail in the first layers, weighted or not
			case quant.Q4_0:
				return quant.Q4_1
			case quant.Q5_0:
				return quant.Q5_1
			}
		}
		if c.weighted && t == quant.IQ4_NL {
			return t
		}
		return pick(m.down)
	case has("attn_output.weight") && c.experts == 8 && (t == quant.Q2_K && m.name != "Q2_K_S" || t == quant.Q3_K && m.name != "Q3_K_L" ||
		t == quant.Q4_K || t == quant.IQ4_NL):
		return quant.Q5_K
	case has("attn_output.weight") && m.output != 0:
		return m.output
	}
	return t
}

// fallback is what a type of 256-blocks becomes when rows do not divide by 256.
var fallback = map[quant.Type]quant.Type{quant.Q2_K: quant.Q4_0, quant.Q3_K: quant.Q4_0, quant.Q4_K: quant.Q5_0,
	quant.Q5_K: quant.Q5_1, quant.Q6_K: quant.Q8_0}

// fit replaces t where rows of cols values are not whole blocks of it.
func (c *chooser) fit(t quant.Type, cols int) quant.Type {
	whole := func(t quant.Type) bool {
		f, ok := quant.Lookup(t)
		return ok && cols%f.Elems == 0
	}
	if whole(t) {
		return t
	}
	to, ok := fallback[t]
	if !ok || !whole(to) {
		to = quant.F16
	}
	c.fallbacks[fmt.Sprintf("%v → %v", t, to)]++
	return to
}

// warning says which fallbacks were taken; "" for none.
func (c *chooser) warning() string {
	var list []string
	for what, n := range c.fallbacks {
		list = append(list, fmt.Sprintf("%s (%d)", what, n))
	}
	slices.Sort(list)
	if list == nil {
		return ""
	}
	return "rows are not whole blocks, so these types were replaced: " + strings.Join(list, ", ")
}
