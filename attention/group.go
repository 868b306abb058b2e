package attention

import (
	"errors"
	"fmt"
	"slices"

	"github.com/godwit-ai/godwit/seq"
)

// Grouping divides the rows of a layer into groups by their coordinates, for attention along one axis at a time. A group is a sequence of
// its own: its rows see no others, and spans count its rows alone. Only positions stay those of the stream. Layers that divide along
// different axes take turns, so that what one row knows reaches all in two of them, as views and frames do in DVGT (arXiv 2512.16919).
type Grouping interface {
	Key(at seq.Coord) seq.Coord // the same for all rows of a group
	Most() int                  // groups of a session
	String() string
}

var groups = registry[Grouping]{what: "grouping"}

func init() { groups.add("none", func(*args, Grouping) (Grouping, error) { return nil, nil }, "none") }

// ErrGroups says that a session has more groups than the plan has room for.
var ErrGroups = errors.New("more groups than there is room for")

// makeGroups checks what goes with groups. With an error come the parts that do not fit.
func (c *Core) makeGroups() (a, b any, err error) {
	l := c.layer
	if l.Group == nil {
		return nil, nil, nil
	}
	name := "group=" + l.Group.String()
	switch near := c.nearReach(); {
	case l.Fold != nil:
		return name, l.Fold, errors.New("rows that are added have no coordinates")
	case l.Keep != nil:
		return name, l.Keep, errors.New("a keeper bounds one sequence")
	case l.Far != nil:
		return name, "far=" + l.Far.String(), errors.New("distances in a group are not those of the stream")
	case !near.Bounded || near.First > 0 || near.Back > 0:
		return name, "near=" + l.Near.String(), errors.New("near rows are those of the stream")
	case len(l.Select) > 0:
		return name, selectText(l.Select), errors.New("tiles are not complete in the order of the rows")
	}
	return nil, nil, nil
}

// grouped is where the rows of a session are. The loop works on slots: a group has blocks of block·Tile slots, which it takes one after
// another, and rows fill them in order. Sums over a group's slots so have the order of those over a sequence, bit for bit. Slots have
// tiles of storage only where there are rows.
type grouped struct {
	of     Grouping
	n      int // rows
	blocks int // that groups have taken
	tiles  int // of storage that are taken
	most   int // of them ever
	count  int // groups

	slots []int32 // [maxLen] where a row is
	key   []int32 // [blocks, 2] the group of a block
	back  []int32 // [blocks] its block before; −1: none
	nth   []int32 // [blocks] how many blocks it has before
	fill  []int32 // [blocks] rows in a block
	pages []int32 // [blocks, block] tiles of storage
}

const groupRows = block * Tile

// groupBytes is what a session of at most maxLen rows keeps beside the tiles.
func (c *Core) groupBytes(maxLen int) int {
	if c.layer.Group == nil {
		return 0
	}
	return 4 * (maxLen + groupBlocks(c.layer.Group, maxLen)*(5+block))
}

// groupBlocks is the most blocks that a session takes.
func groupBlocks(of Grouping, maxLen int) int { return min(maxLen/groupRows+of.Most(), maxLen) }

func (c *Core) newGroups(mem []byte, maxLen int) *grouped {
	g, n := &grouped{of: c.layer.Group}, groupBlocks(c.layer.Group, maxLen)
	g.slots, mem = carve[int32](mem, maxLen)
	g.key, mem = carve[int32](mem, 2*n)
	g.back, mem = carve[int32](mem, n)
	g.nth, mem = carve[int32](mem, n)
	g.fill, mem = carve[int32](mem, n)
	g.pages, _ = carve[int32](mem, block*n)
	return g
}

// runGroups runs a step of a layer with groups.
func (s *state) runGroups(j job, at *seq.Step) error {
	g := s.groups
	if at.Hide.Lo < at.Hide.Hi {
		return fmt.Errorf("attention layer %d: group=%s with rows that do not see each other: %w", s.core.shape.Layer, g.of, ErrCompose)
	}
	if at.Coords != nil && len(at.Coords) < at.N {
		return fmt.Errorf("attention layer %d: %d coordinates for %d rows", s.core.shape.Layer, len(at.Coords), at.N)
	}
	g.rewind(at.First)
	for r := range at.N {
		var of seq.Coord
		if at.Coords != nil {
			of = at.Coords[r]
		}
		if !g.add(of) {
			g.rewind(at.First)
			return fmt.Errorf("attention layer %d: row %d: group=%s: %w", s.core.shape.Layer, at.First+r, g.of, ErrGroups)
		}
	}
	return s.run(j, at)
}

// add gives the next row a slot; false: there is no room for its group.
func (g *grouped) add(of seq.Coord) bool {
	key := g.of.Key(of)
	b := g.last(key)
	if before := b; b < 0 || g.fill[b] == groupRows {
		if before < 0 && g.count == g.of.Most() {
			return false
		}
		b = g.blocks
		g.blocks++
		g.key[2*b], g.key[2*b+1], g.back[b], g.nth[b], g.fill[b] = key.A, key.B, int32(before), 0, 0
		if before < 0 {
			g.count++
		} else {
			g.nth[b] = g.nth[before] + 1
		}
	}
	in := int(g.fill[b])
	if in%Tile == 0 {
		g.pages[b*block+in/Tile] = int32(g.tiles)
		g.tiles++
		g.most = max(g.most, g.tiles)
	}
	g.slots[g.n] = int32(b*groupRows + in)
	g.fill[b]++
	g.n++
	return true
}

// last returns the last block of a group, or −1. Mostly it is that of the row before.
func (g *grouped) last(key seq.Coord) int {
	if g.n > 0 {
		b := int(g.slots[g.n-1]) / groupRows
		if g.key[2*b] == key.A && g.key[2*b+1] == key.B {
			return b
		}
	}
	for b := g.blocks - 1; b >= 0; b-- {
		if g.key[2*b] == key.A && g.key[2*b+1] == key.B {
			return b
		}
	}
	return -1
}

// rewind forgets the rows from n on, the last one first: what it took was taken last.
func (g *grouped) rewind(n int) {
	for ; g.n > n; g.n-- {
		b, in := int(g.slots[g.n-1])/groupRows, int(g.slots[g.n-1])%groupRows
		g.fill[b]--
		if in%Tile == 0 {
			g.tiles--
		}
		if in == 0 {
			g.blocks--
			if g.back[b] < 0 {
				g.count--
			}
		}
	}
}

// runs appends what the query of a row sees, as runs of slots: the span's, of the rows of the group.
func (g *grouped) runs(dst []seq.Run, span Span, row int) []seq.Run {
	old, b := len(dst), int(g.slots[row])/groupRows
	q := g.nth[b]*groupRows + g.slots[row]%groupRows
	dst = span.Runs(dst, q, q+1)
	end := len(dst)
	for i := end - 1; i >= old; i-- { // from the group's last block back
		for r := dst[i]; r.Lo < r.Hi; {
			for first := g.nth[b] * groupRows; first >= r.Hi; first = g.nth[b] * groupRows {
				b = int(g.back[b])
			}
			first := g.nth[b] * groupRows
			lo, shift := max(r.Lo, first), seq.Pos(b)*groupRows-first
			piece := seq.Run{Lo: lo + shift, Hi: r.Hi + shift}
			if n := len(dst) - 1; n >= end && dst[n].Lo == piece.Hi {
				dst[n].Lo = piece.Lo
			} else {
				dst = append(dst, piece)
			}
			r.Hi = lo
		}
	}
	slices.Reverse(dst[end:])
	return slices.Delete(dst, old, end)
}
