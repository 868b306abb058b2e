package runtime

import (
	"errors"
	"fmt"
	"slices"
)

// Trim says what of its memory a session gives back to the system.
type Trim int

const (
	// TrimScratch: what only steps need, which the next step takes again (smollm2:135m: a few megabytes), and drafts.
	TrimScratch Trim = iota
	// TrimAll: of sessions in files, or with Options.Spill, also the pages of keys and values: they leave the process's memory, and the system may
	// drop them when they are on the disk. The next token reads those that it needs again, from the system's file cache if they are still there.
	TrimAll
)

// Trim gives memory back at once; the session goes on as if nothing had been, to the bit. Hosts call it when the system asks for memory. A session that is in use by
// another goroutine is left alone, with ErrBusy.
func (s *Session) Trim(what Trim) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("trim: %w", err)
	}
	defer s.mu.Unlock()
	s.logits = slices.Clone(s.logits) // they may lie among those of drafts
	s.ahead = ahead{look: s.ahead.look}
	err := s.scratch.Zero(0, 0)
	if what == TrimAll && s.spill != nil {
		from := 0
		if s.store != nil {
			from = int(s.store.lay.memory)
		}
		if n := s.spill.cut - from; n > 0 {
			err = errors.Join(err, s.spill.block.Flush(from, n), s.spill.block.Away(from, n))
		}
		s.spill.leave()
	}
	if err != nil {
		return fmt.Errorf("trim: %w", err)
	}
	return nil
}
