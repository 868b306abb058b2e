package layer

import (
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// Attention is self-attention with its projections. Their shapes must be those that Core was made for.
type Attention struct {
	Core *attention.Core
	Q    Linear // [Heads·Dim, width]
	K    Linear // [KVHeads·Dim, width]
	V    Linear // [KVHeads·VDim, width]
	Out  Linear // [width, Heads·VDim]

	// QNorm and KNorm work on pieces as long as their weights: a head, or all heads of a row together.
	QNorm, KNorm Norm
}

// NewState implements seq.Op.
func (a *Attention) NewState(env *seq.Env) (seq.State, error) { return a.Core.NewState(env) }

// Bytes returns the memory of a session's full cache, or a negative number when the session is not possible.
func (a *Attention) Bytes(env *seq.Env) int64 { return a.Core.Bytes(env) }

// Spilled returns the part of Bytes that a session with a file has there.
func (a *Attention) Spilled(env *seq.Env) int64 { return a.Core.Spilled(env) }

// Until returns how many rows of a step from row first on come before one for which the cache forgets others.
func (a *Attention) Until(first int) int { return a.Core.Until(first) }

// NeedsSurprise reports whether steps need Step.Surprise.
func (a *Attention) NeedsSurprise() bool { return a.Core.NeedsSurprise() }

// Run implements seq.Op.
func (a *Attention) Run(y, x []float32, st seq.State, at *seq.Step) error {
	mark := at.Mem.Mark()
	n := at.N
	var in quant.Input
	if err := in.Set(x, n, a.Q.in(), at.Exact, at.Team, at.Mem); err != nil {
		return err
	}
	q := seq.Take[float32](at.Mem, n*a.Q.out())
	k := seq.Take[float32](at.Mem, n*a.K.out())
	v := seq.Take[float32](at.Mem, n*a.V.out())
	of := a.Core.Infused()
	if of == nil {
		if err := mul(&in, at, [][]float32{q, k, v}, &a.Q, &a.K, &a.V); err != nil {
			return err
		}
	} else {
		if err := mul(&in, at, [][]float32{k, v}, &a.K, &a.V); err != nil {
			return err
		}
		if err := a.infuse(q, x, of, at); err != nil {
			return err
		}
	}
	if !a.QNorm.none() || !a.KNorm.none() {
		t := headNorms.get()
		if t.a, t.q = a, q; of == nil { // else keys are normalised with their positions
			t.k = k
		}
		err := run(at.Team, n, a.Q.out()+a.K.out(), t)
		headNorms.put(t)
		if err != nil {
			return err
		}
	}
	out := seq.Take[float32](at.Mem, n*a.Out.in())
	if err := a.Core.Run(out, q, k, v, st, at); err != nil {
		return err
	}
	if err := in.Set(out, n, a.Out.in(), at.Exact, at.Team, at.Mem); err != nil {
		return err
	}
	if err := mul(&in, at, [][]float32{y}, &a.Out); err != nil {
		return err
	}
	at.Mem.Release(mark)
	return nil
}

// Heap implements seq.Sized.
func (a *Attention) Heap(at *seq.StepSize) int64 { return a.Core.Heap(at) }

// Scratch implements seq.Sized.
func (a *Attention) Scratch(mem *seq.Sizer, at *seq.StepSize) {
	mark := mem.Mark()
	quant.SizeInput(mem, at.N, a.Q.in(), at.Exact)
	for _, l := range [...]*Linear{&a.Q, &a.K, &a.V} {
		seq.Size[float32](mem, at.N*l.W.Rows)
	}
	if a.Core.Infused() == nil {
		sizeMul(mem, at, &a.Q, &a.K, &a.V)
	} else {
		sizeMul(mem, at, &a.K, &a.V)
		a.sizeInfuse(mem, at)
	}
	seq.Size[float32](mem, at.N*a.Out.in())
	a.Core.Scratch(mem, at)
	quant.SizeInput(mem, at.N, a.Out.in(), at.Exact)
	sizeMul(mem, at, &a.Out)
	mem.Release(mark)
}

// headNorm normalises queries and keys; its items are rows.
type headNorm struct {
	a    *Attention
	q, k []float32 // [n, Heads·Dim], [n, KVHeads·Dim]; k may be nil
}

var headNorms freeList[headNorm]

func (t *headNorm) Do(_, lo, hi int) {
	nq, nk := t.a.Q.out(), t.a.K.out()
	t.a.QNorm.pieces(t.q[lo*nq : hi*nq])
	if t.k != nil {
		t.a.KNorm.pieces(t.k[lo*nk : hi*nk])
	}
}

// pieces normalises x in place, in pieces as long as the weights.
func (n *Norm) pieces(x []float32) {
	if n.none() {
		return
	}
	for w := len(n.Weight); len(x) > 0; x = x[w:] {
		n.Apply(x[:w], x[:w])
	}
}
