package attention

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// Fold is learned memory that stands for text which is dropped: rows that a session puts between those of its tokens. They carry on what
// the rows that go have said. All layers of a model have the same one, and the model has to be trained for it.
type Fold interface {
	Folding() Folding
	String() string
}

var folds = registry[Fold]{what: "fold"}

func init() { folds.add("none", func(*args, Fold) (Fold, error) { return nil, nil }, "none") }

// Folding says which rows a session adds, and when. They are added late, when a token comes that has to find them, and in its pass.
type Folding struct {
	First  int // tokens before the first unit
	Unit   int // tokens of a unit
	Before int // rows before a unit's tokens; only where units drop all
	After  int // rows behind the tokens of a full unit

	// Drops: with its last row, a unit drops all that layers hold; the states of its After rows are the next one's Before rows.
	// Positions are counted from the unit's first row. Else a session has one stream of positions, and each row that is added shares the
	// position of the token behind it.
	Drops bool

	Token int32 // whose embedding the added rows are at first; −1: the model has vectors of its own
}

// Vectors returns how many vectors the added rows begin with.
func (f Folding) Vectors() int { return max(f.Before, f.After) }

// Rows returns how many rows the first n tokens take; where units drop all, the first n of a unit.
func (f Folding) Rows(n int) int {
	switch {
	case n == 0:
		return 0
	case f.Drops:
		return f.Before + n
	}
	return n + f.due(n)*f.After
}

// due is how many units are full before the last of n tokens.
func (f Folding) due(n int) int { return max(0, n-f.First-1) / f.Unit }

// MaxRows returns the most rows that layers hold of a session of n tokens.
func (f Folding) MaxRows(n int) int {
	if f.Drops {
		return f.Before + min(n, f.Unit) + f.After
	}
	return f.Rows(n)
}

// StepRows returns the most rows of a pass over n tokens.
func (f Folding) StepRows(n int) int {
	if f.Drops {
		return max(f.Before+min(n, f.Unit), f.After)
	}
	return n + (n+f.Unit-1)/f.Unit*f.After
}

// Parter is a Fold whose layers let go of tokens while a session goes on: a query sees the first tokens, all rows that were added, and the
// tokens of its own unit and the ones before that.
type Parter interface {
	// Parts returns how many units before its own a query sees, and how many tokens may come at once.
	Parts() (back, chunk int)
}

// parted is where the rows of a layer with a Parter live: slots [0, ring) have the last tokens in turns, those from stay on the first
// tokens and then the rows that were added, in order. A row has one slot, whatever the steps, and a query sees three runs of slots at most.
// What stays begins at a block of its own, so that first tokens alone have the bits of a cache that keeps everything.
type parted struct {
	Folding
	back int // units before its own that a query sees
	ring int // slots, a multiple of Tile
	stay int // slot of the first token
	step int // most rows of a step: what these overwrite, their first query does not see
}

// parted returns that of the layer's fold; nil: rows stay as the layout says.
func (l Layer) parted() *parted {
	of, ok := l.Fold.(Parter)
	if !ok {
		return nil
	}
	back, chunk := of.Parts()
	p := &parted{Folding: l.Fold.Folding(), back: back}
	whole := (back + 1) * p.Unit // what the last row of a unit sees
	p.ring = tiles(whole+max(chunk, 1+p.After)) * Tile
	p.stay = (p.ring + block*Tile - 1) / (block * Tile) * block * Tile
	p.step = p.ring - whole
	p.step += p.step / p.Unit * p.After
	return p
}

// of returns the place of a row behind the first tokens: its unit, and which row of that it is.
func (p *parted) of(row int) (unit, in int) {
	return (row - p.First) / (p.Unit + p.After), (row - p.First) % (p.Unit + p.After)
}

// slot is where a row lives.
func (p *parted) slot(row int) int {
	if row < p.First {
		return p.stay + row
	}
	unit, in := p.of(row)
	if in < p.Unit {
		return (unit*p.Unit + in) % p.ring
	}
	return p.stay + p.First + unit*p.After + in - p.Unit
}

