package attention

import (
	"errors"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	groups.add("same", parseSame, "same(a)", "same(b)", "same(a,b)", "same(a,most=40)")
}

// Same has rows in one group whose coordinates on the axes that it names are the same.
type Same struct {
	A, B bool
	Room int // groups of a session at most; 0: 256
}

const usualGroups = 256

func parseSame(a *args, _ Grouping) (Grouping, error) {
	s := Same{A: a.flag("a"), B: a.flag("b"), Room: atLeast1(a, "most", usualGroups)}
	if !s.A && !s.B {
		return nil, errors.New("an axis is missing, as in same(a)")
	}
	if s.Room > 1<<24 {
		return nil, errors.New("most is at most 16777216")
	}
	return s, nil
}

// Key implements Grouping.
func (s Same) Key(at seq.Coord) seq.Coord {
	if !s.A {
		at.A = 0
	}
	if !s.B {
		at.B = 0
	}
	return at
}

// Most implements Grouping.
func (s Same) Most() int {
	if s.Room == 0 {
		return usualGroups
	}
	return s.Room
}

func (s Same) String() string {
	return term("same", optFlag("a", s.A), optFlag("b", s.B), unlessUsual("most", s.Most(), usualGroups))
}
