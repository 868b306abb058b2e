package attention

import (
	"fmt"
)

func init() {
	folds.add("rmt", parseRMT, "rmt(segment=512,memory=16)", "rmt(segment=40,memory=3,token=7)", "rmt(segment=1,memory=0)")
}

// RMT cuts the stream into segments that do not see each other (Recurrent Memory Transformer, arXiv 2207.06881; BABILong, arXiv
// 2406.10149). Memory rows stand before a segment's tokens, and again behind them; the states in which the network leaves the latter are
// what the next segment's memory rows begin with.
type RMT struct {
	Segment int // tokens
	Memory  int // rows; 0: segments know nothing of each other
	Token   int // whose embedding the first segment's memory is; −1: the model has vectors for it
}

// Folding implements Fold.
func (m RMT) Folding() Folding {
	return Folding{Unit: m.Segment, Before: m.Memory, After: m.Memory, Drops: true, Token: int32(m.Token)}
}

func (m RMT) String() string {
	return term("rmt", fmt.Sprintf("segment=%d", m.Segment), fmt.Sprintf("memory=%d", m.Memory), tokenText(m.Token))
}

func parseRMT(a *args, _ Fold) (Fold, error) {
	m := RMT{Segment: atLeast1(a, "segment", 512), Memory: a.whole("memory", 16), Token: a.whole("token", -1)}
	if m.Segment > 1<<24 || m.Memory > 1<<10 {
		return nil, fmt.Errorf("a segment of %d tokens with %d rows of memory is more than %d with %d", m.Segment, m.Memory, 1<<24, 1<<10)
	}
	return m, nil
}
