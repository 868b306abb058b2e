package attention

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/godwit-ai/godwit/seq"
)

// state is a layer's cache in one session.
type state struct {
	core       *Core
	n          int // rows held
	high       int // most rows ever held
	maxLen     int
	maxChunk   int
	shelves    []shelf   // tiles of all rows
	near       shelf     // those of the near store; place nil: there is none
	place      Placement // of places
	places     []seq.Pos // [Slots, Tile] positions of keys; only for biases
	spill      seq.Spill // where the first shelf is; nil: in memory
	index      []byte    // [panels, KVHeads, vectors, width, panel] halves: what the selector knows of complete tiles
	choices    []choices // [KVHeads] what rows that others go by have chosen, the last ones
	indexSpill seq.Spill // where index is; nil: in memory
	reads      int64     // tiles read, over rows and KV heads, of those that a selector chose from
	sees       int64     // tiles seen
	job        job       // the step in progress; here, so that handing it to a team allocates nothing
	work       []worker
	step       seq.Step // the piece of a step in progress
	kept       *kept    // nil: nothing is ever forgotten by a Keeper
	groups     *grouped // nil: all rows are one sequence

	sum, indexSum seq.Sum // of complete blocks of the first shelf, and of complete panels of index, for outlines
}

// NewState returns the empty cache of one session.
func (c *Core) NewState(env *seq.Env) (seq.State, error) {
	maxLen, maxChunk := limits(env)
	size, err := c.size(env)
	if err != nil {
		return nil, err
	}
	s := &state{core: c, maxLen: maxLen, maxChunk: maxChunk, place: size.place, shelves: size.shelves, near: size.near}
	alloc := func(n int) (b []byte) {
		switch {
		case err != nil || n == 0:
		case env.Alloc == nil:
			b = make([]byte, n)
		default:
			if b, err = env.Alloc(n); err != nil {
				err = fmt.Errorf("attention layer %d: %d bytes of cache: %w", c.shape.Layer, n, err)
			}
		}
		return b
	}
	vectors, choices := c.indexSize(maxLen)
	inMemory := s.shelves
	if c.growing && env.Spill != nil {
		first := &s.shelves[0]
		n := first.whole(&c.coded)
		if first.mem, s.spill, err = env.Spill(n); err != nil {
			return nil, fmt.Errorf("attention layer %d: %d bytes of cache: %w", c.shape.Layer, n, err)
		}
		inMemory = s.shelves[1:]
		if vectors > 0 {
			if s.index, s.indexSpill, err = env.Spill(vectors); err != nil {
				return nil, fmt.Errorf("attention layer %d: %d bytes of what is known of tiles: %w", c.shape.Layer, vectors, err)
			}
			vectors = 0
		}
	}
	own := 0
	for i := range inMemory {
		own += inMemory[i].whole(&c.coded)
	}
	mem := alloc(own + size.marks + size.close + size.kept + size.groups)
	if vectors > 0 {
		s.index = alloc(vectors)
	}
	bits := alloc(choices)
	if err != nil {
		return nil, err
	}
	s.choices = c.newChoices(bits, maxLen)
	take := func(n int) (b []byte) {
		b, mem = mem[:n:n], mem[n:]
		return b
	}
	for i := range inMemory {
		inMemory[i].mem = take(inMemory[i].whole(&c.coded))
	}
	if c.bias != nil {
		s.places = floats[seq.Pos](take(size.marks))
	}
	s.near.mem = take(size.close)
	if size.kept > 0 {
		s.kept = c.newKept(mem, maxLen)
	}
	if size.groups > 0 {
		s.groups = c.newGroups(mem, maxLen)
	}
	return s, nil
}

// Bytes returns the memory of a session's cache when it is full, or −1 when the session is not possible.
func (c *Core) Bytes(env *seq.Env) int64 {
	size, err := c.size(env)
	if err != nil {
		return -1
	}
	maxLen, _ := limits(env)
	vectors, choices := c.indexSize(maxLen)
	return int64(size.far + size.marks + size.close + size.kept + size.groups + vectors + choices)
}

