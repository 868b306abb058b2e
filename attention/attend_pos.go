package attention

import (
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// What positions do in the loop, besides turning keys.

// pos is the position of row r of the step.
func (j *job) pos(r int) seq.Pos {
	if j.at.Pos != nil {
		return j.at.Pos[r]
	}
	return seq.Pos(j.at.First + r)
}

// placed is the position that the layer gives row r of the step.
func (j *job) placed(r int) seq.Pos {
	if ids := j.s.core.ids; ids != nil {
		return ids.At(j.pos(r))
	}
	return j.pos(r)
}

// logits turns a row's dot products into logits. bias is what the positions contribute to biases of the keys in view.
func (c *Core) logits(s []float32, v *view, bias []float32, head int) {
	if c.layer.Score.Softcap != 0 {
		vec.Softcap(s, c.layer.Score.Softcap)
	}
	if c.bias != nil {
		c.bias.Add(s[v.lo:v.hi], head, bias)
	}
}
