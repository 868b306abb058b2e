package attention

import (
	"errors"

	"github.com/godwit-ai/godwit/seq"
)

func init() { layouts.add("ring", parseRing, "ring", "ring(step=24)") }

// Ring keeps the first rows that the span always sees and, in a ring, those that the window of any query of a chunk
// reaches: window + chunk − 1 rows, in whole tiles. A ring of only the window would overwrite, with the chunk's last
// rows, what its first queries need.
//
// With Step, a layer takes longer chunks in pieces of so many rows, and the ring holds window + Step − 1: of gemma3:270m's windows of 512, 10
// tiles instead of 13. What then cannot be taken back is a chunk of more rows than Step.
type Ring struct {
	Step int // 0: chunks are not cut
}

// Cutter is a Layout that has chunks taken in pieces of at most so many rows; 0: it has not.
type Cutter interface{ Cut() int }

// Cut implements Cutter.
func (l Ring) Cut() int { return l.Step }

func parseRing(a *args, _ Layout) (Layout, error) { return Ring{a.whole("step", 0)}, nil }

// Place implements Layout.
func (l Ring) Place(r Reach, maxLen, maxChunk int) (Placement, error) {
	if !r.Bounded {
		return nil, errors.New("a ring forgets what the span still sees")
	}
	if l.Step > 0 {
		maxChunk = min(maxChunk, l.Step)
	}
	// A query that sees only sinks still has its own row stored somewhere.
	rows := max(int(r.Back), 1) + maxChunk - 1
	p := ring{keep: tiles(int(r.First)), size: (rows+Tile-2)/Tile + 1}
	if all := tiles(maxLen); p.keep+p.size >= all {
		return grow(all), nil
	}
	return p, nil
}

func (l Ring) String() string { return term("ring", optInt("step", l.Step)) }

// ring keeps tiles [0, keep) for good and the newest size of the others.
type ring struct{ keep, size int }

func (r ring) Slots() int { return r.keep + r.size }

func (r ring) Slot(tile int) int {
	if tile < r.keep {
		return tile
	}
	return r.keep + (tile-r.keep)%r.size
}

func (r ring) Held(top int) (first, from int) { return r.keep, max(r.keep, top-r.size+1) }

// cuts runs a step, in pieces if the layout has them.
func (s *state) cuts(j job, at *seq.Step) error {
	if s.core.cut == 0 || at.N <= s.core.cut {
		return s.run(j, at)
	}
	for done := 0; done < at.N; done += s.core.cut {
		if err := s.piece(j, at, done, min(s.core.cut, at.N-done)); err != nil {
			return err
		}
	}
	return nil
}
