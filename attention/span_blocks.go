package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	spans.add("blocks", func(a *args, _ Span) (Span, error) {
		b := Blocks{N: a.countLike("64"), Shift: seq.Pos(a.whole("shift", 0)), Back: seq.Pos(a.whole("back", 1))}
		if b.Shift >= b.N {
			return nil, fmt.Errorf("shift=%d is not less than a block of %d", b.Shift, b.N)
		}
		if int64(b.N)*(int64(b.Back)+1) >= 1<<31 {
			return nil, fmt.Errorf("back=%d blocks of %d reach further than any position", b.Back, b.N)
		}
		return b, nil
	}, "blocks(30)", "blocks(48,shift=24,back=0)")
}

// Blocks sees the query's own block of N positions, up to itself, and the Back blocks before it. With one block before, it is block-local
// attention (MASFormer, arXiv 2310.12442). Blocks begin Shift positions before multiples of N; half a block in every other layer
// lets what a block's last tokens know reach the next block where Back is 0 (PEGASUS-X, arXiv 2208.04347).
type Blocks struct{ N, Shift, Back seq.Pos }

// from is the first position that the query at q sees.
func (b Blocks) from(q seq.Pos) seq.Pos {
	// In 64 bits, since q may be near the largest position.
	return seq.Pos(max(0, ((int64(q)+int64(b.Shift))/int64(b.N)-int64(b.Back))*int64(b.N)-int64(b.Shift)))
}

// Sees implements Span.
func (b Blocks) Sees(q, k seq.Pos) bool { return k >= b.from(q) }

// Runs implements Span.
func (b Blocks) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	if lo := b.from(q); lo < hi {
		dst = append(dst, seq.Run{Lo: lo, Hi: hi})
	}
	return dst
}

// Reach implements Reacher.
func (b Blocks) Reach() (first, back seq.Pos) { return 0, b.N * (b.Back + 1) }

func (b Blocks) String() string {
	back := ""
	if b.Back != 1 {
		back = fmt.Sprintf("back=%d", b.Back)
	}
	return term("blocks", fmt.Sprint(b.N), optInt("shift", int(b.Shift)), back)
}
