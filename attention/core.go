package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

// Core is an attention layer ready to run: immutable, shared by all sessions.
type Core struct {
	layer Layer
	shape Shape
	pos   Positioner
}

// Core checks the combination and makes it ready for the model's shape.
func (l Layer) Core(sh Shape) (*Core, error) {
	if sh.VDim == 0 {
		sh.VDim = sh.Dim
	}
	if err := sh.check(); err != nil {
		return nil, err
	}
	if l.Span == nil {
		l.Span = []Span{Full{}}
	}
	c := &Core{layer: l, shape: sh}
	if l.Pos != nil {
		p, err := l.Pos.Fit(sh.Dim)
		if err != nil {
			return nil, fmt.Errorf("attention: layer %d: %w", sh.Layer, err)
		}
		c.pos = p
	}
	if c.layer.Score.Scale == 0 {
		c.layer.Score.Scale = float32(1 / math.Sqrt(float64(sh.Dim)))
	}
	return c, nil
}

type state struct {
	k, v []float32 // [len, KVHeads, Dim], [len, KVHeads, VDim]
	n    int
	c    *Core
}

func (s *state) Len() int     { return s.n }
func (s *state) Bytes() int64 { return int64(4 * (cap(s.k) + cap(s.v))) }
func (s *state) Rewind(n int) error {
	s.n = n
	s.k = s.k[:n*s.c.shape.KVHeads*s.c.shape.Dim]
	s.v = s.v[:n*s.c.shape.KVHeads*s.c.shape.VDim]
	return nil
}

// NewState returns the empty cache of one session.
func (c *Core) NewState(env *seq.Env) (seq.State, error) { return &state{c: c}, nil }

// Run appends the step's keys and values to st and attends: q[N, Heads, Dim], k[N, KVHeads, Dim] and v[N, KVHeads,
// VDim] give out[N, Heads, VDim]. Queries and keys come without positions; q and k may be overwritten.
func (c *Core) Run(out, q, k, v []float32, st seq.State, at *seq.Step) error {
	s, sh := st.(*state), c.shape
	if c.pos != nil {
		row := make([]float32, c.pos.Width())
		for r, p := range at.Pos {
			c.pos.Row(row, p)
			for h := range sh.Heads {
				c.pos.Apply(q[(r*sh.Heads+h)*sh.Dim:][:sh.Dim], row)
			}
			for h := range sh.KVHeads {
				c.pos.Apply(k[(r*sh.KVHeads+h)*sh.Dim:][:sh.Dim], row)
			}
		}
	}
	s.k, s.v = append(s.k, k...), append(s.v, v...)
	s.n += at.N
	g := sh.Heads / sh.KVHeads
	for r := range at.N {
		i := seq.Pos(at.First + r)
		for h := range sh.Heads {
			dst := out[(r*sh.Heads+h)*sh.VDim:][:sh.VDim]
			clear(dst)
			acc := make([]float64, sh.VDim)
			m, l := math.Inf(-1), 0.0
			if sink := c.layer.Score.Sinks; sink != nil {
				m, l = float64(sink[h]), 1
			}
			for _, run := range c.layer.Span[h/g%len(c.layer.Span)].Runs(nil, i, i+1) {
				for p := run.Lo; p < run.Hi; p++ {
					key := s.k[(int(p)*sh.KVHeads+h/g)*sh.Dim:][:sh.Dim]
					dot := 0.0
					for d, x := range q[(r*sh.Heads+h)*sh.Dim:][:sh.Dim] {
						dot += float64(x) * float64(key[d])
					}
					dot *= float64(c.layer.Score.Scale)
					if cp := float64(c.layer.Score.Softcap); cp != 0 {
						dot = cp * math.Tanh(dot/cp)
					}
					m2 := max(m, dot)
					f, e := math.Exp(m-m2), math.Exp(dot-m2)
					m, l = m2, l*f+e
					for d, x := range s.v[(int(p)*sh.KVHeads+h/g)*sh.VDim:][:sh.VDim] {
						acc[d] = acc[d]*f + e*float64(x)
					}
				}
			}
			for d := range dst {
				dst[d] = float32(acc[d] / l)
			}
		}
	}
	return at.Team.Err()
}
