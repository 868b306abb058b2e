package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	temps.add("log", func(a *args, _ Temperature) (Temperature, error) { return Log{a.whole("orig", 0)}, nil }, "log(orig=64)")
}

// Log sharpens attention by max(1, ln n / ln Orig) at the n-th position, so that it does not spread out over texts longer than
// those of training: the entropy of a softmax over n keys grows as ln n.
type Log struct{ Orig int } // trained context

// Factor implements Temperature.
func (l Log) Factor(_ int, pos seq.Pos) float32 {
	n := float64(pos) + 1
	if n <= float64(l.Orig) {
		return 1
	}
	return float32(ln(n) / ln(float64(l.Orig)))
}

// Check implements Temperature.
func (l Log) Check(int) error {
	if l.Orig < 2 {
		return fmt.Errorf("orig=%d is not 2 or more", l.Orig)
	}
	return nil
}

func (l Log) String() string { return term("log", optInt("orig", l.Orig)) }
