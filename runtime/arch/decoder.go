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

	plan  attention.Plan
	cores []*attention.Core // one per layer
}

// read takes in the common hyper-parameters.
func (d *decoder) read(f *gguf.File) {
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
	if t, ok := f.Tensor(embedName + ".weight"); ok && len(t.Dims) == 2 {
		d.vocab = t.Dims[1]
	}
	if _, n, _ := f.Meta.Array("tokenizer.ggml.tokens"); n > d.vocab {
		d.fail(fmt.Errorf("%w: %d tokens in the vocabulary, %d embedding rows", gguf.ErrRange, n, d.vocab))
	}
}

const embedName = "token_embd"

// attend makes the plan: of(i) is layer i, which gets the window and the score's defaults.
func (d *decoder) attend(of func(i int) attention.Layer) {
	d.plan.Layers = make([]attention.Layer, d.layers)
	d.cores = make([]*attention.Core, d.layers)
	for i := range d.layers {
		d.plan.Layers[i] = of(i)
	}
	if d.err != nil {
		return
	}
	plan, err := d.edit(d.plan)
	if err == nil && len(plan.Layers) != d.layers {
		err = fmt.Errorf("plan: %d layers, the model has %d", len(plan.Layers), d.layers)
	}
	if err != nil {
		d.fail(err)
		return
	}
	d.plan = plan
	for i := range d.layers {
		sh := attention.Shape{Layer: i, Heads: d.heads, KVHeads: d.kvHeads, Dim: d.dim, VDim: d.vdim}
		if d.cores[i], err = plan.Layers[i].Core(sh); err != nil {
			d.fail(err)
			return
		}
	}
}

// usual makes the plan that most architectures have: RoPE everywhere, and windows where the file says so, in all layers
// unless it names some.
func (d *decoder) usual(adjacent bool) {
	rope, windows, score := d.rope(adjacent), d.windows(d.layers, 0, 0), d.score(rsqrt(d.dim))
	d.attend(func(i int) attention.Layer {
		return attention.Layer{Span: span(windows[i]), Pos: rope, Score: score}
	})
}

// score is how a layer's dot products become logits, scaled as the file says or else by scale.
func (d *decoder) score(scale float64) attention.Score {
	return attention.Score{Scale: d.factorOr("attention.scale", scale), Softcap: d.capOr("attn_logit_softcapping", 0)}
}

// span is the span of a layer with that sliding window; 0: none.
func span(window int) []attention.Span {
	if window == 0 {
		return nil
	}
	return []attention.Span{attention.Window{N: seq.Pos(window)}}
}

// net claims what surrounds the stack. A file without a head has the embedding's.
func (d *decoder) net() *layer.Net {
	n := &layer.Net{Embed: d.w.Matrix(embedName+".weight", d.vocab, d.width)}
	n.Final = d.w.RMSNorm("output_norm", d.width, d.eps)
	n.Head = layer.Linear{W: n.Embed}
	if d.w.Has("output.weight") {
		n.Head = d.w.Linear("output", d.vocab, d.width)
	}
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
	a := &layer.Attention{Core: d.cores[i], Out: d.w.Linear(name(i, "attn_output"), d.width, d.heads*d.vdim)}
	if d.w.Has(name(i, "attn_qkv.weight")) {
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
	if !d.w.Has(name(i, "ffn_gate.weight")) {
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