// passed returns how many tokens behind the first ones are among n rows, and how many rows that were added.
func (p *parted) passed(n int) (tokens, added int) {
	if n <= p.First {
		return 0, 0
	}
	unit, in := p.of(n)
	return unit*p.Unit + min(in, p.Unit), unit*p.After + max(0, in-p.Unit)
}

// Sees implements Span. It is about rows.
func (p *parted) Sees(q, k seq.Pos) bool {
	if int(k) < p.First {
		return true
	}
	own, _ := p.of(int(q))
	unit, in := p.of(int(k))
	return in >= p.Unit || unit >= own-p.back
}

// Runs implements Span, but the runs are of slots.
func (p *parted) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	tokens, added := p.passed(int(hi))
	end := p.stay + min(int(hi), p.First) + added
	if tokens > 0 {
		unit, _ := p.of(int(q))
		lo := max(0, unit-p.back) * p.Unit
		from, to := seq.Pos(lo%p.ring), seq.Pos((tokens-1)%p.ring+1)
		switch {
		case lo >= tokens:
		case from < to:
			dst = append(dst, seq.Run{Lo: from, Hi: to})
		default:
			dst = append(dst, seq.Run{Lo: 0, Hi: to}, seq.Run{Lo: from, Hi: seq.Pos(p.ring)})
		}
	}
	if end > p.stay {
		dst = append(dst, seq.Run{Lo: seq.Pos(p.stay), Hi: seq.Pos(end)})
	}
	return dst
}

func (p *parted) String() string { return "parted" }

// makeFold prepares the fold. With an error come the parts that do not fit.
func (c *Core) makeFold() (a, b any, err error) {
	l := c.layer
	c.spans = l.Span
	if l.Fold == nil {
		return nil, nil, nil
	}
	if l.Keep != nil {
		return l.Fold, l.Keep, errors.New("a fold says itself what goes")
	}
	p := l.parted()
	if p == nil {
		return nil, nil, nil
	}
	_, full := l.Span[0].(Full)
	switch near := c.nearReach(); {
	case len(l.Span) != 1 || !full:
		return l.Fold, spanText(l.Span), errors.New("a fold says itself what is seen")
	case !near.Bounded || near.First > 0 || near.Back > 0:
		return l.Fold, "near=" + l.Near.String(), errors.New("rows that were added would count as near ones")
	case len(l.Select) > 0:
		return l.Fold, selectText(l.Select), errors.New("tiles do not stay what they were")
	}
	c.fold, c.spans = p, []Span{p}
	return nil, nil, nil
}

// parts runs a step of a layer with a Parter, cut if it is longer than the ring allows.
func (s *state) parts(j job, at *seq.Step) error {
	if at.Hide.Lo < at.Hide.Hi {
		return fmt.Errorf("attention layer %d: %s with rows that do not see each other: %w", s.core.shape.Layer, s.core.layer.Fold, ErrCompose)
	}
	p := s.core.fold
	for done := 0; done < at.N; {
		n := min(at.N-done, p.step)
		tokens, _ := p.passed(at.First + done + n)
		s.shelves[0].low = max(s.shelves[0].low, tokens-p.ring)
		if err := s.piece(j, at, done, n); err != nil {
			return err
		}
		done += n
	}
	return nil
}

// unfold goes back to n rows, as long as the ring has the tokens that the query at n sees. low is the first that it has.
func (s *state) unfold(n int) error {
	p := s.core.fold
	tokens, _ := p.passed(n)
	need := tokens
	if n >= p.First {
		unit, _ := p.of(n)
		need = min(tokens, max(0, unit-p.back)*p.Unit)
	}
	low := &s.shelves[0].low
	if need < min(*low, tokens) {
		return fmt.Errorf("attention layer %d: token %d behind the first is needed at row %d: %w", s.core.shape.Layer, need, n, seq.ErrRewind)
	}
	*low, s.n = min(*low, tokens), n
	return nil
}

// used is how many slots of the ring, and of those that stay, n rows have used.
func (p *parted) used(n int) (ring, stay int) {
	tokens, added := p.passed(n)
	return min(tokens, p.ring), min(n, p.First) + added
}
