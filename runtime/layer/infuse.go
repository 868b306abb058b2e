package layer

import (
	"fmt"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// Positions that are added to what queries and keys are projected from (attention.Infused). Queries are projected from the sum; what the
// keys' projection makes of the vectors is computed once, when a model is opened, so that keys can be cached without positions.

// Project returns what the layer makes of the scheme's vectors [places, width], which all layers share.
func (a *Attention) Project(of attention.Infused, vectors []float32, dim int) (p attention.Projected, err error) {
	p.Queries = vectors
	if !a.KNorm.none() {
		if len(a.KNorm.Weight) != dim {
			return p, fmt.Errorf("pos=%s with keys whose heads are normalised together: %w", of, attention.ErrCompose)
		}
		p.Norm = func(x []float32) { a.KNorm.Apply(x, x) }
	}
	plain := a.K
	plain.Name, plain.B = "", nil // a key has its bias already
	at := &seq.Step{Exact: true, Team: par.Serial(), Mem: new(seq.Arena)}
	width, out := a.K.in(), a.K.out()
	p.Keys = make([]float32, attention.Places(of)*out)
	const most = 64
	for i := 0; i < attention.Places(of); i += at.N {
		at.N = min(most, attention.Places(of)-i)
		mark := at.Mem.Mark()
		var in quant.Input
		if err := in.Set(vectors[i*width:(i+at.N)*width], at.N, width, true, at.Team, at.Mem); err != nil {
			return p, err
		}
		if err := mul(&in, at, [][]float32{p.Keys[i*out : (i+at.N)*out]}, &plain); err != nil {
			return p, err
		}
		at.Mem.Release(mark)
	}
	return p, nil
}

// infuse projects the queries q of rows x with their positions.
func (a *Attention) infuse(q, x []float32, of attention.Infused, at *seq.Step) error {
	mark := at.Mem.Mark()
	width := a.Q.in()
	sum, vectors := seq.Take[float32](at.Mem, at.N*width), of.Projected().Queries
	copy(sum, x[:at.N*width])
	for r := range at.N {
		row := seq.Pos(at.First + r)
		vec.Add(sum[r*width:(r+1)*width], vectors[int(row-attention.FirstSeen(of, row))*width:][:width])
	}
	var in quant.Input
	if err := in.Set(sum, at.N, width, at.Exact, at.Team, at.Mem); err != nil {
		return err
	}
	if err := mul(&in, at, [][]float32{q}, &a.Q); err != nil {
		return err
	}
	at.Mem.Release(mark)
	return nil
}

// sizeInfuse counts what infuse takes.
func (a *Attention) sizeInfuse(mem *seq.Sizer, at *seq.StepSize) {
	mark := mem.Mark()
	seq.Size[float32](mem, at.N*a.Q.in())
	quant.SizeInput(mem, at.N, a.Q.in(), at.Exact)
	sizeMul(mem, at, &a.Q)
	mem.Release(mark)
}

// TableBytes returns the memory of tables that were made when the model was opened.
func (n *Net) TableBytes() (sum int64) {
	shared := 0
	for i := range n.Stack {
		if a, ok := n.Stack[i].Op.(*Attention); ok {
			sum += a.Core.TableBytes()
			if of := a.Core.Infused(); of != nil {
				shared = max(shared, len(of.Projected().Queries))
			}
		}
	}
	return sum + 4*int64(shared)
}
