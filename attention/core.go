package attention

import (
	"errors"
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

// Core is an attention layer ready to run: immutable, shared by all sessions.
type Core struct {
	layer   Layer
	shape   Shape
	reach   Reach
	growing bool         // on the first shelf every row has a slot of its own
	shelves []shelf      // what sessions have, without places
	homes   []home       // [KVHeads] where the rows of a head are
	reaches []Reach      // [KVHeads] how far its span sees
	pos     Positioner   // nil: none
	ids     Numbers      // nil: a row's position is its own
	bias    Biaser       // nil: none
	infused *infused     // nil: positions enter after the layer's projections, or not at all
	coded                // the store of all rows
	near    *coded       // that of the near ones; nil: none
	far     Far          // positions in the store of all rows; nil: rows have their own
	keyTurn TurnedKeys   // nil: keys are in the basis of queries
	valTurn TurnedValues // nil: values are in the basis of results
	keySeal Sealer       // nil: keys are encoded row by row
	valSeal Sealer       // nil: values are
	keyMove Mover        // nil: without a Keeper nothing moves
	valMove Mover
	sel     []*selection // [KVHeads] nil: the head reads all; empty: all do
	fold    *parted      // nil: no fold lets go of tokens
	spans   []Span       // what queries see of the slots, one for all KV heads or one for each
	scale   float32
	group   int // query heads per KV head
	height  int // queries in a query tile
	cut     int // most rows of the pieces that steps are taken in; 0: they are taken at once
}

// coded is how a store holds its rows.
type coded struct {
	key     Rows
	value   Rows
	keyMul  Multiplier // nil: keys are decoded first
	valMul  Multiplier // nil: values are decoded first
	keyInts Integers   // nil: keys are not multiplied as integers
	valInts Integers   // nil: values are not
	keyNibs Nibbles    // nil: keys are not nibbles
	valNibs Nibbles    // nil: values are not
	keyChan Channels   // nil: keys are not scaled by channel
	keyDim  int        // coordinates of keys that are stored
	valDim  int        // of values
}

func newCoded(key, value Rows, sh Shape) (d coded) {
	d.key, d.value, d.keyDim, d.valDim = key, value, sh.Dim, sh.VDim
	if n, ok := key.(Narrow); ok {
		d.keyDim = n.Width()
	}
	if n, ok := value.(Narrow); ok {
		d.valDim = n.Width()
	}
	d.keyMul, _ = key.(Multiplier)
	d.valMul, _ = value.(Multiplier)
	d.keyInts, _ = key.(Integers)
	d.valInts, _ = value.(Integers)
	d.keyNibs, _ = key.(Nibbles)
	d.valNibs, _ = value.(Nibbles)
	d.keyChan, _ = key.(Channels)
	return d
}

// Core checks the combination and makes it ready for the model's shape. The error names the two parts that do not fit.
func (l Layer) Core(sh Shape) (*Core, error) {
	if sh.VDim == 0 {
		sh.VDim = sh.Dim
	}
	if err := sh.check(); err != nil {
		return nil, err
	}
	l = l.filled()
	clash := func(a, b any, why error) (*Core, error) {
		return nil, fmt.Errorf("attention layer %d: %v with %v: %w: %w", sh.Layer, a, b, ErrCompose, why)
	}
	c := &Core{layer: l, shape: sh, reach: l.reach(), scale: l.Score.Scale, group: sh.Heads / sh.KVHeads}
	if n := len(l.Span); n != 1 && n != sh.KVHeads {
		return clash(spanText(l.Span), sh, fmt.Errorf("%d spans for %d KV heads", n, sh.KVHeads))
	}
	if p, err := l.place(c.reach, 1<<30, 1); err == nil {
		c.growing = p.Slots() == tiles(1<<30)
	} else {
		if l.Group != nil {
			return clash(l.Layout, "group="+l.Group.String(), err)
		} else if l.parted() != nil {
			return clash(l.Layout, l.Fold, err)
		} else if l.Keep != nil && !c.reach.Bounded {
			return clash(l.Layout, l.Keep, err)
		} else if l.Keep == nil {
			return clash(l.Layout, spanText(l.Span), err)
		}
	}
	c.makeShelves()
	if cutter, ok := l.Layout.(Cutter); ok {
		c.cut = cutter.Cut()
	}
	var err error
	if c.pos, err = l.Pos.Fit(sh.Dim); err != nil {
		return clash(l.Pos, sh, err)
	}
	if l.Ids != nil {
		if c.ids, err = l.Ids.Fit(); err != nil {
			return clash(l.Ids, sh, err)
		}
	}
	if b, ok := l.Pos.(Biased); ok {
		if c.bias, err = b.Bias(sh.Heads); err != nil {
			return clash(l.Pos, sh, err)
		}
	}
	key, err := l.keys(sh)
	if err != nil {
		return clash(l.Key, sh, err)
	}
	value, err := l.values(sh)
	if err != nil {
		return clash(l.Value, sh, err)
	}
	if l.Temp != nil {
		if why := l.Temp.Check(sh.Heads); why != nil {
			return clash("temp="+l.Temp.String(), sh, why)
		}
	}
	c.coded = newCoded(key, value, sh)
	c.keyTurn, _ = key.(TurnedKeys)
	c.valTurn, _ = value.(TurnedValues)
	c.keySeal, _ = key.(Sealer)
	c.valSeal, _ = value.(Sealer)
	if a, b, err := c.makeInfused(); err != nil {
		return clash(a, b, err)
	}
	if a, b, err := c.makeKeep(); err != nil {
		return clash(a, b, err)
	}
	if a, b, err := c.makeFold(); err != nil {
		return clash(a, b, err)
	}
	if a, b, err := c.makeGroups(); err != nil {
		return clash(a, b, err)
	}
	if c.sel, err = l.selection(sh); err != nil {
		return clash(selectText(l.Select), sh, err)
	}
	for h, sel := range c.sel {
		if sel != nil && sel.vectors > 0 && !c.grows(h) {
			return clash(selectText(l.Select), l.Layout, fmt.Errorf("what is known of the tiles of KV head %d would outlive them", h))
		}
	}
	if a, b, err := c.makeNear(); err != nil {
		return clash(a, b, err)
	}
	if a, b, err := c.makeFar(); err != nil {
		return clash(a, b, err)
	}
	if n := len(l.Score.Sinks); n != 0 && n != sh.Heads {
		return clash(fmt.Sprintf("%d sink logits", n), sh, errors.New("one for each query head is needed"))
	}
	if why := l.Score.check(); why != nil {
		return clash("the score", sh, why)
	}
	if c.scale == 0 {
		c.scale = float32(1 / math.Sqrt(float64(sh.Dim)))
	}
	// 96 query rows by a tile of 64 keys keep the products long and the scratch of a worker near 100 KB.
	c.height = min(max(96/c.group, 1), Tile)
	if c.infused != nil { // all queries of a tile see the same keys
		rows, _ := c.infused.Segments()
		for rows%c.height != 0 {
			c.height--
		}
	}
	return c, nil
}

func (s Score) check() error {
	for _, x := range append([]float32{s.Scale, s.Softcap}, s.Sinks...) {
		if x-x != 0 {
			return fmt.Errorf("%v is not finite", x)
		}
	}
	if s.Softcap < 0 {
		return fmt.Errorf("a soft cap of %v is negative", s.Softcap)
	}
	return nil
}

// Check says whether the parts fit each other and the model's shape.
func (l Layer) Check(sh Shape) error {
	_, err := l.Core(sh)
	return err
}

// Layer returns the layer's plan with every part named.
func (c *Core) Layer() Layer { return c.layer }

// Run appends the step's keys and values to st and attends: q[N, Heads, Dim], k[N, KVHeads, Dim] and v[N, KVHeads,
// VDim] give out[N, Heads, VDim]. Queries and keys come without positions; k is overwritten. out may not overlap q.
//
// A NaN reaches what sees it and nothing else: one in a query makes that head's output NaN; one in a key or a value
// the outputs of the queries that see its row, until a rewind forgets it. An infinity, and a number that a codec
// rounds to one (65,520 and more in f16), in a value gives infinity or NaN, in a query or key that or weights of 0. Where
// integers are multiplied, both spoil all that shares a scale with them.
// A query that sees nothing gets zeros.
func (c *Core) Run(out, q, k, v []float32, st seq.State, at *seq.Step) error {
	sh := c.shape
	s, ok := st.(*state)
	if !ok || s.core != c {
		return fmt.Errorf("attention layer %d: the state belongs to another layer", sh.Layer)
	}
	if at.N <= 0 {
		return nil
	}
	if len(q) < at.N*sh.Heads*sh.Dim || len(k) < at.N*sh.KVHeads*sh.Dim || len(v) < at.N*sh.KVHeads*sh.VDim ||
		len(out) < at.N*sh.Heads*sh.VDim || at.Pos != nil && len(at.Pos) < at.N {
		return fmt.Errorf("attention layer %d: q, k, v, out or positions are too short for %d rows", sh.Layer, at.N)
	}
	if at.First != s.n || at.N > s.maxChunk || s.n+at.N > s.maxLen {
		return fmt.Errorf("attention layer %d: rows %d to %d do not continue a cache of %d rows, made for %d in steps of %d",
			sh.Layer, at.First, at.First+at.N, s.n, s.maxLen, s.maxChunk)
	}
	if c.infused != nil && at.Hide.Lo < at.Hide.Hi {
		return fmt.Errorf("attention layer %d: pos=%s with rows that do not see each other: %w", sh.Layer, c.layer.Pos, ErrCompose)
	}
	mark := at.Mem.Mark()
	defer at.Mem.Release(mark)
	if c.fold != nil {
		return s.parts(job{out: out, q: q, k: k, v: v}, at)
	}
	if s.groups != nil {
		return s.runGroups(job{out: out, q: q, k: k, v: v}, at)
	}
	if s.kept != nil {
		return s.pieces(job{out: out, q: q, k: k, v: v}, at)
	}
	if s.spill != nil {
		return s.spilled(job{out: out, q: q, k: k, v: v}, at)
	}
	return s.cuts(job{out: out, q: q, k: k, v: v}, at)
}
