package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// spilled is run for tiles in a file. Blocks of tiles go to the disk when they are complete and not row by row: a row of keys touches
// most pages of its tile, so that each page would be written up to 64 times.
func (s *state) spilled(j job, at *seq.Step) error {
	c := s.core
	if err := s.spill.Reserve(s.upTo(tiles(s.n + at.N))); err != nil {
		return fmt.Errorf("attention layer %d: %w", c.shape.Layer, err)
	}
	if err := s.run(j, at); err != nil {
		return err
	}
	done := s.n / (block * Tile) * block * c.slot(&c.coded)
	if s.n == s.maxLen {
		done = len(s.mem)
	}
	if err := s.spill.Ran(s.upTo(tiles(s.n)), done, at.N*c.slot(&c.coded)/Tile); err != nil {
		return fmt.Errorf("attention layer %d: %w", c.shape.Layer, err)
	}
	return nil
}

// upTo is the bytes of the blocks of the first n tiles.
func (s *state) upTo(n int) int {
	slots := min((n+block-1)/block*block, s.place.Slots())
	return slots * s.core.slot(&s.core.coded)
}
