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

// Fetch implements seq.Fetcher: all that is seen, or, of the choices of a selector, the last one that rows go by.
func (s *state) Fetch(at *seq.Step) {
	c := s.core
	switch {
	case s.spill == nil || s.n == 0 || !s.spill.Cold():
	case c.sel == nil || at.N > Tile:
		from := needed(s.place, c.reach, s.n) / (block * Tile) * block * c.slot(&c.coded)
		s.spill.Want(from, s.upTo(tiles(s.n))-from)
	case c.sel.Every > 1:
		q := (s.n - 1) / c.sel.Every * c.sel.Every
		for h := range c.shape.KVHeads {
			s.want(h, floats[uint64](s.choices)[c.choiceAt(q/Tile, q%Tile/c.sel.Every, h):][:choiceWords(q/Tile)], q/Tile)
		}
	}
}

// want has the chosen ones of tiles [0, last] of a KV head fetched, those that lie together at once.
func (s *state) want(head int, choice []uint64, last int) {
	size := s.core.key.Size() + s.core.value.Size()
	for t := nextBit(choice, 0); t >= 0 && t <= last; t = nextBit(choice, t) {
		first := t / block * block
		held := min(block, s.place.Slots()-first)
		off := first*s.core.slot(&s.core.coded) + (head*held+t-first)*size
		n := 0
		for t < first+held && has(choice, t) {
			t, n = t+1, n+1
		}
		s.spill.Want(off, n*size)
	}
}

// fetchChosen has what few rows have just chosen fetched together, and not page by page as it is read.
func (s *state) fetchChosen(at *seq.Step) {
	c := s.core
	if s.spill == nil || at.N > few || !s.spill.Cold() {
		return
	}
	first, n := s.job.choosers()
	for q := first; n > 0 && q < s.n; q += c.sel.Every {
		for h := range c.shape.KVHeads {
			s.want(h, s.job.choice(q, h), q/Tile)
		}
	}
}
