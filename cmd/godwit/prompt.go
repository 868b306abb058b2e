package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/chat"
)

// prompt is what a model is asked, before it is tokens.
type prompt struct {
	system   string
	document string // comes before the question
	question string
	raw      bool           // no chat template
	template *chat.Template // nil: the model's own
}

// text joins document and question.
func (p *prompt) text() string {
	if p.document == "" || p.question == "" {
		return p.document + p.question
	}
	return p.document + "\n\n" + p.question
}

// ids returns the tokens of the prompt.
func (p *prompt) ids(m *godwit.Model) ([]int32, error) {
	if p.raw {
		return m.Tokenize(p.text(), true)
	}
	var turns []godwit.Message
	if p.system != "" {
		turns = append(turns, godwit.Message{Role: "system", Content: p.system})
	}
	return m.Render(p.template, append(turns, godwit.Message{Role: "user", Content: p.text()}))
}

// cutting says what fit left out.
type cutting struct {
	Bytes     int `json:"document_bytes"`
	Tokens    int `json:"prompt_tokens"` // of the prompt with the whole document
	ReadBytes int `json:"read_bytes"`
	LeftOut   int `json:"left_out_tokens"`
}

// fit cuts the document to its longest beginning with which the prompt has at most limit tokens, and returns its tokens. The
// cut is where a word ends. A nil cutting means that everything fits.
func (p *prompt) fit(ctx context.Context, m *godwit.Model, limit int) ([]int32, *cutting, error) {
	all, err := p.ids(m)
	if err != nil || len(all) <= limit {
		return all, nil, err
	}
	whole := p.document
	try := func(n int) ([]int32, error) {
		p.document = whole[:n]
		return p.ids(m)
	}
	best, err := try(0)
	if err != nil {
		return nil, nil, err
	}
	if len(best) > limit {
		return nil, nil, fmt.Errorf("the question alone is too long: %w", &godwit.ContextError{Limit: limit, Want: len(best)})
	}
	// Tokens are nearly proportional to bytes, so interpolation comes within a few tokens in a few steps; bisection bounds them.
	lo, hi, nlo, nhi := 0, len(whole), len(best), len(all)
	for step := 0; hi-lo > 1 && limit-nlo > limit/1000; step++ {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		n := lo + (hi-lo)/2
		if step < 8 {
			n = lo + int(float64(hi-lo)*float64(limit-nlo)/float64(nhi-nlo))
		}
		n = min(max(n, lo+1), hi-1)
		cut := lo + wordEnd(whole[lo:n])
		if cut <= lo { // no word ends between
			cut = wholeRunes(whole, n)
			if cut <= lo {
				break
			}
		}
		ids, err := try(cut)
		if err != nil {
			return nil, nil, err
		}
		if len(ids) <= limit {
			lo, nlo, best = cut, len(ids), ids
		} else {
			hi, nhi = cut, len(ids)
		}
	}
	p.document = whole[:lo]
	return best, &cutting{Bytes: len(whole), Tokens: len(all), ReadBytes: lo, LeftOut: len(all) - nlo}, nil
}

// wordEnd returns the end of the last whole word of text; 0: there is none.
func wordEnd(text string) int {
	i := strings.LastIndexAny(text, " \n\t\r")
	return len(strings.TrimRight(text[:max(i, 0)], " \n\t\r"))
}
