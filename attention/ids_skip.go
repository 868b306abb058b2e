package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	numberings.add("skip", func(a *args, _ Numbering) (Numbering, error) { return Skip{a.whole("from", 0), a.whole("by", 0)}, nil },
		"skip(from=90,by=300)")
}

// Skip leaves a gap of By positions before row From, as positions of longer texts are imitated in training (PoSE, arXiv
// 2309.10400): it shows whether a model understands distances that large.
type Skip struct{ From, By int }

// Fit implements Numbering.
func (s Skip) Fit() (Numbers, error) {
	if s.From < 0 || s.By < 0 {
		return nil, fmt.Errorf("from=%d, by=%d are not from 0 on", s.From, s.By)
	}
	return s, nil
}

// At implements Numbers.
func (s Skip) At(row seq.Pos) seq.Pos {
	if int(row) < s.From {
		return row
	}
	return seq.Pos(min(int64(row)+int64(s.By), math.MaxInt32))
}

func (s Skip) String() string {
	return term("skip", "from="+num(float64(s.From)), "by="+num(float64(s.By)))
}
