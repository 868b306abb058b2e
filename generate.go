package godwit

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit/runtime"
	"github.com/godwit-ai/godwit/sample"
	"github.com/godwit-ai/godwit/tokenizer"
)

// Sampling are the parameters of the sampler chain; the zero value is greedy.
type Sampling = sample.Params

// Generation says what to generate.
type Generation struct {
	Sampling  Sampling
	Max       int      // most tokens; 0: until the model ends or the context is full
	Stop      []string // texts that end the generation; they are not part of the output
	IgnoreEnd bool     // go on after the model's end-of-text tokens
	Top       int      // with each token, the Top most probable ones before any sampling
	Resume    *Resume  // go on with a generation that was cut off; nil: a new one
	Lookup    int      // most tokens drafted per step from repetitions in the stream, up to MaxLookup; 0: none. The output is the same.
}

// Resume says where a generation stands that was cut off with the process, in a session that OpenSession opened. The tokens that it had handed out
// are yielded again first, without computing anything, and then those that it would have gone on with. Sampling must be what it was, and Max
// counts from the beginning.
type Resume struct {
	From  int    // how many tokens the session had before the generation
	State []byte // Reopened.State
}

// MaxLookup is the most that Generation.Lookup may be.
const MaxLookup = runtime.MaxLookup

// Token is one generated token.
type Token struct {
	ID   int32
	Text string           // the text that became complete with it; always whole UTF-8 characters, often ""
	End  bool             // the model ended its answer here; Text has what was still held back
	Top  []sample.LogProb // the most probable tokens of this step, when asked for
}

// Generate continues the stream and yields the tokens as they come. An error is yielded last; when the context fills up
// it is a *ContextError. Text that may be the beginning of a stop text is held back until that is known.
func (s *Session) Generate(ctx context.Context, g Generation) iter.Seq2[Token, error] {
	return func(yield func(Token, error) bool) {
		chain, err := sample.New(g.Sampling)
		if err != nil {
			yield(Token{}, err)
			return
		}
		chain.Prime(s.Tokens()) // penalties look back at the prompt too
		var made []int32
		if r := g.Resume; r != nil {
			if r.From < 0 || r.From > s.Len() {
				yield(Token{}, fmt.Errorf("generate: a generation that began at token %d of %d", r.From, s.Len()))
				return
			}
			if made = slices.Clone(s.Tokens()[r.From:]); len(made) > 0 {
				if err := chain.SetState(r.State); err != nil {
					yield(Token{}, fmt.Errorf("generate: %w", err))
					return
				}
			}
		}
		out := output{stop: g.Stop}
		isEnd := func(int32) bool { return false }
		if tok, err := s.m.Tokenizer(); err == nil {
			out.stream = tok.Stream()
			if !g.IgnoreEnd {
				isEnd = tok.IsEnd
			}
		}
		limit := g.Max
		if limit == 0 {
			limit = -1
		}
		var top []sample.LogProb
		observe := func(logits []float32) {
			if g.Top > 0 {
				top = sample.TopLogProbs(logits, g.Top)
			}
		}
		n := 0
		one := func(id int32) bool {
			n++
			t := Token{ID: id, Top: top}
			err := s.m.rt.Guard(func() error {
				if t.End = isEnd(id); t.End {
					t.Text = out.flush()
					return nil
				}
				t.Text, t.End = out.push(id)
				if n == limit && !t.End {
					t.Text += out.flush()
				}
				return nil
			})
			if err != nil {
				yield(Token{Text: out.flush()}, fmt.Errorf("generate: text of token %d: %w", id, err))
				return false
			}
			return yield(t, nil) && !t.End
		}
		for _, id := range made {
			if !one(id) || n == limit {
				return
			}
		}
		rest := limit
		if limit > 0 {
			rest -= len(made)
		}
		for id, err := range s.rt.Generate(ctx, chain, runtime.Generation{Max: rest, Observe: observe, Lookup: g.Lookup}) {
			if err != nil {
				yield(Token{Text: out.flush()}, err)
				return
			}
			if !one(id) {
				return
			}
		}
	}
}

// output turns ids into text, holding back what may become a stop text.
type output struct {
	stream *tokenizer.Stream // nil: no tokenizer, no text
	stop   []string
	held   string
}

// push adds a token; end reports that a stop text was completed.
func (o *output) push(id int32) (text string, end bool) {
	if o.stream == nil {
		return "", false
	}
	o.held += o.stream.Push(id)
	first := -1
	for _, s := range o.stop {
		if i := strings.Index(o.held, s); s != "" && i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		text, o.held = o.held[:first], ""
		return text, true
	}
	keep := 0
	for _, s := range o.stop {
		for n := min(len(s)-1, len(o.held)); n > keep; n-- {
			if strings.HasSuffix(o.held, s[:n]) {
				keep = n
				break
			}
		}
	}
	text, o.held = o.held[:len(o.held)-keep], o.held[len(o.held)-keep:]
	return text, false
}

// flush returns what is held back.
func (o *output) flush() string {
	if o.stream == nil {
		return ""
	}
	text := o.held + o.stream.Flush()
	o.held = ""
	return text
}
