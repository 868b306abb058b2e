package layer

import (
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// GLU is the gated feed-forward network Down(Act(Gate(x))·Up(x)).
type GLU struct {
	Gate, Up Linear // [hidden, width]
	Down     Linear // [width, hidden]
	Act      Activation
}

// NewState implements seq.Op: the network has none.
func (g *GLU) NewState(*seq.Env) (seq.State, error) { return nil, nil }

// Run implements seq.Op.
func (g *GLU) Run(y, x []float32, _ seq.State, at *seq.Step) error {
	mark := at.Mem.Mark()
	var in quant.Input
	if err := in.Set(x, at.N, g.Up.in(), at.Exact, at.Team, at.Mem); err != nil {
		return err
	}
	if err := g.run(y, &in, at); err != nil {
		return err
	}
	at.Mem.Release(mark)
	return nil
}

// run computes the rows of in, which it sets anew.
func (g *GLU) run(y []float32, in *quant.Input, at *seq.Step) error {
	n, hidden := in.Rows(), g.Up.out()
	gate, up := seq.Take[float32](at.Mem, n*hidden), seq.Take[float32](at.Mem, n*hidden)
	if err := mul(in, at, [][]float32{gate, up}, &g.Gate, &g.Up); err != nil {
		return err
	}
	t := gatings.get()
	t.act, t.gate, t.up, t.width = g.Act, gate, up, hidden
	err := run(at.Team, n, hidden, t)
	gatings.put(t)
	if err != nil {
		return err
	}
	if err := in.Set(gate, n, hidden, at.Exact, at.Team, at.Mem); err != nil {
		return err
	}
	return mul(in, at, [][]float32{y}, &g.Down)
}

// Heap implements seq.Sized.
func (*GLU) Heap(*seq.StepSize) int64 { return 0 }

// Scratch implements seq.Sized.
func (g *GLU) Scratch(mem *seq.Sizer, at *seq.StepSize) {
	mark := mem.Mark()
	quant.SizeInput(mem, at.N, g.Up.in(), at.Exact)
	sizeGLU(mem, at, &g.Gate, &g.Up, &g.Down)
	mem.Release(mark)
}

// sizeGLU counts what run takes.
func sizeGLU(mem *seq.Sizer, at *seq.StepSize, gate, up, down *Linear) {
	for range 2 {
		seq.Size[float32](mem, at.N*down.in())
	}
	sizeMul(mem, at, gate, up)
	quant.SizeInput(mem, at.N, down.in(), at.Exact)
	sizeMul(mem, at, down)
}

// gating sets gate to Act(gate)·up; its items are rows.
type gating struct {
	act      Activation
	gate, up []float32 // [n, width]
	width    int
}

var gatings freeList[gating]

func (t *gating) Do(_, lo, hi int) {
	lo, hi = lo*t.width, hi*t.width
	t.act.gate(t.gate[lo:hi], t.gate[lo:hi], t.up[lo:hi])
}
