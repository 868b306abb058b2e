package attention

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// The near store holds, in f16 or what the plan says, a second copy of the first rows and of those close to the query, and queries read these instead
// of what the codec makes of them. Most of a query's attention goes there: with 4-bit keys, an error of the result of 1.6% becomes
// 0.08% with the first 64 rows and the last 128 in f16 (smollm2:135m, 4,000 tokens), for 3 to 4% of an f16 cache of 8,000.
// Codecs that encode whole tiles need it, since theirs are not there before they are full.

// nearDefault is the near store of codecs that gain from one.
var nearDefault = NewUnion(Sinks{Tile}, Window{2 * Tile})

// coarse is a Codec that has a near store unless the plan says otherwise.
type coarse interface{ coarse() }

// nearOf returns what is near for a layer whose plan does not say.
func nearOf(codecs ...Codec) Span {
	for _, c := range codecs {
		if _, ok := c.(coarse); ok {
			return nearDefault
		}
	}
	return Nothing{}
}

// usualNear returns what is near unless the plan says: nothing with a keeper, since near rows would have to move with the
// others, nor with a fold that lets go of tokens, nor with groups.
func (l Layer) usualNear() Span {
	switch {
	case l.Keep != nil, l.parted() != nil, l.Group != nil:
		return Nothing{}
	case l.Far != nil:
		return farNear
	}
	return nearOf(l.Key, l.Value)
}

// Nothing is a span of no rows: a layer without a near store.
type Nothing struct{}

// Sees implements Span.
func (Nothing) Sees(q, k seq.Pos) bool { return false }

// Runs implements Span.
func (Nothing) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run { return dst }

// Reach implements Reacher.
func (Nothing) Reach() (first, back seq.Pos) { return 0, 0 }

func (Nothing) String() string { return "none" }

// makeNear prepares the near store. With an error come the parts that do not fit.
func (c *Core) makeNear() (a, b any, err error) {
	l := c.layer
	seals := c.keySeal != nil || c.valSeal != nil
	r := c.nearReach()
	if !r.Bounded {
		return "near=" + l.Near.String(), l.Layout, errors.New("near rows must be bounded")
	}
	if r.First == 0 && r.Back == 0 {
		if seals {
			return l.Key.String() + "/" + l.Value.String(), "near=none", errors.New("tiles that are encoded when they are full need a near store")
		}
		return nil, nil, nil
	}
	for k := seq.Pos(0); seals && k < Tile; k++ {
		if !l.Near.Sees(1<<20+Tile-1, 1<<20+k) {
			return l.Key.String() + "/" + l.Value.String(), "near=" + l.Near.String(),
				fmt.Errorf("tiles that are encoded when they are full need a near window of %d", Tile)
		}
	}
	key, err := l.NearKV.Keys(c.shape.Dim)
	if err != nil {
		return "nearkv=" + l.NearKV.String(), c.shape, err
	}
	value, err := l.NearKV.Values(c.shape.VDim)
	if err != nil {
		return "nearkv=" + l.NearKV.String(), c.shape, err
	}
	if !asTheyCome(key) || !asTheyCome(value) {
		return "nearkv=" + l.NearKV.String(), l.Key.String() + "/" + l.Value.String(), errors.New("near rows are stored one by one, in the basis of the codec beside them")
	}
	d := newCoded(key, value, c.shape)
	// Integers are multiplied as such where those of the codec are, by the same quantised queries.
	if c.keyInts == nil || l.Far != nil {
		d.keyInts, d.keyNibs = nil, nil
	}
	if c.valInts == nil {
		d.valInts, d.valNibs = nil, nil
	}
	c.near = &d
	return nil, nil, nil
}

// asTheyCome reports whether rows are stored one by one and in the layer's basis.
func asTheyCome(r Rows) bool {
	_, seals := r.(Sealer)
	_, turns := r.(turning)
	_, narrow := r.(Narrow)
	return !seals && !turns && !narrow
}

func (c *Core) nearReach() Reach { return reach([]Span{c.layer.Near}) }

// storeNear puts a row into the near store, in the basis of the codec beside it, so that the same queries and sums serve both.
func (j *job) storeNear(row, head int, k, v []float32) {
	c := j.s.core
	key, value := j.s.nearTile(row/Tile, head)
	c.near.key.Put(key, row%Tile, k)
	c.near.value.Put(value, row%Tile, v)
}

