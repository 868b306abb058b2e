package layer

import (
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// MoE is a mixture of GLU experts: each row goes to the Used experts that the router rates highest, and their outputs
// are added, weighted by the router's softmax.
type MoE struct {
	Router         Linear       // [experts, width]
	Gate, Up, Down quant.Matrix // [experts·hidden, width] twice, [experts·width, hidden]
	Used           int
	Renormalise    bool // the weights of the chosen experts are made to add up to 1
	Act            Activation
}

// NewState implements seq.Op: the network has none.
func (m *MoE) NewState(*seq.Env) (seq.State, error) { return nil, nil }

// Run implements seq.Op. Rows are grouped by expert, so that a chunk reads each expert's weights once; a row adds its
// experts in the order of their numbers, whatever else is in the chunk.
func (m *MoE) Run(y, x []float32, _ seq.State, at *seq.Step) error {
	mark := at.Mem.Mark()
	n, width, experts := at.N, m.Router.in(), m.Router.out()
	var in quant.Input
	if err := in.Set(x, n, width, at.Exact, at.Team, at.Mem); err != nil {
		return err
	}
	probs := seq.Take[float32](at.Mem, n*experts)
	if err := mul(&in, at, [][]float32{probs}, &m.Router); err != nil {
		return err
	}
	chosen := seq.Take[int32](at.Mem, n*m.Used)
	weights := seq.Take[float32](at.Mem, n*m.Used)
	for r := range n {
		m.route(chosen[r*m.Used:(r+1)*m.Used], weights[r*m.Used:(r+1)*m.Used], probs[r*experts:(r+1)*experts])
	}
	rows, shares, ends := group(at.Mem, chosen, weights, m.Used, experts)
	clear(y[:n*width])
	for e := range experts {
		lo, hi := ends[e], ends[e+1]
		if lo == hi {
			continue
		}
		if err := at.Team.Err(); err != nil {
			return err
		}
		if err := m.expert(e, y, x, rows[lo:hi], shares[lo:hi], at); err != nil {
			return err
		}
	}
	at.Mem.Release(mark)
	return nil
}

// route chooses a row's experts by its logits, which become probabilities. Of equal ones the first is chosen. Logits with a
// NaN give probabilities of NaN: then the first experts are chosen, each once as always, and the row becomes NaN.
func (m *MoE) route(chosen []int32, weights, logits []float32) {
	vec.Softmax(logits)
	for i := range chosen {
		best := int32(-1)
		for e, p := range logits {
			if p >= 0 && (best < 0 || p > logits[best]) {
				best = int32(e)
			}
		}
		if best < 0 {
			best = int32(i)
		}
		chosen[i], weights[i] = best, logits[best]
		logits[best] = -1 // chosen
	}
	if m.Renormalise {
		vec.Scale(weights, 1/vec.Sum(weights))
	}
}

// group sorts the rows by expert: those of expert e are rows[ends[e]:ends[e+1]], rising, with their shares.
func group(mem *seq.Arena, chosen []int32, weights []float32, used, experts int) (rows []int32, shares []float32, ends []int32) {
	rows, shares = seq.Take[int32](mem, len(chosen)), seq.Take[float32](mem, len(chosen))
	ends = seq.Take[int32](mem, experts+2)
	clear(ends)
	for _, e := range chosen {
		ends[e+2]++
	}
	for e := range experts {
		ends[e+1] += ends[e]
	}
	for i, e := range chosen {
		at := ends[e+1] // becomes the end of e, which is where e+1 begins
		rows[at], shares[at] = int32(i/used), weights[i]
		ends[e+1]++
	}
	return rows, shares, ends[:experts+1]
}

// expert adds the outputs of one expert to its rows of y.
func (m *MoE) expert(e int, y, x []float32, rows []int32, shares []float32, at *seq.Step) error {
	mark := at.Mem.Mark()
	width, hidden := m.Router.in(), m.Down.Cols
	xs, ys := seq.Take[float32](at.Mem, len(rows)*width), seq.Take[float32](at.Mem, len(rows)*width)
	t := transfers.get()
	t.to, t.from, t.rows, t.width = xs, x, rows, width
	err := run(at.Team, len(rows), width, t)
	transfers.put(t)
	if err != nil {
		return err
	}
	g := GLU{Act: m.Act,
		Gate: Linear{W: m.Gate.Slice(e*hidden, (e+1)*hidden)},
		Up:   Linear{W: m.Up.Slice(e*hidden, (e+1)*hidden)},
		Down: Linear{W: m.Down.Slice(e*width, (e+1)*width)}}
	var in quant.Input
	if err := in.Set(xs, len(rows), width, at.Exact, at.Team, at.Mem); err != nil {
		return err
	}
	if err := g.run(ys, &in, at); err != nil {
		return err
	}
	t = transfers.get()
	t.to, t.from, t.rows, t.shares, t.width = y, ys, rows, shares, width
	err = run(at.Team, len(rows), width, t)
	transfers.put(t)
	at.Mem.Release(mark)
	return err
}

// Heap implements seq.Sized.
func (*MoE) Heap(*seq.StepSize) int64 { return 0 }

// Scratch implements seq.Sized, of a step whose rows all choose the same experts.
func (m *MoE) Scratch(mem *seq.Sizer, at *seq.StepSize) {
	mark := mem.Mark()
	width, experts := m.Router.W.Cols, m.Router.W.Rows
	quant.SizeInput(mem, at.N, width, at.Exact)
	seq.Size[float32](mem, at.N*experts)
	quant.SizeMul(mem, at.N, at.Workers, at.Exact, m.Router.W)
	for range 4 { // what route and group give
		seq.Size[int32](mem, at.N*m.Used)
	}
	seq.Size[int32](mem, experts+2)
	for range 2 {
		seq.Size[float32](mem, at.N*width)
	}
	quant.SizeInput(mem, at.N, width, at.Exact)
	sizeGLU(mem, at, &Linear{W: m.Gate}, &Linear{W: m.Up}, &Linear{W: m.Down})
	mem.Release(mark)
}

// transfer gathers rows for an expert, or adds its weighted outputs to them; its items are the expert's rows.
type transfer struct {
	to, from []float32 // [rows, width]
	rows     []int32   // [items] rows of the chunk
	shares   []float32 // [items] the expert's weights; nil: gather
	width    int
}

var transfers freeList[transfer]

func (t *transfer) Do(_, lo, hi int) {
	w := t.width
	for i := lo; i < hi; i++ {
		r := int(t.rows[i])
		if t.shares == nil {
			copy(t.to[i*w:(i+1)*w], t.from[r*w:(r+1)*w])
		} else {
			vec.Axpy(t.to[r*w:(r+1)*w], t.shares[i], t.from[i*w:(i+1)*w])
		}
	}
}
