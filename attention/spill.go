package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// spilled is run for tiles in a file. Blocks of tiles go to the disk when they are complete and not row by row: a row of keys touches
// most pages of its tile, so that each page would be written up to 64 times.
func (s *state) spilled(j job, at *seq.Step) error {
	c := s.core
	index := 2 * c.panelSize() // bytes of a panel
	if err := s.spill.Reserve(s.upTo(tiles(s.n + at.N))); err != nil {
		return fmt.Errorf("attention layer %d: %w", c.shape.Layer, err)
	}
	if index > 0 {
		if err := s.indexSpill.Reserve(panels(tiles(s.n+at.N)) * index); err != nil {
			return fmt.Errorf("attention layer %d: %w", c.shape.Layer, err)
		}
	}
	if err := s.cuts(j, at); err != nil {
		return err
	}
	first := &s.shelves[0]
	done := first.size(s.n/(block*Tile)*block, &c.coded)
	if s.n == s.maxLen {
		done = len(first.mem)
	}
	if err := s.spill.Ran(s.upTo(tiles(s.n)), done, first.size(at.N, &c.coded)/Tile); err != nil {
		return fmt.Errorf("attention layer %d: %w", c.shape.Layer, err)
	}
	if index > 0 {
		full := s.n / (panel * Tile)
		if err := s.indexSpill.Ran(panels(tiles(s.n))*index, full*index, at.N*index/(panel*Tile)); err != nil {
			return fmt.Errorf("attention layer %d: %w", c.shape.Layer, err)
		}
	}
	return nil
}

// upTo is the bytes of the blocks of the first n tiles.
func (s *state) upTo(n int) int {
	first := &s.shelves[0]
	return first.size(min((n+block-1)/block*block, first.place.Slots()), &s.core.coded)
}

// Fetch implements seq.Fetcher: what the last choice that few rows go by has, where choices hold for several rows. From a cold file a
// token takes 43 ms instead of 103 (smollm2:135m, 2,000 tokens, recycle); where all is read in order the system reads ahead by itself,
// and for choices that are made only when they are needed asking gained nothing either.
func (s *state) Fetch(at *seq.Step) {
	c := s.core
	if s.spill == nil || s.n == 0 || !c.choosesAhead() || at.N > Tile || !s.spill.Cold() {
		return
	}
	for h, sel := range c.sel {
		if sel != nil && sel.Every > 1 {
			row := s.choices[h].goesBy(sel, s.n-1)
			s.want(h, s.choices[h].get(row), row/Tile)
		}
	}
}

// want has the chosen ones of tiles [0, last] of a KV head fetched, those that lie together at once.
func (s *state) want(head int, choice []uint64, last int) {
	c, sh, at := s.core, &s.shelves[0], s.core.homes[head].at
	size := c.key.Size() + c.value.Size()
	for t := nextBit(choice, 0); t >= 0 && t <= last; t = nextBit(choice, t) {
		end := min(t/block*block+block, sh.place.Slots())
		off, n := sh.offset(&c.coded, t, at), 0
		for t < end && has(choice, t) {
			t, n = t+1, n+1
		}
		s.spill.Want(off, n*size)
	}
}