// Spilled returns the part of Bytes that a session with Env.Spill has in its file: the tiles of heads that keep every row where it
// was written. What is overwritten again and again, as in a ring, stays in memory.
func (c *Core) Spilled(env *seq.Env) int64 {
	size, err := c.size(env)
	if err != nil || !c.growing {
		return 0
	}
	tiles := size.shelves[0].whole(&c.coded)
	vectors, _ := c.indexSize(env.MaxLen)
	if vectors > 0 { // each begins with a page, of 64 KiB at most
		return int64((tiles+1<<16-1)>>16<<16 + vectors)
	}
	return int64(tiles)
}

func limits(env *seq.Env) (maxLen, maxChunk int) {
	if env.MaxChunk <= 0 {
		return env.MaxLen, env.MaxLen
	}
	return env.MaxLen, min(env.MaxChunk, env.MaxLen)
}

// sizes are where a session's tiles live and the bytes that they take.
type sizes struct {
	shelves []shelf
	near    shelf
	place   Placement // of positions
	far     int       // bytes of shelves
	close   int       // of the near store
	marks   int       // of positions of keys
	kept    int       // of what a keeper knows of its rows
	groups  int       // of where the rows of groups are
}

func (c *Core) size(env *seq.Env) (s sizes, err error) {
	maxLen, maxChunk := limits(env)
	if maxLen < 1 || maxLen > 1<<30 {
		return s, fmt.Errorf("attention layer %d: a session of %d rows is not possible", c.shape.Layer, maxLen)
	}
	if s.place, err = c.layer.place(c.reach, maxLen, maxChunk); err != nil {
		return s, fmt.Errorf("attention layer %d: %s: %w", c.shape.Layer, c.layer.Layout, err)
	}
	if s.shelves, err = c.newShelves(maxLen, maxChunk); err != nil {
		return s, fmt.Errorf("attention layer %d: %s: %w", c.shape.Layer, c.layer.Layout, err)
	}
	_, fits := product(s.place.Slots(), c.slot(&c.coded)+c.marks()) // no shelf has more slots
	if fits {
		for i := range s.shelves {
			s.far += s.shelves[i].whole(&c.coded)
		}
		s.marks = s.place.Slots() * c.marks()
	}
	if fits && c.near != nil {
		s.near = shelf{reach: c.nearReach(), heads: c.shape.KVHeads}
		if s.near.place, err = (Ring{}).Place(s.near.reach, maxLen, min(maxChunk, nearSlack)); err != nil {
			return s, fmt.Errorf("attention layer %d: near rows: %w", c.shape.Layer, err)
		}
		s.close, fits = product(s.near.place.Slots(), c.slot(c.near))
	}
	if !fits {
		return s, fmt.Errorf("attention layer %d: a cache of %d rows is too large", c.shape.Layer, maxLen)
	}
	s.kept, s.groups = c.keptBytes(maxLen), c.groupBytes(maxLen)
	return s, nil
}

// product returns a·b unless it is too large for memory.
func product(a, b int) (int, bool) {
	over, n := bits.Mul(uint(a), uint(b))
	return int(n), over == 0 && n <= 1<<(bits.UintSize-2)
}

// slot is the bytes of one tile of all heads.
func (c *Core) slot(d *coded) int { return c.shape.KVHeads * (d.key.Size() + d.value.Size()) }

// marks is the bytes of the positions of a tile's keys, which are kept behind all tiles.
func (c *Core) marks() int {
	if c.bias == nil {
		return 0
	}
	return Tile * 4
}

// tile returns the stored keys and values of a KV head in a tile.
func (s *state) tile(t, head int) (key, value []byte) {
	if s.kept != nil && s.kept.pages != nil {
		ks, vs := s.core.key.Size(), s.core.value.Size()
		b := s.shelves[0].mem[int(s.kept.pages[head*s.kept.per+t])*(ks+vs):]
		return b[:ks:ks], b[ks:][:vs:vs]
	}
	if s.groups != nil {
		t = int(s.groups.pages[t])
	}
	at := s.core.homes[head]
	return s.shelves[at.shelf].tile(&s.core.coded, t, at.at)
}

