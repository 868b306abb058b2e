package attention

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// Infused is a Scheme whose positions are vectors that are added to what queries and keys are projected from, and to that alone. The
// position of a row depends on the query that sees it: it is the row's number less that of the first row which that sees. So queries come
// to Core.Run with their positions, but keys without, and are stored so; what their projection makes of the vectors is added to tiles as
// they are read.
type Infused interface {
	Scheme
	Segments() (rows, cache int) // a query sees its segment, of so many rows, and so many before it, the first of which has position 0
	Vectors(width int) []float32 // what is added. [Places, width]
	With(p Projected) Scheme     // the scheme for a layer's projections
	Projected() Projected        // what With was given
}

// Places is the number of positions of a scheme.
func Places(of Infused) int {
	rows, cache := of.Segments()
	return rows + cache
}

// FirstSeen returns the row that has position 0 for the query at row q, which sees none before.
func FirstSeen(of Infused, q seq.Pos) seq.Pos {
	rows, cache := of.Segments()
	return max(0, q/seq.Pos(rows)*seq.Pos(rows)-seq.Pos(cache))
}

// Projected is what a layer's projections make of the vectors of positions.
type Projected struct {
	Queries []float32         // what is added before queries are projected, for all layers the same. [Places, width]
	Keys    []float32         // [Places, KVHeads, Dim]
	Norm    func(x []float32) // normalises a key that has its position, in place; nil: keys are not normalised. [Dim]
}

// infused is an Infused scheme made ready.
type infused struct {
	Infused
	keys []float32 // [KVHeads, Dim, Places] in the basis of the tiles
	norm func(x []float32)
}

// makeInfused prepares such a scheme. With an error come the parts that do not fit.
func (c *Core) makeInfused() (a, b any, err error) {
	l, sh := c.layer, c.shape
	of, ok := l.Pos.(Infused)
	if !ok {
		return nil, nil, nil
	}
	p, n := of.Projected(), Places(of)
	switch {
	case l.Ids != nil:
		return l.Pos, l.Ids, errors.New("rows are counted from those that a query sees")
	case l.Far != nil:
		return l.Pos, "far=" + l.Far.String(), errors.New("no row is farther than positions go")
	case l.Group != nil:
		return l.Pos, "group=" + l.Group.String(), errors.New("rows are counted in the stream")
	case l.Keep != nil:
		return l.Pos, l.Keep, errors.New("what has no position is forgotten anyway")
	case len(l.Select) > 0:
		return l.Pos, selectText(l.Select), errors.New("what is known of tiles has no positions")
	case l.parted() != nil:
		return l.Pos, l.Fold, errors.New("rows that are added have no number")
	case p.Norm != nil && c.keyTurn != nil:
		return l.Pos, l.Key, errors.New("keys that are normalised with their positions are stored as they are")
	case len(p.Keys) != n*sh.KVHeads*sh.Dim:
		return l.Pos, sh, fmt.Errorf("%d numbers of %d positions (they come from the model's projections)", len(p.Keys), n)
	}
	f := &infused{of.With(Projected{Queries: p.Queries}).(Infused), make([]float32, len(p.Keys)), p.Norm}
	room := make([]float32, sh.Dim)
	for i := range n {
		for h := range sh.KVHeads {
			x := turned(room, c.keyTurn, p.Keys[(i*sh.KVHeads+h)*sh.Dim:][:sh.Dim], h)
			for d, v := range x {
				f.keys[(h*sh.Dim+d)*n+i] = v
			}
		}
	}
	c.infused, c.layer.Pos = f, f.Infused // which does not hold the keys twice
	// A tile is multiplied as the numbers that it has with positions.
	c.keyInts, c.keyNibs, c.keyChan = nil, nil, nil
	return nil, nil, nil
}

// Infused returns the layer's scheme if positions enter before its projections, else nil.
func (c *Core) Infused() Infused {
	if c.infused == nil {
		return nil
	}
	return c.infused.Infused
}

// TableBytes returns the memory of its keys.
func (c *Core) TableBytes() int64 {
	if c.infused == nil {
		return 0
	}
	return 4 * int64(len(c.infused.keys))
}

// alike reports whether all rows of a step have the same positions.
func (f *infused) alike(at *seq.Step) bool {
	rows, _ := f.Segments()
	return at.First/rows == (at.First+at.N-1)/rows
}

// infuse adds to the first last keys of tile t, which the worker has decoded, the positions that they have for the query at row first.
func (c *Core) infuse(w *worker, first, head, t, last int) {
	f, dim, n := c.infused, c.shape.Dim, Places(c.infused)
	from := t*Tile - int(FirstSeen(f, seq.Pos(first))) // the position of the tile's first row
	lo, hi := max(0, -from), min(last, n-from)
	if lo >= hi {
		return
	}
	for d := range dim {
		vec.Add(w.key[d*Tile+lo:d*Tile+hi], f.keys[(head*dim+d)*n+from+lo:][:hi-lo])
	}
	for i := lo; i < hi && f.norm != nil; i++ {
		for d := range dim {
			w.one[d] = w.key[d*Tile+i]
		}
		f.norm(w.one)
		for d, v := range w.one {
			w.key[d*Tile+i] = v
		}
	}
}

// within is a span of rows that have positions.
type within struct {
	Span
	of Infused
}

// placed limits spans to what has positions.
func placed(spans []Span, of Infused) (list []Span) {
	for _, s := range spans {
		if _, ok := s.(within); !ok {
			s = within{s, of}
		}
		list = append(list, s)
	}
	return list
}

// Sees implements Span.
func (w within) Sees(q, k seq.Pos) bool { return k >= FirstSeen(w.of, q) && w.Span.Sees(q, k) }

// Runs implements Span.
func (w within) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	old, first := len(dst), FirstSeen(w.of, q)
	dst = w.Span.Runs(dst, q, hi)
	to := old
	for _, r := range dst[old:] {
		if r.Lo = max(r.Lo, first); r.Lo < r.Hi {
			dst[to] = r
			to++
		}
	}
	return dst[:to]
}

// Count implements Counter.
func (w within) Count(q seq.Pos) int { return runsOf(w.Span, q) }

// Reach implements Reacher.
func (w within) Reach() (first, back seq.Pos) {
	back = seq.Pos(Places(w.of))
	if r, ok := w.Span.(Reacher); ok {
		if f, b := r.Reach(); f == 0 {
			back = min(back, b)
		}
	}
	return 0, back
}
