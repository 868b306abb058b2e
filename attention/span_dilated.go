package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	spans.add("dilated", func(a *args, _ Span) (Span, error) {
		d := Dilated{W: a.countLike("64,4"), R: a.countLike("64,4"), Offset: seq.Pos(a.whole("offset", -1))}
		if d.R > d.W {
			return nil, fmt.Errorf("every %d-th position of segments of %d", d.R, d.W)
		}
		if d.Offset >= d.R {
			return nil, fmt.Errorf("offset=%d is not less than %d", d.Offset, d.R)
		}
		return d, nil
	}, "dilated(60,3)", "dilated(100,4,offset=1)")
}

// Dilated sees every R-th position of the query's own segment of W positions: those that are as far from the segment's start as the
// query, but for a multiple of R (LongNet, arXiv 2307.02486). With an Offset from 0 on, only queries at that distance see
// anything, as in one head of the paper, whose heads have different offsets; a list of spans gives each KV head its own.
//
// LongNet adds up the softmaxes of several pairs of W and R, in which a key that two of them see counts twice. A sum of spans here is a
// union: it counts once.
type Dilated struct {
	W, R   seq.Pos
	Offset seq.Pos // −1: any
}

// Sees implements Span.
func (d Dilated) Sees(q, k seq.Pos) bool {
	return q/d.W == k/d.W && (q-k)%d.R == 0 && (d.Offset < 0 || q%d.W%d.R == d.Offset)
}

// Runs implements Span.
func (d Dilated) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	at := q % d.W
	if d.Offset >= 0 && at%d.R != d.Offset {
		return dst
	}
	if d.R == 1 {
		if q-at < hi {
			dst = append(dst, seq.Run{Lo: q - at, Hi: hi})
		}
		return dst
	}
	for k := q - at + at%d.R; k <= q && k < hi; k += d.R {
		dst = append(dst, seq.Run{Lo: k, Hi: k + 1})
		if k > q-d.R {
			break // the next one could be no position
		}
	}
	return dst
}

// Count implements Counter.
func (d Dilated) Count(seq.Pos) int {
	if d.R == 1 {
		return 1
	}
	return int(d.W/d.R) + 1
}

// Reach implements Reacher.
func (d Dilated) Reach() (first, back seq.Pos) { return 0, d.W }

func (d Dilated) String() string {
	offset := ""
	if d.Offset >= 0 {
		offset = fmt.Sprintf("offset=%d", d.Offset)
	}
	return term("dilated", fmt.Sprint(d.W), fmt.Sprint(d.R), offset)
}
