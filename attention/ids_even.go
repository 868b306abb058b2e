package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	numberings.add("even", func(a *args, _ Numbering) (Numbering, error) { return Even{a.whole("max", 0), a.whole("len", 0)}, nil },
		"even(max=1000,len=150)")
}

// Even spreads Len rows over the positions from 0 to Max − 1, without chance: row i has ⌊i·(Max−1)/(Len−1)⌋. Rows beyond Len
// continue one by one.
type Even struct{ Max, Len int }

// Fit implements Numbering.
func (e Even) Fit() (Numbers, error) { return e, checkDraw(e.Max, e.Len) }

// At implements Numbers.
func (e Even) At(row seq.Pos) seq.Pos {
	if int(row) >= e.Len {
		return beyond(e.Max, e.Len, row)
	}
	return seq.Pos(int64(row) * int64(e.Max-1) / max(int64(e.Len-1), 1))
}

func (e Even) String() string { return term("even", optInt("max", e.Max), optInt("len", e.Len)) }

// checkDraw checks that n of so many positions can be had.
func checkDraw(positions, n int) error {
	const most = 1 << 30
	if n < 1 || positions < n || positions > most {
		return fmt.Errorf("max=%d, len=%d are not positive, len at most max and max at most %d", positions, n, most)
	}
	return nil
}

// beyond is the position of a row after the n that have got theirs among so many.
func beyond(positions, n int, row seq.Pos) seq.Pos {
	return seq.Pos(min(int64(row)+int64(positions-n), math.MaxInt32))
}
