package attention

import (
	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// Attention over tiles of integers: the queries of a query tile are quantised once, the weights of values once per tile.

// ints is a worker's scratch for integers.
type ints struct {
	row     []float32 // [padded Dim] a query, filled up with zeros
	p       []int8    // [rows, Tile] weights of values times the values' scales
	pMeta   []i8.Meta // [rows, Tile/32]
	scale   []float32 // [Tile] of values
	visible []float32 // [Tile] the same, 0 for rows that the query does not see
	rest    []float32 // [rows, 16] results of the last panel if it is not full
	keyQ    []int8    // [rows, padded Dim] queries times the channels' scales
	keyMeta []i8.Meta // [rows, padded Dim/32]
	channel []float32 // [2, padded Dim] scales and offsets of channels
	room    []int8    // [Room] a tile of keys or values, unpacked
}

func (c *Core) padded() int { return (c.shape.Dim + i8.Group - 1) / i8.Group * i8.Group }

// takeInts takes what the layer needs for rows query rows.
func (c *Core) takeInts(mem *seq.Arena, rows int) (w ints) {
	room := 0
	if c.keyInts != nil {
		room = c.keyInts.Room()
		dim := c.padded()
		if dim != c.shape.Dim {
			w.row = seq.Take[float32](mem, dim)
		}
		if c.keyChan != nil {
			w.keyQ, w.keyMeta = seq.Take[int8](mem, rows*dim), i8.Metas(seq.Take[uint64](mem, rows*dim/i8.Group))
			w.channel = seq.Take[float32](mem, 2*dim)
		}
	}
	if c.valInts != nil {
		room = max(room, c.valInts.Room())
		w.p, w.pMeta = seq.Take[int8](mem, rows*Tile), i8.Metas(seq.Take[uint64](mem, rows*Tile/i8.Group))
		w.scale, w.visible = seq.Take[float32](mem, Tile), seq.Take[float32](mem, Tile)
		if c.shape.VDim%i8.Panel != 0 {
			w.rest = seq.Take[float32](mem, rows*i8.Panel)
		}
	}
	w.room = seq.Take[int8](mem, room)
	return w
}

// quantize quantises rows of queries; row is scratch.
func (c *Core) quantize(q *queries, row []float32, rows int) {
	dim, pad := c.shape.Dim, c.padded()
	if dim == pad {
		i8.Quantize(q.codes, q.meta, q.q[:rows*dim])
		return
	}
	clear(row)
	for r := range rows {
		copy(row, q.q[r*dim:][:dim])
		i8.Quantize(q.codes[r*pad:], q.meta[r*pad/i8.Group:], row)
	}
}

// intLogits sets s[rows, Tile] to the products of the worker's queries from row from on with a tile of keys.
func (c *Core) intLogits(d *coded, s []float32, w *worker, tile []byte, from, rows int) {
	pad := c.padded()
	if d.keyChan != nil {
		c.channelLogits(d, s, w, tile, from, rows)
		return
	}
	if d.keyNibs != nil && i8.Nibbles(rows) {
		if keys, scales := d.keyNibs.Nibbles(tile); keys != nil {
			i8.Dot4(s, Tile, w.codes[from*pad:], w.meta[from*pad/i8.Group:], keys, scales, rows, pad)
			return
		}
	}
	keys, scales := d.keyInts.Ints(tile, w.room)
	i8.Dot(s, Tile, w.codes[from*pad:], w.meta[from*pad/i8.Group:], keys, scales, rows, pad)
}

// channelLogits is intLogits of keys that are scaled by channel: the queries take the scales, and their products with the offsets
// are the same for all rows of the tile.
func (c *Core) channelLogits(d *coded, s []float32, w *worker, tile []byte, from, rows int) {
	dim, pad := c.shape.Dim, c.padded()
	scale, low := w.channel[:pad], w.channel[pad:]
	d.keyChan.Channels(tile, scale, low)
	q := w.queries.q[from*dim : (from+rows)*dim]
	if dim == pad {
		i8.Weigh(w.keyQ, w.keyMeta, q, scale)
	}
	for r := range rows {
		row := q[r*dim:][:dim]
		if dim != pad {
			clear(w.row)
			copy(w.row, row)
			i8.Weigh(w.keyQ[r*pad:], w.keyMeta[r*pad/i8.Group:], w.row, scale)
		}
		offset := vec.Dot(row, low[:dim])
		for t := range s[r*Tile:][:Tile] {
			s[r*Tile+t] = offset
		}
	}
	if d.keyNibs != nil && i8.Nibbles(rows) {
		if keys, _ := d.keyNibs.Nibbles(tile); keys != nil {
			i8.MulAdd4(s, Tile, w.keyQ, w.keyMeta, keys, rows, pad)
			return
		}
	}
	keys, _ := d.keyInts.Ints(tile, w.room)
	i8.MulAdd(s, Tile, w.keyQ, w.keyMeta, keys, rows, pad)
}

// intValues adds the weighted values of a tile to the results of queries [from, to). The weights are in w.s.
func (j *job) intValues(d *coded, w *worker, m softmax, tile []byte, from, to, t int) {
	c, n := j.s.core, &w.ints
	g, dim := c.group, c.shape.VDim
	var nibbles []byte
	var values []int8
	var scales []uint16
	if d.valNibs != nil && i8.Nibbles((to-from)*g) {
		nibbles, scales = d.valNibs.Nibbles(tile)
	}
	if nibbles == nil {
		values, scales = d.valInts.Ints(tile, n.room)
	}
	vec.F16ToF32(n.scale, scales)
	if w.full {
		i8.Weigh(n.p, n.pMeta, w.s[from*g*Tile:to*g*Tile], n.scale)
	}
	for i := from; i < to && !w.full; {
		v, e := &w.see[i], i+1
		by := n.scale
		if v.hi-v.lo < Tile || v.holes {
			// Rows that a query does not see may have any scale, NaN too.
			by = n.visible
			w.seen(by, n.scale, v, t)
		} else {
			for e < to && w.see[e].hi-w.see[e].lo == Tile && !w.see[e].holes {
				e++
			}
		}
		i8.Weigh(n.p[(i-from)*g*Tile:], n.pMeta[(i-from)*g*Tile/i8.Group:], w.s[i*g*Tile:][:(e-i)*g*Tile], by)
		i = e
	}
	rows, out, full := (to-from)*g, m.out[from*g*dim:], dim/i8.Panel*i8.Panel
	if nibbles != nil {
		i8.MulAdd4(out, dim, n.p, n.pMeta, nibbles, rows, Tile)
		return
	}
	i8.MulAdd(out, dim, n.p, n.pMeta, values[:full*Tile], rows, Tile)
	if full == dim {
		return
	}
	for r := range rows {
		copy(n.rest[r*i8.Panel:], out[r*dim+full:(r+1)*dim])
	}
	i8.MulAdd(n.rest, i8.Panel, n.p, n.pMeta, values[full*Tile:][:i8.Panel*Tile], rows, Tile)
	for r := range rows {
		copy(out[r*dim+full:(r+1)*dim], n.rest[r*i8.Panel:])
	}
}

// seen copies the factors of the rows of tile t that a query sees; the others become 0.
func (w *worker) seen(dst, src []float32, v *view, t int) {
	clear(dst)
	for _, r := range w.runs[v.next:v.last()] {
		lo, hi := max(int(r.Lo)-t*Tile, 0), min(int(r.Hi)-t*Tile, Tile)
		if lo >= Tile {
			break
		}
		if lo < hi {
			copy(dst[lo:hi], src[lo:hi])
		}
	}
}

// products sets s[rows, Tile] to those of query rows from the from-th on with the first last keys of tile t: of q, or of the worker's
// quantised ones.
func (j *job) products(w *worker, d *coded, q, s []float32, key []byte, head, t, from, rows, last int) {
	c, dim := j.s.core, j.s.core.shape.Dim
	switch {
	case c.infused != nil:
		clear(s)
		d.key.Get(w.key, key, last)
		c.infuse(w, j.at.First+w.row0, head, t, last)
		vec.MulAdd(s, q[from*dim:], w.key, rows, dim, Tile, dim, Tile, Tile)
	case d.keyInts != nil && !j.at.Exact:
		c.intLogits(d, s, w, key, from, rows)
	case d.keyMul != nil && rows <= few:
		clear(s)
		d.keyMul.MulAdd(s, q[from*dim:], key, 0, rows, d.keyDim, Tile, dim, Tile)
	default:
		clear(s)
		d.key.Get(w.key, key, last)
		vec.MulAdd(s, q[from*dim:], w.key, rows, d.keyDim, Tile, dim, Tile, Tile)
	}
}
