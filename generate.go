package godwit

import (
	"context"
	"fmt"
	"iter"
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
	Lookup    int      // most tokens drafted per step from repetitions in the stream, up to MaxLookup; 0: none. The output is the same.
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
		for id, err := range s.rt.Generate(ctx, chain, runtime.Generation{Max: limit, Observe: observe, Lookup: g.Lookup}) {
			if err != nil {
				yield(Token{Text: out.flush()}, err)
				return
			}
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
				return
			}
			if !yield(t, nil) || t.End {
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
