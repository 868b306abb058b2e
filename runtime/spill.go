package runtime

import (
	"fmt"
	"math"
	"os"

	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/seq"
)

// spill is the file of a session's caches, a part for each layer.
type spill struct {
	block   *mmap.Block
	cut     int   // bytes handed out as parts
	room    int64 // bytes that the process may have mapped between layers: what the budget has left when the session begins
	mapped  int64 // that it has at most
	parts   []*part
	written int64
	unit    int  // parts begin at multiples of it
	filled  bool // the parts that are handed out are those of a file that was written before: the disk has room for what is reserved

	faults int64 // of the process, before the pass
	cold   int   // passes for which reading is still taken to wait
}

// begin begins a pass. As long as pages come from the disk what is going to be read is fetched; that is a
// system call a piece, for nothing if it is there already. What is fetched in time causes no faults, so that some do not end it at once.
func (s *spill) begin() {
	now := mmap.MajorFaults()
	if s.cold--; now > s.faults {
		s.cold = 16
	}
	s.faults = now
}

// part is a layer's.
type part struct {
	*spill
	off      int // in the file
	reserved int // bytes that the disk has room for
	flushed  int // bytes that the system was told to write
	mapped   int // bytes of spill.mapped
}

// newSpill makes the session's file, if it is to have one.
func (s *Session) newSpill() error {
	if s.m.spill == "" || s.plan.Spill == 0 {
		return nil
	}
	b, err := mmap.CreateSparse(s.m.spill, s.plan.Spill)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSpill, err)
	}
	s.pages = append(s.pages, b)
	s.useSpill(&spill{block: b, unit: os.Getpagesize()})
	return nil
}

// useSpill makes p what the session's layers have their parts from.
func (s *Session) useSpill(p *spill) {
	s.spill, p.room = p, math.MaxInt64
	if s.m.budget > 0 {
		s.m.mu.Lock()
		others := s.m.taken - s.plan.session()
		s.m.mu.Unlock()
		p.room = max(0, s.m.budget-s.plan.Total()-others)
	}
	s.env.Spill = p.part
}

// part hands out the next n bytes.
func (s *spill) part(n int) ([]byte, seq.Spill, error) {
	p := &part{spill: s, off: s.cut}
	s.cut += (n + s.unit - 1) / s.unit * s.unit
	if s.cut > len(s.block.Bytes()) {
		return nil, nil, fmt.Errorf("%w: %d bytes are more than were planned", ErrSpill, n)
	}
	s.parts = append(s.parts, p)
	return s.block.Bytes()[p.off:][:n:n], p, nil
}

// leave takes note that no page is mapped any more.
func (s *spill) leave() {
	s.mapped = 0
	for _, p := range s.parts {
		p.mapped = 0
	}
}

// Reserve implements seq.Spill.
func (p *part) Reserve(n int) error {
	if n <= p.reserved {
		return nil
	}
	if p.filled {
		p.reserved = n
		return nil
	}
	if err := p.block.Reserve(p.off+p.reserved, n-p.reserved); err != nil {
		return fmt.Errorf("%w: %w", ErrSpill, err)
	}
	p.reserved = n
	return nil
}

// Ran implements seq.Spill. Which layers stay mapped when there is not room for all does not change from step to step: they are the
// ones that came first, and the others leave after each of theirs.
func (p *part) Ran(used, done, written int) error {
	p.written += int64(written)
	if done > p.flushed {
		if err := p.block.Flush(p.off+p.flushed, done-p.flushed); err != nil {
			return fmt.Errorf("%w: %w", ErrSpill, err)
		}
	}
	p.flushed = done
	p.spill.mapped += int64(used - p.mapped)
	p.mapped = used
	if p.spill.mapped > p.room && used > 0 {
		if err := p.block.Away(p.off, used); err != nil {
			return fmt.Errorf("%w: %w", ErrSpill, err)
		}
		p.spill.mapped -= int64(used)
		p.mapped = 0
	}
	return nil
}

// Cold implements seq.Spill.
func (p *part) Cold() bool { return p.cold > 0 }

// Want implements seq.Spill.
func (p *part) Want(off, n int) { p.block.Advise(mmap.WillNeed, p.off+off, n) }
