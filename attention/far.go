package attention

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// A model knows distances up to the length that it was trained with. Beyond, rows that are not close to the query can be given
// other positions than their own, so that all distances stay among those that it knows: the near store holds the close ones at
// their own positions, the store of all rows the same keys at those of a Far, and a query reads each with a rotation to match.

// Far gives keys and queries the positions at which they meet where they are far from each other. Rows are counted from the first
// one after the near store's first rows, which keep their own positions.
type Far interface {
	Key(row seq.Pos) seq.Pos               // that of a key, at most row
	Query(row seq.Pos, window int) seq.Pos // that of a query that reads its last window rows from the near store
	String() string
}

var fars = registry[Far]{what: "far position"}

// farNear is the near store of layers with far positions.
var farNear = NewUnion(Sinks{Tile}, Window{1024})

// farAt are the three positions of a row: its own, that of its key and that of its query.
const farAt = 3

// makeFar checks the far positions. With an error come the parts that do not fit.
func (c *Core) makeFar() (a, b any, err error) {
	l := c.layer
	if l.Far == nil {
		return nil, nil, nil
	}
	name := "far=" + l.Far.String()
	switch {
	case c.pos == nil:
		return name, "pos=" + l.Pos.String(), errors.New("there are no positions to change")
	case c.bias != nil:
		return name, "pos=" + l.Pos.String(), errors.New("biases have no keys to be stored at other positions")
	case c.ids != nil:
		return name, l.Ids, errors.New("rows have one numbering")
	case c.keySeal != nil:
		return name, "key=" + l.Key.String(), errors.New("keys that are encoded from near ones have their positions")
	}
	for k := range c.nearReach().Back {
		if q := seq.Pos(1 << 20); !l.Near.Sees(q, q-k) {
			return name, "near=" + l.Near.String(), fmt.Errorf("the row %d before a query has to be near", k)
		}
	}
	if c.nearReach().Back == 0 {
		return name, "near=" + l.Near.String(), errors.New("a window of near rows is needed")
	}
	c.far = l.Far
	return nil, nil, nil
}

// turns writes what the positions of row r of the step contribute to dst[farAt, width]: its own, and with far positions its key's and
// its query's.
func (j *job) turns(dst []float32, r int) {
	c, w := j.s.core, j.s.core.pos.Width()
	pos := j.placed(r)
	c.pos.Row(dst[:w], pos)
	if c.far == nil {
		return
	}
	reach := c.nearReach()
	first := min(reach.First, pos)
	c.pos.Row(dst[w:2*w], first+c.far.Key(pos-first))
	c.pos.Row(dst[2*w:], first+c.far.Query(pos-first, int(reach.Back)))
}

// turnWidth is the floats that turns writes.
func (c *Core) turnWidth() int {
	if c.far != nil {
		return farAt * c.pos.Width()
	}
	return c.pos.Width()
}

// parted moves what the query at q sees of the near store's first rows, the runs from old on, to first, where they are not in the window
// before it: those are read as far rows are.
func (c *Core) parted(near, first *sight, old int, q seq.Pos) {
	edge := q - c.nearReach().Back + 1
	kept := near.runs[:old]
	for _, r := range near.runs[old:] {
		if r.Lo < edge {
			first.runs = append(first.runs, seq.Run{Lo: r.Lo, Hi: min(r.Hi, edge)})
		}
		if r.Hi > edge {
			kept = append(kept, seq.Run{Lo: max(r.Lo, edge), Hi: r.Hi})
		}
	}
	near.runs = kept
}
