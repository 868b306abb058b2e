package attention

import "errors"

func init() { layouts.add("ring", plain[Layout](Ring{}), "ring") }

// Ring keeps the first rows that the span always sees and, in a ring, those that the window of any query of a chunk
// reaches: window + chunk − 1 rows, in whole tiles. A ring of only the window would overwrite, with the chunk's last
// rows, what its first queries need.
type Ring struct{}

// Place implements Layout.
func (Ring) Place(r Reach, maxLen, maxChunk int) (Placement, error) {
	if !r.Bounded {
		return nil, errors.New("a ring forgets what the span still sees")
	}
	// A query that sees only sinks still has its own row stored somewhere.
	rows := max(int(r.Back), 1) + maxChunk - 1
	p := ring{keep: tiles(int(r.First)), size: (rows+Tile-2)/Tile + 1}
	if all := tiles(maxLen); p.keep+p.size >= all {
		return grow(all), nil
	}
	return p, nil
}

func (Ring) String() string { return "ring" }

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
