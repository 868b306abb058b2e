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
	low        int // a ring has overwritten the rows before this one, except those it keeps for good
	nearLow    int // the same of the near store
	high       int // most rows ever held
	maxLen     int
	maxChunk   int
	place      Placement
	nearAt     Placement // nil: there is no near store
	near       []byte    // [Slots/block, KVHeads, block] tiles of the near store, as in mem
	places     []seq.Pos // [Slots, Tile] positions of keys; only for biases
	mem        []byte    // [Slots/block, KVHeads, block] tiles of keys, each followed by its tile of values; the last block may be short
	spill      seq.Spill // where mem is; nil: in memory
	index      []byte    // [panels, KVHeads, vectors, width, panel] halves: what the selector knows of complete tiles
	choices    []choices // [KVHeads] what rows that others go by have chosen, the last ones
	indexSpill seq.Spill // where index is; nil: in memory
	reads      int64     // tiles read, over rows and KV heads, of those that a selector chose from
	sees       int64     // tiles seen
	job        job       // the step in progress; here, so that handing it to a team allocates nothing
	work       []worker
	step       seq.Step // the piece of a step in progress
	kept       *kept    // nil: nothing is ever forgotten by a Keeper
}

// NewState returns the empty cache of one session.
func (c *Core) NewState(env *seq.Env) (seq.State, error) {
	maxLen, maxChunk := limits(env)
	size, err := c.size(env)
	if err != nil {
		return nil, err
	}
	s := &state{core: c, maxLen: maxLen, maxChunk: maxChunk, place: size.place, nearAt: size.nearAt}
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
	far := size.far
	if c.grows && env.Spill != nil {
		if s.mem, s.spill, err = env.Spill(size.far); err != nil {
			return nil, fmt.Errorf("attention layer %d: %d bytes of cache: %w", c.shape.Layer, size.far, err)
		}
		far = 0
		if vectors > 0 {
			if s.index, s.indexSpill, err = env.Spill(vectors); err != nil {
				return nil, fmt.Errorf("attention layer %d: %d bytes of what is known of tiles: %w", c.shape.Layer, vectors, err)
			}
			vectors = 0
		}
	}
	mem := alloc(far + size.marks + size.near + size.kept)
	if vectors > 0 {
		s.index = alloc(vectors)
	}
	bits := alloc(choices)
	if err != nil {
		return nil, err
	}
	s.choices = c.newChoices(bits, maxLen)
	if s.spill == nil {
		s.mem, mem = mem[:far], mem[far:]
	}
	if c.bias != nil {
		s.places = floats[seq.Pos](mem[:size.marks])
	}
	s.near = mem[size.marks:]
	if size.kept > 0 {
		s.kept = c.newKept(s.near[size.near:], maxLen)
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
	return int64(size.far + size.marks + size.near + size.kept + vectors + choices)
}

// Spilled returns the part of Bytes that a session with Env.Spill has in its file: the tiles of a layer that keeps every row where it
// was written. What is overwritten again and again, as in a ring, stays in memory.
func (c *Core) Spilled(env *seq.Env) int64 {
	size, err := c.size(env)
	if err != nil || !c.grows {
		return 0
	}
	vectors, _ := c.indexSize(env.MaxLen)
	if vectors > 0 { // each begins with a page, of 64 KiB at most
		return int64((size.far+1<<16-1)>>16<<16 + vectors)
	}
	return int64(size.far)
}

func limits(env *seq.Env) (maxLen, maxChunk int) {
	if env.MaxChunk <= 0 {
		return env.MaxLen, env.MaxLen
	}
	return env.MaxLen, min(env.MaxChunk, env.MaxLen)
}

// sizes are where a session's tiles live and the bytes that they take.
type sizes struct {
	place, nearAt Placement
	far, near     int
	marks         int // positions of keys
	kept          int // what a keeper knows of its rows
}

func (c *Core) size(env *seq.Env) (s sizes, err error) {
	maxLen, maxChunk := limits(env)
	if maxLen < 1 || maxLen > 1<<30 {
		return s, fmt.Errorf("attention layer %d: a session of %d rows is not possible", c.shape.Layer, maxLen)
	}
	if s.place, err = c.layer.place(c.reach, maxLen, maxChunk); err != nil {
		return s, fmt.Errorf("attention layer %d: %s: %w", c.shape.Layer, c.layer.Layout, err)
	}
	fits := false
	if _, fits = product(s.place.Slots(), c.slot(&c.coded)+c.marks()); fits {
		s.far, s.marks = s.place.Slots()*c.slot(&c.coded), s.place.Slots()*c.marks()
	}
	if fits && c.near != nil {
		if s.nearAt, err = (Ring{}).Place(c.nearReach(), maxLen, min(maxChunk, nearSlack)); err != nil {
			return s, fmt.Errorf("attention layer %d: near rows: %w", c.shape.Layer, err)
		}
		s.near, fits = product(s.nearAt.Slots(), c.slot(c.near))
	}
	if !fits {
		return s, fmt.Errorf("attention layer %d: a cache of %d rows is too large", c.shape.Layer, maxLen)
	}
	s.kept = c.keptBytes(maxLen)
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

// tile returns the stored keys and values of a KV head in a tile. A worker reads a block of one head at a time: where that is
// one piece of memory, it arrives twice as fast as from between the tiles of other heads (21 and 12 GB/s on a Zen 4).
func (s *state) tile(t, head int) (key, value []byte) {
	if s.kept != nil && s.kept.pages != nil {
		ks, vs := s.core.key.Size(), s.core.value.Size()
		b := s.mem[int(s.kept.pages[head*s.kept.per+t])*(ks+vs):]
		return b[:ks:ks], b[ks:][:vs:vs]
	}
	return s.in(s.mem, &s.core.coded, s.place, t, head)
}

// in is tile of one of the stores.
func (s *state) in(mem []byte, d *coded, place Placement, t, head int) (key, value []byte) {
	ks, vs := d.key.Size(), d.value.Size()
	slot := place.Slot(t)
	first := slot / block * block
	b := mem[first*s.core.slot(d)+(head*min(block, place.Slots()-first)+slot-first)*(ks+vs):]
	return b[:ks:ks], b[ks:][:vs:vs]
}

// Len implements seq.State.
func (s *state) Len() int { return s.n }

// Bytes implements seq.State: the tiles that were ever used.
func (s *state) Bytes() int64 {
	slots := min(tiles(s.high), s.place.Slots())
	if p := s.core.fold; p != nil {
		ring, stay := p.used(s.high)
		slots = tiles(ring) + tiles(stay)
	}
	n := int64(slots) * int64(s.core.slot(&s.core.coded)+s.core.marks())
	if s.nearAt != nil {
		n += int64(min(tiles(s.high), s.nearAt.Slots())) * int64(s.core.slot(s.core.near))
	}
	if s.kept != nil {
		n += int64(s.core.keptBytes(s.maxLen))
	}
	vectors, choices := s.core.indexSize(s.high)
	return n + int64(vectors+choices)
}

// Rewind implements seq.State. A ring can go back as long as it holds what the query at n will see.
func (s *state) Rewind(n int) error {
	if n < 0 || n > s.n {
		return fmt.Errorf("attention layer %d: rewind to row %d of %d", s.core.shape.Layer, n, s.n)
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
	need := needed(s.place, s.core.reach, n)
	lost := need < min(s.low, n)
	if n < s.n && !s.goesOn(n) {
		return fmt.Errorf("attention layer %d: what row %d goes by is not kept: %w", s.core.shape.Layer, n, seq.ErrRewind)
	}
	if s.nearAt != nil && !lost {
		need = needed(s.nearAt, s.core.nearReach(), n)
		if kept, _ := s.nearAt.Held(0); n/Tile >= kept {
			need = min(need, n/Tile*Tile) // the last tile will be sealed
		}
		lost = need < min(s.nearLow, n)
	}
	if lost {
		return fmt.Errorf("attention layer %d: row %d is needed at row %d: %w", s.core.shape.Layer, need, n, seq.ErrRewind)
	}
	for h := range s.choices {
		s.choices[h].forget(n)
	}
	s.low, s.nearLow = min(s.low, n), min(s.nearLow, n)
	s.n = n
	return nil
}

// needed returns the first row that must be there for the query at n, beyond those that are kept for good.
func needed(place Placement, r Reach, n int) int {
	kept, _ := place.Held(0)
	if !r.Bounded {
		return kept * Tile
	}
	return max(kept*Tile, n-int(r.Back)+1)
}

// extend makes room for the rows up to n, before they are stored.
func (s *state) extend(n int) {
	_, from := s.place.Held(tiles(n) - 1)
	s.low = max(s.low, from*Tile)
	if s.nearAt != nil && n-s.n <= nearSlack { // else unstage does it
		_, from = s.nearAt.Held(tiles(n) - 1)
		s.nearLow = max(s.nearLow, from*Tile)
	}
	s.n, s.high = n, max(s.high, n)
}

// floats is a tile's bytes as numbers. Tiles start at multiples of 128 bytes.
func floats[T int8 | uint16 | int32 | uint32 | float32 | uint64](b []byte) []T {
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(t)))
}
