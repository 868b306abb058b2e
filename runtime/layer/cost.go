package layer

import (
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// Cost returns what a pass over n tokens from position first on takes, whose last one's logits are wanted.
func (n *Net) Cost(first, rows int, exact bool) seq.Cost {
	cost := multiply(wanted, exact, &n.Head)
	cost.Weights += int64(rows * n.Embed.RowBytes())
	past := 0 // as in NewState: the branches behind the last one with a memory take the wanted row only
	for i := range n.Stack {
		if _, ok := n.Stack[i].Op.(sizer); ok {
			past = i + 1
		}
	}
	for i := range n.Stack {
		if i == past {
			rows = wanted
		}
		if o, ok := n.Stack[i].Op.(coster); ok {
			cost.Add(o.cost(first, rows, exact))
		}
	}
	return cost
}

// wanted is the number of rows whose logits are wanted: the last one.
const wanted = 1

// WeightBytes returns the bytes of weights that one decoded token reads.
func (n *Net) WeightBytes() int64 { return n.Cost(0, 1, false).Weights }

// coster is an operation whose cost counts.
type coster interface {
	cost(first, rows int, exact bool) seq.Cost
}

// multiply is the cost of n rows through maps that take the same input.
func multiply(n int, exact bool, by ...*Linear) (cost seq.Cost) {
	for i, l := range by {
		cost.Add(matrices(n, exact, l.W))
		if l.factored() && !l.follows(by[:i]) {
			cost.Add(matrices(n, exact, l.V))
		}
	}
	return cost
}

// matrices is the cost of products of n rows with matrices.
func matrices(n int, exact bool, by ...quant.Matrix) (cost seq.Cost) {
	for _, m := range by {
		cost.Weights += int64(len(m.Data))
		if ops := 2 * int64(n) * int64(m.Rows) * int64(m.Cols); exact || m.Format.Group == 0 {
			cost.FloatOps += ops
		} else {
			cost.IntOps += ops
		}
	}
	return cost
}

func (a *Attention) cost(first, rows int, exact bool) seq.Cost {
	cost := multiply(rows, exact, &a.Q, &a.K, &a.V)
	cost.Add(multiply(rows, exact, &a.Out))
	cost.Add(a.Core.Cost(first, rows, exact))
	return cost
}

func (g *GLU) cost(_, rows int, exact bool) seq.Cost {
	cost := multiply(rows, exact, &g.Gate, &g.Up)
	cost.Add(multiply(rows, exact, &g.Down))
	return cost
}

// cost counts Used experts for each row, and the weights of as many as the rows may choose between them.
func (m *MoE) cost(_, rows int, exact bool) seq.Cost {
	experts := int64(m.Router.out())
	cost := matrices(rows, exact, m.Gate, m.Up, m.Down)
	cost.Weights = cost.Weights / experts * min(experts, int64(rows*m.Used))
	cost.IntOps = cost.IntOps / experts * int64(m.Used)
	cost.FloatOps = cost.FloatOps / experts * int64(m.Used)
	cost.Add(multiply(rows, exact, &m.Router))
	return cost
}
