package eval

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/mmap"
)

// Stream reads a text of any length with one plan, and then asks for facts that were hidden in it: whether a plan keeps its speed and its
// memory however long the text is, and how far back it finds anything.
type Stream struct {
	Tokens int       // of the text, and the longest question
	Books  []Book    // one after the other, over and over
	Depths []float64 // of the facts, 0 (the beginning) to 1, at most 8
	Seed   uint64    // which facts they are
	Exact  bool
}

// Streamed is what came of it.
type Streamed struct {
	Parts     []Quarter // the text in ten equal parts
	Facts     []Found
	KVBytes   int64   // of the session at the end
	ReadShare float64 // as in Result
	AnonPeak  int64   // most anonymous memory of the process while it read
	Spilled   int64   // see godwit.Stats.SpillWritten
}

// Found is how well a fact was known at the end.
type Found struct {
	Question
	Score
	Rank  int // of the answer among Of that could stand in its place, by their probability; by chance half of them are better
	Of    int
	Blank int // the rank when no text was read: what the model guesses
}

// streamParts is the number of parts whose speed is told.
const streamParts = 10

// Run reads and asks. Progress counts tokens.
func (o Stream) Run(ctx context.Context, m *godwit.Model, progress godwit.Progress) (r *Streamed, err error) {
	if len(o.Books) == 0 || len(o.Depths) > len(facts) {
		return nil, fmt.Errorf("stream: %d books, %d facts of at most %d: %w", len(o.Books), len(o.Depths), len(facts), ErrPlans)
	}
	text, asks, err := o.text(m)
	if err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // making the text is not what is measured
	s, err := m.NewSession(godwit.SessionOptions{Context: o.Tokens, Exact: o.Exact})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r = &Streamed{}
	for _, a := range asks {
		f := Found{Question: a.Question, Of: len(a.answers)}
		if _, f.Blank, err = a.ask(ctx, s); err != nil {
			return nil, err
		}
		r.Facts = append(r.Facts, f)
	}
	for i := range streamParts {
		lo, hi := i*len(text)/streamParts, (i+1)*len(text)/streamParts
		start := time.Now()
		err := s.Feed(ctx, text[lo:hi], func(done, _ int) {
			r.AnonPeak = max(r.AnonPeak, mmap.MemoryUsage().Anon)
			if progress != nil {
				progress(lo+done, len(text))
			}
		})
		if err != nil {
			return nil, err
		}
		r.Parts = append(r.Parts, Quarter{Fed: hi - lo, Time: time.Since(start)})
	}
	st := s.Stats()
	r.KVBytes, r.ReadShare, r.Spilled = st.KVBytes, st.ReadShare(), st.SpillWritten
	for i, a := range asks {
		if r.Facts[i].Score, r.Facts[i].Rank, err = a.ask(ctx, s); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// streamAsk is a question that the text goes on with.
type streamAsk struct {
	Question
	prompt  []int32   // after the text
	answers [][]int32 // the right one first
}

// ask asks at the end of what s has read, and takes the question back.
func (a *streamAsk) ask(ctx context.Context, s *godwit.Session) (right Score, rank int, err error) {
	n := s.Len()
	rank = 1
	for i, answer := range a.answers {
		if err := s.Feed(ctx, a.prompt, nil); err != nil {
			return right, 0, err
		}
		f, err := scoreNext(ctx, s, answer)
		if err != nil {
			return right, 0, err
		}
		if i == 0 {
			right = f
		} else if f.LogProb*float64(len(answer)) > right.LogProb*float64(len(a.answers[0])) {
			rank++
		}
		if err := s.Rewind(ctx, n, nil); err != nil {
			return right, 0, err
		}
	}
	return right, rank, nil
}

// text makes the tokens of the text, and of the questions.
func (o Stream) text(m *godwit.Model) (text []int32, asks []streamAsk, err error) {
	rng := rand.New(rand.NewPCG(o.Seed, 3))
	forms, names := rng.Perm(len(facts)), rng.Perm(len(people))
	var parts []insert
	a := asker{m: m}
	longest := 0
	for i, depth := range o.Depths {
		f, name := facts[forms[i]], people[names[i]]
		lead, value := fmt.Sprintf(f.lead, name), rng.IntN(len(f.values))
		parts = append(parts, insert{depth, lead + " " + f.values[value] + f.end})
		q := streamAsk{Question: Question{Needle, depth, fmt.Sprintf(f.ask, name), lead, " " + f.values[value]}}
		for j := range f.values {
			one := q.Question
			one.Answer = " " + f.values[(value+j)%len(f.values)]
			prompt, answer, err := a.tokens("", one)
			if err != nil {
				return nil, nil, err
			}
			q.prompt, q.answers = prompt, append(q.answers, answer)
			longest = max(longest, len(prompt)+len(answer))
		}
		if tok, err := m.Tokenizer(); err == nil && tok.AddBOS() { // the text has it
			q.prompt = q.prompt[1:]
		}
		asks = append(asks, q)
	}
	room := o.Tokens - longest
	if room < streamParts {
		return nil, nil, fmt.Errorf("stream: %d tokens: %w", o.Tokens, ErrShort)
	}
	var books strings.Builder
	for _, b := range o.Books {
		books.WriteString(b.Text + "\n")
	}
	whole := books.String()
	if strings.TrimSpace(whole) == "" {
		return nil, nil, fmt.Errorf("stream: the books are empty: %w", ErrShort)
	}
	for whole = strings.Repeat(whole, room/len(whole)+1); ; whole += whole { // a token has some bytes, mostly
		if text, err = m.Tokenize(whole, false); err != nil {
			return nil, nil, err
		}
		if len(text) >= room {
			break
		}
	}
	// The facts go where they belong in what will be left, and what is left then ends at a token.
	left := wholeRune(whole, int(float64(len(whole))*float64(room)/float64(len(text))))
	if text, err = m.Tokenize(bury(whole[:left], parts), false); err != nil {
		return nil, nil, err
	}
	return slices.Clone(text[:min(room, len(text))]), asks, nil
}