// marks are the positions of the keys of a tile.
func (s *state) marks(t int) []seq.Pos {
	if s.groups != nil {
		t = int(s.groups.pages[t])
	}
	return s.places[s.place.Slot(t)*Tile:][:Tile]
}

// Len implements seq.State.
func (s *state) Len() int { return s.n }

// Bytes implements seq.State: the tiles that were ever used.
func (s *state) Bytes() int64 {
	c := s.core
	slots := tiles(s.high)
	if p := c.fold; p != nil {
		ring, stay := p.used(s.high)
		slots = tiles(ring) + tiles(stay)
	}
	if s.groups != nil {
		slots = s.groups.most
	}
	n := int64(min(slots, s.place.Slots()) * c.marks())
	for i := range s.shelves {
		sh := &s.shelves[i]
		n += int64(sh.size(min(slots, sh.place.Slots()), &c.coded))
	}
	if c.near != nil {
		n += int64(s.near.size(min(tiles(s.high), s.near.place.Slots()), c.near))
	}
	if s.kept != nil {
		n += int64(c.keptBytes(s.maxLen))
	}
	n += int64(c.groupBytes(s.maxLen))
	vectors, choices := c.indexSize(s.high)
	return n + int64(vectors+choices)
}

// Rewind implements seq.State. A ring can go back as long as it holds what the query at n will see.
func (s *state) Rewind(n int) error {
	if n < 0 || n > s.n {
		return fmt.Errorf("attention layer %d: rewind to row %d of %d", s.core.shape.Layer, n, s.n)
	}
	if s.core.growing && s.kept == nil {
		s.sum.Cut(s.shelves[0].size(n/(block*Tile)*block, &s.core.coded))
		s.indexSum.Cut(n / (panel * Tile) * s.core.panelSize() * 2)
	}
	if s.kept != nil {
		if err := s.kept.rewind(n); err != nil {
			return fmt.Errorf("attention layer %d: %w", s.core.shape.Layer, err)
		}
		s.n = n
		return nil
	}
	if s.core.fold != nil {
		return s.unfold(n)
	}
	if s.groups != nil {
		s.groups.rewind(n)
		s.n = n
		return nil
	}
	if n < s.n && !s.goesOn(n) {
		return fmt.Errorf("attention layer %d: what row %d goes by is not kept: %w", s.core.shape.Layer, n, seq.ErrRewind)
	}
	lost := func(of *shelf, need int) error {
		if need < min(of.low, n) {
			return fmt.Errorf("attention layer %d: row %d is needed at row %d: %w", s.core.shape.Layer, need, n, seq.ErrRewind)
		}
		return nil
	}
	for i := range s.shelves {
		if err := lost(&s.shelves[i], s.shelves[i].needs(n)); err != nil {
			return err
		}
	}
	if s.core.near != nil {
		need := s.near.needs(n)
		if kept, _ := s.near.place.Held(0); n/Tile >= kept {
			need = min(need, n/Tile*Tile) // the last tile will be sealed
		}
		if err := lost(&s.near, need); err != nil {
			return err
		}
	}
	for h := range s.choices {
		s.choices[h].forget(n)
	}
	for i := range s.shelves {
		s.shelves[i].low = min(s.shelves[i].low, n)
	}
	s.near.low = min(s.near.low, n)
	s.n = n
	return nil
}

// extend makes room for the rows up to n, before they are stored.
func (s *state) extend(n int) {
	for i := range s.shelves {
		s.shelves[i].extend(n)
	}
	if s.core.near != nil && n-s.n <= nearSlack { // else unstage does it
		s.near.extend(n)
	}
	s.n, s.high = n, max(s.high, n)
}

// floats is a tile's bytes as numbers. Tiles start at multiples of 128 bytes.
func floats[T int8 | uint16 | int32 | uint32 | float32 | uint64](b []byte) []T {
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(t)))
}
