package attention

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/godwit-ai/godwit/seq"
)

// state is a layer's cache in one session.
type state struct {
	core     *Core
	n        int // rows held
	low      int // a ring has overwritten the rows before this one, except those it keeps for good
	high     int // most rows ever held
	maxLen   int
	maxChunk int
	place    Placement
	mem      []byte // [Slots/block, KVHeads, block] tiles of keys, each followed by its tile of values; the last block may be short
	job      job    // the step in progress; here, so that handing it to a team allocates nothing
	work     []worker
}

// NewState returns the empty cache of one session.
func (c *Core) NewState(env *seq.Env) (seq.State, error) {
	maxLen, maxChunk := limits(env)
	place, size, err := c.size(env)
	if err != nil {
		return nil, err
	}
	s := &state{core: c, maxLen: maxLen, maxChunk: maxChunk, place: place}
	if env.Alloc == nil {
		s.mem = make([]byte, size)
	} else if s.mem, err = env.Alloc(size); err != nil {
		return nil, fmt.Errorf("attention layer %d: %d bytes of cache: %w", c.shape.Layer, size, err)
	}
	return s, nil
}

// Bytes returns the memory of a session's cache when it is full, or −1 when the session is not possible.
func (c *Core) Bytes(env *seq.Env) int64 {
	_, size, err := c.size(env)
	if err != nil {
		return -1
	}
	return int64(size)
}

func limits(env *seq.Env) (maxLen, maxChunk int) {
	if env.MaxChunk <= 0 {
		return env.MaxLen, env.MaxLen
	}
	return env.MaxLen, min(env.MaxChunk, env.MaxLen)
}

// size returns the placement of a session's tiles and the bytes they take.
func (c *Core) size(env *seq.Env) (Placement, int, error) {
	maxLen, maxChunk := limits(env)
	if maxLen < 1 || maxLen > 1<<30 {
		return nil, 0, fmt.Errorf("attention layer %d: a session of %d rows is not possible", c.shape.Layer, maxLen)
	}
	place, err := c.layer.Layout.Place(c.reach, maxLen, maxChunk)
	if err != nil {
		return nil, 0, fmt.Errorf("attention layer %d: %s: %w", c.shape.Layer, c.layer.Layout, err)
	}
	over, size := bits.Mul(uint(place.Slots()), uint(c.slot()))
	if over != 0 || size > 1<<(bits.UintSize-2) {
		return nil, 0, fmt.Errorf("attention layer %d: a cache of %d rows is too large", c.shape.Layer, maxLen)
	}
	return place, int(size), nil
}

// slot is the bytes of one tile of all heads.
func (c *Core) slot() int { return c.shape.KVHeads * (c.key.Size() + c.value.Size()) }

// tile returns the stored keys and values of a KV head in a tile. A worker reads a block of one head at a time: where that is
// one piece of memory, it arrives twice as fast as from between the tiles of other heads (21 and 12 GB/s on a Zen 4).
func (s *state) tile(t, head int) (key, value []byte) {
	ks, vs := s.core.key.Size(), s.core.value.Size()
	slot := s.place.Slot(t)
	first := slot / block * block
	b := s.mem[first*s.core.slot()+(head*min(block, s.place.Slots()-first)+slot-first)*(ks+vs):]
	return b[:ks:ks], b[ks:][:vs:vs]
}

// Len implements seq.State.
func (s *state) Len() int { return s.n }

// Bytes implements seq.State: the tiles that were ever used.
func (s *state) Bytes() int64 {
	return int64(min(tiles(s.high), s.place.Slots())) * int64(s.core.slot())
}

// Rewind implements seq.State. A ring can go back as long as it holds what the query at n will see.
func (s *state) Rewind(n int) error {
	if n < 0 || n > s.n {
		return fmt.Errorf("attention layer %d: rewind to row %d of %d", s.core.shape.Layer, n, s.n)
	}
	kept, _ := s.place.Held(0)
	need := kept * Tile // first row that must be there, beyond those that are kept for good
	if r := s.core.reach; r.Bounded {
		need = max(need, n-int(r.Back)+1)
	}
	if need < min(s.low, n) {
		return fmt.Errorf("attention layer %d: row %d is needed at row %d: %w", s.core.shape.Layer, need, n, seq.ErrRewind)
	}
	s.low = min(s.low, n)
	s.n = n
	return nil
}

// extend makes room for the rows up to n, before they are stored.
func (s *state) extend(n int) {
	_, from := s.place.Held(tiles(n) - 1)
	s.n, s.low, s.high = n, max(s.low, from*Tile), max(s.high, n)
}

// floats is a tile's bytes as numbers. Tiles start at multiples of 128 bytes.
func floats[T int8 | uint16 | float32](b []byte) []T {
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(t)))
}