// turned returns x in the basis of the tiles, in room if that is not its own.
func turned(room []float32, t turning, x []float32, head int) []float32 {
	if t == nil {
		return x
	}
	t.Turn(room, x, head)
	return room[:len(x)]
}

// nearSlack is how many rows a step may have to be stored in the near ring at once. Larger ones are staged: a ring of window +
// chunk − 1 rows for every layer would take more than the cache beside it saves.
const nearSlack = Tile

// stage gives a large step near tiles of its own, in scratch that all layers share: those that its first queries see, and its rows'.
func (j *job) stage() {
	s, c := j.s, j.s.core
	if j.staged = nil; c.near == nil || j.at.N <= nearSlack {
		return
	}
	kept, _ := s.near.place.Held(0)
	back := int(c.nearReach().Back)
	j.stageAt = max(kept, (j.at.First-back+1)/Tile)
	j.stageAt = min(j.stageAt, max(kept, j.at.First/Tile))
	j.staged = seq.Take[byte](j.at.Mem, c.staging(j.at.N))
	for t := j.stageAt; t < tiles(j.at.First); t++ {
		for h := range c.shape.KVHeads {
			key, value := s.near.tile(c.near, t, h)
			toKey, toValue := s.nearTile(t, h)
			copy(toKey, key)
			copy(toValue, value)
		}
	}
}

// staging returns the bytes of the tiles that the near rows of a step of n rows touch at most.
func (c *Core) staging(n int) int {
	rows := int(c.nearReach().Back) + Tile + n // those of a whole tile before it
	return (tiles(rows) + 1) * c.slot(c.near)
}

// unstage stores what the next steps see of a staged step's tiles.
func (j *job) unstage() {
	s, c := j.s, j.s.core
	if j.staged == nil {
		return
	}
	_, from := s.near.place.Held(tiles(s.n) - 1)
	for t := max(from, j.stageAt); t < tiles(s.n); t++ {
		for h := range c.shape.KVHeads {
			key, value := s.nearTile(t, h)
			toKey, toValue := s.near.tile(c.near, t, h)
			copy(toKey, key)
			copy(toValue, value)
		}
	}
	s.near.extend(s.n)
	j.staged = nil
}

// nearTile returns the near store's keys and values of a KV head in a tile.
func (s *state) nearTile(t, head int) (key, value []byte) {
	c, j := s.core, &s.job
	if j.staged == nil || t < j.stageAt {
		return s.near.tile(c.near, t, head)
	}
	ks, vs := c.near.key.Size(), c.near.value.Size()
	b := j.staged[((t-j.stageAt)*c.shape.KVHeads+head)*(ks+vs):]
	return b[:ks:ks], b[ks:][:vs:vs]
}

// seal encodes, for Sealer codecs, tile t of a KV head from its near copy.
func (j *job) seal(w *worker, t, head int) {
	c := j.s.core
	key, value := j.s.tile(t, head)
	nearKey, nearValue := j.s.nearTile(t, head)
	if c.keySeal != nil {
		c.near.key.Get(w.key, nearKey, Tile)
		c.keySeal.Seal(key, w.key)
	}
	if c.valSeal != nil {
		c.near.value.Get(w.val, nearValue, Tile)
		c.valSeal.Seal(value, w.val)
	}
}

// split moves what is near for the query at q from what it sees, the runs of far from old on, to near.
func (c *Core) split(far, near *sight, old int, q seq.Pos) {
	first := len(near.runs)
	near.runs = c.layer.Near.Runs(near.runs, q, q+1)
	kept := len(near.runs) // behind these, the intersections
	see := far.runs[old:]
	for _, s := range see {
		for _, n := range near.runs[first:kept] {
			if lo, hi := max(s.Lo, n.Lo), min(s.Hi, n.Hi); lo < hi {
				near.runs = append(near.runs, seq.Run{Lo: lo, Hi: hi})
			}
		}
	}
	// What is left of each run, between the near ones, is at most one run more than those.
	end := len(far.runs)
	for _, s := range see {
		lo := s.Lo
		for _, n := range near.runs[first:kept] {
			if n.Hi <= lo || n.Lo >= s.Hi {
				continue
			}
			if lo < n.Lo {
				far.runs = append(far.runs, seq.Run{Lo: lo, Hi: n.Lo})
			}
			lo = n.Hi
		}
		if lo < s.Hi {
			far.runs = append(far.runs, seq.Run{Lo: lo, Hi: s.Hi})
		}
	}
	far.runs = append(far.runs[:old], far.runs[end:]...)
	near.runs = append(near.runs[:first], near.runs[kept:]...)
}
