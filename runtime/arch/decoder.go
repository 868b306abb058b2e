package arch

import (
	"fmt"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// decoder is what builders build with: the hyper-parameters that all decoders have, and helpers that claim the tensors
// of GGUF's usual names. Errors stay inside; Build asks for them at the end.
type decoder struct {
	hyper
	w    *layer.Weights
	edit func(attention.Plan) (attention.Plan, error)

	layers, width, context, vocab int
	heads, kvHeads                int
	dim, vdim                     int // of a head
	eps                           float32
	branchScale                   float32 // of the residual branches; 0: 1
	fused                         bool    // files have attn_qkv and a double ffn_up; else they may

	plan  attention.Plan
	attns []*layer.Attention // [layers]; compose gives them their cores
}

// read takes in the common hyper-parameters.
func (d *decoder) read() {
	d.layers = d.whole("block_count", 1, maxLayers)
	d.width = d.whole("embedding_length", 1, maxWidth)
	d.context = d.whole("context_length", 1, maxContext)
	d.heads = d.whole("attention.head_count", 1, maxHeads)
	d.kvHeads = d.wholeOr("attention.head_count_kv", d.heads, 1, maxHeads)
	if d.heads%d.kvHeads != 0 {
		d.fail(fmt.Errorf("%s.attention.head_count_kv: %w: %d heads do not share %d", d.arch, gguf.ErrRange, d.heads, d.kvHeads))
	}
	d.dim = d.wholeOr("attention.key_length", max(1, d.width/d.heads), 1, maxDim)
	d.vdim = d.wholeOr("attention.value_length", max(1, d.width/d.heads), 1, maxDim)
	d.eps = float32(d.number("attention.layer_norm_rms_epsilon", 1e-12, 0.1))
	dims := d.w.Dims(embedName + ".weight")
	if len(dims) < 2 {
		return // net says what is wrong with it
	}
	d.vocab = dims[1]
	const tokens = "tokenizer.ggml.tokens"
	if _, n, _ := d.meta.Array(tokens); n > d.vocab {
		d.fail(fmt.Errorf("%s: %w: %d tokens, but %s has %d rows", tokens, gguf.ErrRange, n, embedName+".weight", d.vocab))
	}
}

const embedName = "token_embd"

// attend makes the plan. windows has each layer's sliding window, 0 for none; pos is how positions enter layer i; scale is the
// factor of the scores when the file has none.
func (d *decoder) attend(windows []int, scale float64, pos func(i int) attention.Scheme) {
	d.attns = make([]*layer.Attention, d.layers)
	score := attention.Score{Scale: d.factorOr("attention.scale", scale), Softcap: d.capOr("attn_logit_softcapping")}
	d.plan.Layers = make([]attention.Layer, d.layers)
	for i := range d.plan.Layers {
		l := attention.Layer{Pos: pos(i), Score: score}
		if windows[i] > 0 {
			l.Span = []attention.Span{attention.Window{N: seq.Pos(windows[i])}}
		}
		d.plan.Layers[i] = l
	}
	if d.err != nil {
		return
	}
	plan, err := d.folded(d.plan)
	if err == nil {
		plan, err = d.edit(plan)
	}
	if err == nil && len(plan.Layers) != d.layers {
		err = fmt.Errorf("plan: %w: %d layers, the model has %d", attention.ErrCompose, len(plan.Layers), d.layers)
	}
	if err != nil {
		d.fail(err)
		return
	}
	d.plan = plan
}

// everywhere has the same scheme in every layer.
func everywhere(s attention.Scheme) func(int) attention.Scheme {
	return func(int) attention.Scheme { return s }
}

// twoRopes has global in the layers without a window, and the same with another base, def unless the file names one, and
// without scaling in the others.
func (d *decoder) twoRopes(global attention.Rope, windows []int, def float64) func(i int) attention.Scheme {
	local := global
	local.Base, local.Scaling = d.ropeBase("rope.freq_base_swa", def), nil
	return func(i int) attention.Scheme {
		if windows[i] > 0 {
			return local
		}
		return global
	}
}

// queryScale is the factor of attention's scores by a head's width, or by its share of the stream in the model with so
// many layers.
func (d *decoder) queryScale(layers int) float64 {
	if d.layers == layers {
		return rsqrt(max(1, d.width/d.heads))
	}
	return rsqrt(d.dim)
}

// compose makes the cores of the plan. It runs when all tensors are known to be there: RoPE's tables take 3 KB for each
// pair of values, which a file of a few bytes could otherwise ask for in a thousand layers.
func (d *decoder) compose() error {
	var shared ropes
	var infused vectors
	for i, l := range d.plan.Layers {
		sh := attention.Shape{Layer: i, Heads: d.heads, KVHeads: d.kvHeads, Dim: d.dim, VDim: d.vdim}
		var err error
		if l.Pos, err = infused.project(d, i, shared.scheme(l.Pos)); err != nil {
			return fmt.Errorf("attention layer %d: %w", i, err)
		}
		if d.attns[i].Core, err = l.Core(sh); err != nil {
			return err
		}
	}
	return nil
}

// net claims what surrounds the stack. A file without a head has the embedding's.
func (d *decoder) net() *layer.Net {
	n := &layer.Net{Embed: d.w.Matrix(embedName+".weight", d.vocab, d.width)}
	n.Final = d.w.RMSNorm("output_norm", d.width, d.eps)
	n.Head = layer.Linear{W: n.Embed}
	if d.w.Has("output.weight") {
		n.Head = d.w.Linear("output", d.vocab, d.width)
	}
	n.Fold = d.foldVectors()
	return n
}

// name is a tensor of layer i.
func name(i int, part string) string { return fmt.Sprintf("blk.%d.%s", i, part) }

// norm claims a norm of layer i.
func (d *decoder) norm(i int, part string, width int) layer.Norm {
	return d.w.RMSNorm(name(i, part), width, d.eps)
}

// attention claims the projections of layer i, in one tensor or in three.
func (d *decoder) attention(i int) *layer.Attention {
	nq, nk, nv := d.heads*d.dim, d.kvHeads*d.dim, d.kvHeads*d.vdim
	a := &layer.Attention{Out: d.w.Linear(name(i, "attn_output"), d.width, d.heads*d.vdim)}
	d.attns[i] = a
	if d.w.Has(name(i, "attn_qkv.weight")) || d.fused && !d.w.Has(name(i, "attn_q.weight")) {
		all := d.w.Linear(name(i, "attn_qkv"), nq+nk+nv, d.width)
		a.Q, a.K, a.V = all.Part(0, nq), all.Part(nq, nq+nk), all.Part(nq+nk, nq+nk+nv)
		return a
	}
	a.Q = d.w.Linear(name(i, "attn_q"), nq, d.width)
	a.K = d.w.Linear(name(i, "attn_k"), nk, d.width)
	a.V = d.w.Linear(name(i, "attn_v"), nv, d.width)
	return a
}

// glu claims the feed-forward network of layer i. Gate and up may be one tensor, gate first, under up's name.
func (d *decoder) glu(i int, act layer.Activation) *layer.GLU {
	hidden := d.whole("feed_forward_length", 1, maxHidden)
	g := &layer.GLU{Act: act, Down: d.w.Linear(name(i, "ffn_down"), d.width, hidden)}
	up := d.w.Dims(name(i, "ffn_up.weight"))
	if !d.w.Has(name(i, "ffn_gate.weight")) && (d.fused || len(up) == 2 && up[1] == 2*hidden) {
		all := d.w.Linear(name(i, "ffn_up"), 2*hidden, d.width)
		g.Gate, g.Up = all.Part(0, hidden), all.Part(hidden, 2*hidden)
		return g
	}
	g.Gate = d.w.Linear(name(i, "ffn_gate"), hidden, d.width)
	g.Up = d.w.Linear(name(i, "ffn_up"), hidden, d.width)
	return g
}

// moe claims the experts of layer i.
func (d *decoder) moe(i int, act layer.Activation, renormalise bool) *layer.MoE {
	experts := d.whole("expert_count", 1, maxExperts)
	used := d.whole("expert_used_count", 1, experts)
	hidden := d.whole("expert_feed_forward_length", 1, maxHidden)
	return &layer.MoE{Act: act, Used: used, Renormalise: renormalise,
		Router: layer.Linear{W: d.w.Matrix(name(i, "ffn_gate_inp.weight"), experts, d.width)},
		Gate:   d.w.Experts(name(i, "ffn_gate_exps.weight"), experts, hidden, d.width),
		Up:     d.w.Experts(name(i, "ffn_up_exps.weight"), experts, hidden, d.width),
		Down:   d.w.Experts(name(i, "ffn_down_exps.weight"), experts, d.width, hidden)}
}

// normed claims the norms of each head's queries and keys in layer i.
func (d *decoder) normed(a *layer.Attention, i int) *layer.Attention {
	a.QNorm, a.KNorm = d.norm(i, "attn_q_norm", d.dim), d.norm(i, "attn_k_norm", d.dim)
	return a
}

// dense are the operations of the usual layer.
func (d *decoder) dense(i int) (attn, ffn seq.Op) { return d.attention(i), d.glu(i, layer.SiLU) }

// plain builds the usual network: RoPE everywhere, windows where the file says so, in all layers unless it names some.
func (d *decoder) plain(adjacent bool, ops func(i int) (attn, ffn seq.Op)) *layer.Net {
	d.attend(d.windows(d.layers, 0, 0), rsqrt(d.dim), everywhere(d.rope(adjacent)))
	n := d.net()
	d.stack(n, ops)
	return n
}

// scale reads the factors of embeddings, branches and logits; the arguments are those of files that lack them.
func (d *decoder) scale(n *layer.Net, embedding, residual, logit float64) {
	n.EmbedScale = d.factorOr("embedding_scale", embedding)
	d.branchScale = d.factorOr("residual_scale", residual)
	n.LogitScale = 1 / d.factorOr("logit_scale", logit)
}

// stack is the usual order of a layer: both operations on a norm of the stream.
func (d *decoder) stack(n *layer.Net, ops func(i int) (attn, ffn seq.Op)) {
	for i := range d.layers {
		attn, ffn := ops(i)
		n.Stack = append(n.Stack,
			layer.Branch{Pre: d.norm(i, "attn_norm", d.width), Op: attn, Scale: d.branchScale},
			layer.Branch{Pre: d.norm(i, "ffn_norm", d.width), Op: ffn, Scale: d.branchScale})
	}
}

// sandwich is stack with the operations' outputs normalised as well.
func (d *decoder) sandwich(n *layer.Net, ops func(i int) (attn, ffn seq.Op)) {
	first := len(n.Stack)
	d.stack(n, ops)
	for i := range d.layers {
		n.Stack[first+2*i].Post = d.norm(i, "post_attention_norm", d.width)
		n.Stack[first+2*i+1].Post = d.norm(i, "post_ffw_norm", d.width)
	}
}
