package tokenizer

import (
	"math"
	"unicode/utf8"
)

// step is the best way found to reach a place in the text.
type step struct {
	score float64
	from  int32 // where its last token begins
	id    ID
}

// unkPenalty is what a character without a piece costs beyond the worst piece.
const unkPenalty = 10

// unigram encodes a fragment by SentencePiece's unigram model: of all ways to cut the normalised text into pieces, the one
// with the highest sum of scores (Viterbi). Sums are float64 as in the reference, so that ties break the same way.
func (e *encoder) unigram(text string) {
	x := e.x
	e.buf = e.t.norm.apply(e.buf[:0], text)
	b := e.buf
	if len(b) == 0 {
		return
	}
	if cap(e.best) < len(b)+1 {
		e.best = make([]step, len(b)+1)
	}
	best := e.best[:len(b)+1]
	for i := range best {
		best[i] = step{-math.MaxFloat64, 0, e.t.unk}
	}
	best[0].score = 0
	for i := 0; i < len(b); {
		_, n := utf8.DecodeRune(b[i:])
		single := false
		for size := range x.pieces.up(b[i:]) {
			if size > len(b)-i {
				break
			}
			id := x.vocab.find(b[i : i+size])
			if id < 0 || !x.inLattice(id) {
				continue
			}
			single = single || size == n
			score := best[i].score
			if x.kind(id) != UserDefined { // those cost nothing, so that they are preferred
				score += float64(x.t.score(id))
			}
			if to := &best[i+size]; score > to.score {
				*to = step{score, int32(i), id}
			}
		}
		if !single {
			if to := &best[i+n]; best[i].score+x.unkScore > to.score {
				*to = step{best[i].score + x.unkScore, int32(i), e.t.unk}
			}
		}
		i += n
	}
	start := len(e.dst)
	unknown := false
	for i := len(b); i > 0; i = int(best[i].from) {
		id := best[i].id
		was := unknown
		if unknown = id == e.t.unk; (!unknown || !was) && id >= 0 { // a run of unknown characters is one token
			e.dst = append(e.dst, id)
		}
	}
	for i, j := start, len(e.dst)-1; i < j; i, j = i+1, j-1 {
		e.dst[i], e.dst[j] = e.dst[j], e.dst[i]
	}
}

func (x *lookup) inLattice(id ID) bool {
	switch x.kind(id) {
	case Normal, UserDefined, Unused:
		return true
	}
	return false
}
