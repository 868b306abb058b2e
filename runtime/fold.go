package runtime

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/seq"
)

// fold is a session's part of a plan's fold: which rows the layers get for its tokens. Tokens are all that a session's callers see; rows
// that are added come in the pass of the token behind them, so that a stream's end has none that the next token does not need.
type fold struct {
	attention.Folding
	ids  []int32 // of a pass's rows; −1−i stands for vector i. [rows of a pass]
	want []int   // of the rows those whose logits are wanted. [rows of a pass]

	first   []float32 // the added rows of the session's first unit, which are the model's. [vectors, width]
	vectors []float32 // those of the unit that the layers hold. [vectors, width]
	next    []float32 // room for those of the unit behind it. [vectors, width]
	start   int       // that unit's first token; 0 unless units drop all

	// Where units drop all, some of them are remembered by the vectors they begin with: of those whose number has j zeros at its end the
	// last one. So going back by n units computes at most 2n again, and the memory is that of the logarithm of the units.
	marks []int     // [slots] numbers of units; 0: none
	saved []float32 // [slots, vectors, width]
}

// newFold makes the fold of a session, if the plan has one.
func (s *Session) newFold() {
	f := s.m.fold
	if f == nil {
		return
	}
	s.fold = &fold{Folding: f.Folding, ids: make([]int32, s.env.MaxChunk), want: make([]int, s.env.MaxChunk), first: s.m.net.Fold, vectors: s.m.net.Fold}
	if f.Drops {
		s.fold.vectors, s.fold.next = make([]float32, len(s.fold.first)), make([]float32, len(s.fold.first))
		copy(s.fold.vectors, s.fold.first)
		s.fold.marks = make([]int, f.marks(s.plan.Context))
		s.fold.saved = make([]float32, len(s.fold.marks)*len(s.fold.first))
	}
}

// folding is a plan's fold with what it takes.
type folding struct {
	attention.Folding
	text string
}

// marks is how many units are remembered of so many tokens.
func (f *folding) marks(context int) int { return bits.Len(uint(context / f.Unit)) }

// rows returns the rows of a session of so many tokens that layers hold at most, and those of its passes over chunk tokens.
func (m *Model) rows(context, chunk int) (held, pass int) {
	if m.fold == nil {
		return context, chunk
	}
	return m.fold.MaxRows(context), m.fold.StepRows(min(chunk, context))
}

// foldBytes is what the fold of a session takes of the heap.
func (m *Model) foldBytes(context, chunk int) int64 {
	if m.fold == nil {
		return 0
	}
	_, pass := m.rows(context, chunk)
	n := int64(pass) * 20
	if m.fold.Drops {
		n += int64(m.fold.marks(context)+2)*int64(len(m.net.Fold))*4 + int64(m.fold.marks(context))*8
	}
	return n
}

// lay lays out the rows of a pass over tokens from the first-th on: it sets the step's rows and wanted rows, and returns their ids. pos is
// the first token's position.
func (f *fold) lay(at *seq.Step, pos []seq.Pos, tokens []int32, first int) []int32 {
	from := first - f.start
	base := f.Rows(from)
	n, wanted := 0, 0
	for i, id := range tokens {
		own := f.Rows(from+i+1) - base - 1
		for v := int32(-1); n < own; v-- {
			f.ids[n], pos[n] = v, seq.Pos(first+i)
			n++
		}
		f.ids[n], pos[n] = id, seq.Pos(first+i)
		if wanted < len(at.Want) && at.Want[wanted] == i {
			f.want[wanted] = n
			wanted++
		}
		n++
	}
	if f.Drops {
		for i := range n {
			pos[i] = seq.Pos(base + i)
		}
	}
	at.First, at.N, at.Pos, at.Want, at.Given = base, n, pos[:n], f.want[:wanted], f.vectors
	return f.ids[:n]
}

// room returns how many of n tokens from the first-th on a pass may have: within a unit that will be dropped, and of no more than rows rows.
func (f *fold) room(first, n, rows int) int {
	if !f.Drops {
		for n > 1 && f.Rows(first+n)-f.Rows(first) > rows {
			n--
		}
		return n
	}
	if left := f.Unit - (first - f.start); left > 0 {
		return min(n, left)
	}
	return min(n, f.Unit) // the unit is turned first
}

// turn ends a unit that is full and drops all, before its next token: the states of the rows behind it begin the next one.
func (s *Session) turn(ctx context.Context) error {
	f := s.fold
	first := len(s.tokens)
	if !f.Drops || first-f.start < f.Unit {
		return nil
	}
	if f.After > 0 {
		base := f.Rows(f.Unit)
		for i := range f.After {
			f.ids[i], s.pos[i], f.want[i] = int32(-1-i), seq.Pos(base+i), i
		}
		s.step = seq.Step{First: base, N: f.After, Pos: s.pos[:f.After], Want: f.want[:f.After], Given: f.vectors, States: f.next, Exact: s.exact}
		if err := s.run(ctx, f.ids[:f.After], nil); err != nil {
			if e := s.state.Rewind(base); e != nil {
				err = errors.Join(err, s.restart(), e)
			}
			return err
		}
		f.vectors, f.next = f.next, f.vectors
	}
	f.start = first
	f.save(first / f.Unit)
	return s.state.Rewind(0)
}

// save remembers the unit that begins.
func (f *fold) save(unit int) {
	slot := bits.TrailingZeros(uint(unit))
	f.marks[slot] = unit
	copy(f.saved[slot*len(f.vectors):], f.vectors)
}

// load begins with the last unit, up to that of the given number, that is remembered, and forgets those after. It returns its first token.
func (f *fold) load(unit int) int {
	best, from := 0, f.first
	for slot, u := range f.marks {
		switch {
		case u > unit:
			f.marks[slot] = 0
		case u > best:
			best, from = u, f.saved[slot*len(f.vectors):]
		}
	}
	copy(f.vectors, from)
	f.start = best * f.Unit
	return f.start
}

// back takes the layers' state back to the first n tokens. The error wraps seq.ErrRewind when that past is gone.
func (s *Session) back(n int) error {
	f := s.fold
	if f == nil {
		return s.state.Rewind(n)
	}
	if n >= f.start {
		return s.state.Rewind(f.Rows(n - f.start))
	}
	return fmt.Errorf("the tokens before %d were dropped: %w", f.start, seq.ErrRewind)
}

// resume empties the layers, and takes the stream back to the last place up to token n from which it can be computed again.
func (s *Session) resume(n int) (from int, err error) {
	if f := s.fold; f != nil && f.Drops {
		from = f.load(n / f.Unit)
	}
	s.fresh = false
	s.shorten(from)
	s.cutSets(from)
	s.ahead.look.forget(from)
	return from, s.state.Rewind(0)
}

// foldCost is Cost with the rows that a fold adds.
func (m *Model) foldCost(first, n int, exact bool) (cost Cost) {
	f := m.fold
	if !f.Drops {
		return m.net.Cost(f.Rows(first), f.Rows(first+n)-f.Rows(first), exact)
	}
	for n > 0 {
		in := first % f.Unit
		some := min(n, f.Unit-in)
		if in == 0 && first > 0 {
			cost.Add(m.net.Cost(f.Rows(f.Unit), f.After, exact))
		}
		cost.Add(m.net.Cost(f.Rows(in), f.Rows(in+some)-f.Rows(in), exact))
		first, n = first+some, n-some
	}
	return cost
}
