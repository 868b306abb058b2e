package runtime

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

// surprise is −ln p of the tokens of a stream, which some keepers judge rows by. It is there only for plans that need it, since it
// needs the logits of every row. Logits after the last token are kept beside the session's, which a sampler may change.
type surprise struct {
	want   []int     // every row of a pass; nil: the plan does not need any of this
	logits []float32 // of one pass. [chunk, vocabulary]
	last   []float32 // after the stream's last token. [vocabulary]
	of     []float32 // [context] of each token; 0 for the first
}

// bytes is the memory held.
func (u *surprise) bytes() int64 {
	return int64(len(u.logits)+len(u.last)+len(u.of))*4 + int64(len(u.want))*8
}

// newSurprise makes room for passes of as many rows as Each would take.
func (s *Session) newSurprise() {
	vocab := s.m.Info.Vocab
	rows := min(s.plan.Chunk, s.plan.Rows)
	s.surprise = surprise{want: make([]int, rows), logits: make([]float32, rows*vocab), last: make([]float32, vocab), of: make([]float32, s.plan.Context)}
	for i := range s.surprise.want {
		s.surprise.want[i] = i
	}
}

// stepRows returns how many tokens the next pass may have.
func (s *Session) stepRows() int {
	first := len(s.tokens)
	_, _, until := s.place(first)
	n := min(s.plan.Chunk, until-first)
	if s.fold != nil {
		return s.fold.room(first, n, s.m.net.Until(s.state.Len()))
	}
	n = min(n, s.m.net.Until(first))
	if s.surprise.want != nil {
		n = min(n, len(s.surprise.want))
	}
	return n
}

// before is called when a pass begins, and returns what is known of the tokens up to its first.
func (u *surprise) before(first int, chunk []int32) []float32 {
	if u.want == nil {
		return nil
	}
	if first > 0 {
		u.of[first] = unexpected(u.last, chunk[0])
	}
	return u.of[:first]
}

// after is called when a pass has succeeded, with the logits of all its rows.
func (u *surprise) after(first int, chunk []int32, logits []float32) {
	vocab := len(u.last)
	for i, id := range chunk[1:] {
		u.of[first+1+i] = unexpected(logits[i*vocab:(i+1)*vocab], id)
	}
	copy(u.last, logits[(len(chunk)-1)*vocab:])
}

// unexpected returns −ln of the probability of a token.
func unexpected(logits []float32, id int32) float32 {
	high := vec.Max(logits)
	sum := float32(0)
	var room [512]float32
	for x := logits; len(x) > 0; x = x[min(len(x), len(room)):] {
		n := min(len(x), len(room))
		sum += vec.ExpSum(room[:n], x[:n], high)
	}
	return high + float32(math.Log(float64(sum))) - logits[id]
}
