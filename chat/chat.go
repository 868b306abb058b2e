// Package chat renders conversations with the chat templates that model files carry. Templates are Jinja as the transformers
// library runs it. gonja reads the document and walks it; the statements and expressions that it walks are our own, because
// templates come from strangers: every step, byte and level of nesting is counted, and nothing outside the template's
// variables can be reached.
//
// gonja alone would not do. Its expressions run without a bound, its values are reflected Go values whose methods a template
// can call, and it reads {{ a if b }} at the top of an expression only. The values here are Python's (chat templates count on
// the order of keys, on the repr of lists, on what is undefined and what fails), and the lexer, the parser and the operators
// mirror jinja2 3.1; testdata/make.py has jinja2 write what the tests compare with, byte for byte.
//
// Memory is charged before it is used and never given back, so that a bound on it is a bound on work too; a template that
// makes and drops more than the limit fails, which no real one comes near.
package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nikolalohinski/gonja/v2/nodes"
)

// Errors for errors.Is.
var (
	ErrLimit  = errors.New("chat template exceeds a limit")   // errors.As a *LimitError
	ErrSyntax = errors.New("chat template cannot be parsed")  // errors.As a *SyntaxError
	ErrRender = errors.New("chat template failed")            // errors.As a *RenderError
	ErrRaised = errors.New("chat template refused its input") // the template called raise_exception; also an ErrRender
	ErrName   = errors.New("no such chat template")
)

// LimitError says which limit a template ran into, in parsing or rendering.
type LimitError struct {
	What string // "source", "steps", "depth", "output", "memory", "time"
	Max  int64  // bytes, steps, levels or nanoseconds
	Line int    // of the template; 0: not known
}

func (e *LimitError) Error() string {
	max := fmt.Sprint(e.Max)
	if e.What == "time" {
		max = time.Duration(e.Max).String()
	}
	return fmt.Sprintf("line %d: more %s than the limit of %s", e.Line, e.What, max)
}

// Unwrap makes errors.Is(err, ErrLimit) true.
func (e *LimitError) Unwrap() error { return ErrLimit }

// SyntaxError is a template that is not valid Jinja, or asks for other files.
type SyntaxError struct {
	Line int
	Msg  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// Unwrap makes errors.Is(err, ErrSyntax) true.
func (e *SyntaxError) Unwrap() error { return ErrSyntax }

// RenderError is what went wrong in a rendering.
type RenderError struct {
	Line   int
	Msg    string
	Raised bool // the template called raise_exception(Msg)
}

func (e *RenderError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// Is makes errors.Is true for ErrRender and, with Raised, for ErrRaised.
func (e *RenderError) Is(target error) bool {
	return target == ErrRender || e.Raised && target == ErrRaised
}

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // "system", "user", "assistant"
	Content string `json:"content"`
}

// Limits bound what a template may use; a 0 stands for the default. The defaults are some hundred times what real templates
// need for a full context.
type Limits struct {
	Source int           // bytes of template text; 256 KiB
	Depth  int           // nesting of expressions, statements, macro calls and values; 100
	Steps  int           // nodes evaluated, elements visited, 64-byte pieces scanned; 5 million
	Memory int           // bytes of text and lists made in one rendering, whether still in use or not; 64 MiB + 32 × input
	Output int           // bytes; 8 MiB + 4 × input
	Time   time.Duration // of one rendering; 5 s
}

// Options are the variables of a rendering.
type Options struct {
	AddGenerationPrompt bool   // end with the beginning of the assistant's turn
	BOS, EOS            string // the texts of these tokens; "" gives the empty text

	Tools     any // nil, or what encoding/json can write: []json.RawMessage keeps the order of keys
	Documents any // likewise

	// Vars are further variables, such as "enable_thinking": false. They replace those above.
	Vars map[string]any

	Now func() time.Time // the clock of strftime_now; nil: time.Now
}

// Template is a parsed template. It is immutable and safe for concurrent use.
type Template struct {
	root   *nodes.Template
	limits Limits
}

// Parse reads a template. Its error is a *SyntaxError or a *LimitError.
func Parse(source string, l Limits) (*Template, error) {
	l = l.orDefaults()
	if len(source) > l.Source {
		return nil, &LimitError{What: "source", Max: int64(l.Source)}
	}
	root, err := parse(source, l)
	if err != nil {
		return nil, err
	}
	return &Template{root, l}, nil
}

func (l Limits) orDefaults() Limits {
	or := func(v *int, zero int) {
		if *v == 0 {
			*v = zero
		}
	}
	or(&l.Source, 256<<10)
	or(&l.Depth, 100)
	or(&l.Steps, 5_000_000)
	if l.Time == 0 {
		l.Time = 5 * time.Second
	}
	return l
}

// Render returns the text of a conversation. Its error is a *RenderError or a *LimitError.
func (t *Template) Render(messages []Message, o Options) (string, error) {
	turns := make([]any, len(messages))
	for i, m := range messages {
		turns[i] = newDict("role", m.Role, "content", m.Content)
	}
	vars, err := o.vars()
	if err != nil {
		return "", err
	}
	if _, ok := vars.get("messages"); !ok {
		vars.set("messages", &list{v: turns})
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return t.run(vars, now)
}

// vars returns the variables as the template sees them. As in transformers, tools and documents are None when absent.
func (o Options) vars() (*dict, error) {
	d := newDict("add_generation_prompt", o.AddGenerationPrompt, "bos_token", o.BOS, "eos_token", o.EOS)
	set := func(name string, v any) error {
		value, err := fromGo(v)
		if err != nil {
			return &RenderError{Msg: fmt.Sprintf("variable %s: %v", name, err)}
		}
		d.set(name, value)
		return nil
	}
	err := errors.Join(set("tools", o.Tools), set("documents", o.Documents))
	for _, name := range sortedKeys(o.Vars) {
		err = errors.Join(err, set(name, o.Vars[name]))
	}
	return d, err
}

// fromGo turns a Go value into a template's by way of its JSON form, which keeps the order of struct fields and of the keys
// in json.RawMessage.
func fromGo(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case int:
		return int64(v), nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return fromJSON(data)
}
