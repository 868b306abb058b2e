package attention

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// ErrBases is wrapped by the errors of plans that need bases and have none, or those of another shape.
var ErrBases = errors.New("no bases that fit")

// Bases are coordinates for the keys and values of a model that were fitted to it (compress.Calibrate). Codecs that store
// vectors in them are Calibrated.
type Bases struct {
	Layers []LayerBases
}

// LayerBases are those of a layer's KV heads.
type LayerBases struct {
	Key, Value []Basis // [KVHeads]
}

// Basis has the coordinates of a head's vectors in the order of what they are worth. It need not be orthonormal: y = x·In are the
// coordinates of a key or value x, and q·Out those of what keys are multiplied with, so that the products stay. In·Outᵀ = 1.
type Basis struct {
	In  []float32 // [Dim, Dim]
	Out []float32 // [Dim, Dim]
	Var []float32 // [Dim] falling: the mean square of the error of what keys or values are for, if a coordinate were its mean
}

// Check says whether the numbers can be a basis.
func (b *Basis) Check() error {
	dim := len(b.Var)
	if len(b.In) != dim*dim || len(b.Out) != dim*dim {
		return fmt.Errorf("%w: %d and %d numbers of a basis with %d variances", ErrBases, len(b.In), len(b.Out), dim)
	}
	for _, all := range [][]float32{b.In, b.Out, b.Var} {
		for _, x := range all {
			if x-x != 0 {
				return fmt.Errorf("%w: %v is not finite", ErrBases, x)
			}
		}
	}
	for i, v := range b.Var {
		if v < 0 || i > 0 && v > b.Var[i-1] {
			return fmt.Errorf("%w: variances do not fall", ErrBases)
		}
	}
	return nil
}

// Calibrated is a Codec that needs bases.
type Calibrated interface {
	Codec
	// In returns the codec in the bases of a layer.
	In(*LayerBases) Codec
}

// keys returns the rows of a layer's keys, in its bases if the codec needs some.
func (l Layer) keys(sh Shape) (Rows, error) {
	c, err := l.calibrated(l.Key, sh)
	if err != nil {
		return nil, err
	}
	return c.Keys(sh.Dim)
}

// values is keys of values.
func (l Layer) values(sh Shape) (Rows, error) {
	c, err := l.calibrated(l.Value, sh)
	if err != nil {
		return nil, err
	}
	return c.Values(sh.VDim)
}

func (l Layer) calibrated(c Codec, sh Shape) (Codec, error) {
	k, ok := c.(Calibrated)
	switch {
	case !ok:
		return c, nil
	case l.Bases == nil:
		return nil, fmt.Errorf("%w: there are none, and they have to be fitted to the model", ErrBases)
	case len(l.Bases.Key) != sh.KVHeads || len(l.Bases.Value) != sh.KVHeads:
		return nil, fmt.Errorf("%w: they are of %d and %d KV heads", ErrBases, len(l.Bases.Key), len(l.Bases.Value))
	}
	return k.In(l.Bases), nil
}

// WithBases returns the plan with bases for its layers.
func (p Plan) WithBases(b *Bases) (Plan, error) {
	if len(b.Layers) != len(p.Layers) {
		return Plan{}, fmt.Errorf("%w: they are of %d layers, the model has %d", ErrBases, len(b.Layers), len(p.Layers))
	}
	q := Plan{Layers: make([]Layer, len(p.Layers))}
	for i, l := range p.Layers {
		l.Bases = &b.Layers[i]
		q.Layers[i] = l
	}
	return q, nil
}

// basisSet are the bases of a layer's keys or values, some coordinates of which are scaled. It is TurnedKeys and TurnedValues.
type basisSet struct {
	dim  int
	in   [][]float32 // [KVHeads][dim, dim]
	meet [][]float32 // [KVHeads][dim, dim] Out
	back [][]float32 // [KVHeads][dim, dim] Outᵀ
}

// newBasisSet scales coordinate c of every head by unit[c], or 1.
func newBasisSet(of []Basis, dim int, unit []float32, keys bool) (basisSet, error) {
	s := basisSet{dim: dim}
	for h, b := range of {
		if len(b.Var) != dim {
			return s, fmt.Errorf("%w: KV head %d's is of %d numbers", ErrBases, h, len(b.Var))
		}
		if err := b.Check(); err != nil {
			return s, fmt.Errorf("KV head %d: %w", h, err)
		}
		in, out := make([]float32, dim*dim), make([]float32, dim*dim)
		for i := range dim {
			for c := range dim {
				u := float32(1)
				if unit != nil {
					u = unit[c]
				}
				in[i*dim+c] = b.In[i*dim+c] * u
				if keys {
					out[i*dim+c] = b.Out[i*dim+c] / u
				} else {
					out[c*dim+i] = b.Out[i*dim+c] / u
				}
			}
		}
		s.in = append(s.in, in)
		if keys {
			s.meet = append(s.meet, out)
		} else {
			s.back = append(s.back, out)
		}
	}
	return s, nil
}

func (s basisSet) times(dst, x, m []float32) {
	dst = dst[:s.dim]
	clear(dst)
	vec.MulAdd(dst, x, m, 1, s.dim, s.dim, s.dim, s.dim, s.dim)
}

// Turn implements TurnedKeys and TurnedValues.
func (s basisSet) Turn(dst, x []float32, head int) { s.times(dst, x, s.in[head]) }

// Meet implements TurnedKeys.
func (s basisSet) Meet(dst, q []float32, head int) { s.times(dst, q, s.meet[head]) }

// Back implements TurnedValues.
func (s basisSet) Back(dst, x []float32, head int) { s.times(dst, x, s.back[head]) }

// tell shows a step's rows to Step.Heads: queries and keys with their positions.
func (j *job) tell() error {
	c, sh, at := j.s.core, j.s.core.shape, j.at
	if c.infused != nil {
		return fmt.Errorf("attention layer %d: pos=%s: %w: keys have no positions of their own to be shown", sh.Layer, c.layer.Pos, ErrCompose)
	}
	mark := at.Mem.Mark()
	q := seq.Take[float32](at.Mem, at.N*sh.Heads*sh.Dim)
	copy(q, j.q)
	for i := 0; i < at.N*sh.Heads && c.pos != nil; i++ {
		c.pos.Apply(q[i*sh.Dim:][:sh.Dim], j.turn[i/sh.Heads*j.width:])
	}
	err := at.Heads(at, sh.Layer, q, j.k, j.v)
	at.Mem.Release(mark)
	return err
}
