package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/catalog"
	"github.com/godwit-ai/godwit/chat"
	"github.com/godwit-ai/godwit/runtime"
	"github.com/godwit-ai/godwit/sample"
)

// runJSON is the object of `run --json`.
type runJSON struct {
	Model     string             `json:"model"`
	PromptIDs []int32            `json:"prompt_ids"`
	TokenIDs  []int32            `json:"token_ids"` // the token that ended the answer included
	Text      string             `json:"text"`
	Finish    string             `json:"finish"`
	Plan      string             `json:"plan"`
	Seed      uint64             `json:"seed"`
	Stats     statsJSON          `json:"stats"`
	Fit       *cutting           `json:"fit,omitempty"` // when the document was cut
	Top       [][]sample.LogProb `json:"top,omitzero"`  // [step][n]
}

// runOptions are the flags of `run`.
type runOptions struct {
	sampling
	prompt
	file  string
	fit   bool
	named string // --template
	max   int
	stop  []string
	top   int
	look  lookup

	coords string // --coords
	name   string // --session
}

// defaultMax is how long an answer may get: small models do not always find the end of theirs.
const defaultMax = 1024

func (a *app) runCommand() *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use:   "run [MODEL] [PROMPT] [-f FILE|-]",
		Short: "Answer one prompt, about a document if there is one",
		Long: `Answer one prompt and end.

Without a PROMPT it is read from standard input, or asked for on a terminal; without a MODEL it is ` + defaultModel + `. The prompt is
put into the model's chat template; --raw continues the text as it is.

With -f the file is read first, and the prompt is a question about it. A document that does not fit into the model's
context is an error that carries the numbers, unless --fit allows to cut it.

With --session what was read stays in a file: the same command answers at once what begins with the same text, and goes on with an answer
that was cut off.

The answer goes to standard output, all else to standard error. Ctrl-C ends the answer.`,
		Example: `  godwit run smollm2:135m "What is gravity? Answer in one sentence."
  godwit run smollm2:135m -f book.txt --fit "What is this book about?"
  godwit run smollm2:135m -f book.txt --fit "Who wrote it?" --session book
  godwit run model.gguf --raw --temp 0 -n 128 "Once upon a time" --json
  git diff | godwit run model.gguf -f - "Write a commit message."
  echo "Tell me a joke." | godwit run`,
		Args: argCount(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			model, err := a.runPrompt(o, args)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("max-tokens") {
				o.max = 0
			} else if o.max < 1 {
				return usage("-n %d is not a number of tokens from 1 on", o.max)
			}
			return a.run(cmd.Context(), model, o)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.file, "file", "f", "", "read a `FILE` before the prompt; - is standard input")
	f.BoolVar(&o.fit, "fit", false, "cut the text of -f to what fits into the context, and say so")
	f.BoolVar(&o.raw, "raw", false, "no chat template: continue the prompt as it is")
	f.StringVar(&o.system, "system", "", "instructions to the model, a `TEXT` before everything")
	f.StringVar(&o.named, "template", "", "use the chat template `NAME` and not the model's: "+strings.Join(chat.Names(), ", "))
	f.IntVarP(&o.max, "max-tokens", "n", defaultMax, "generate at most `N` tokens")
	f.StringArrayVar(&o.stop, "stop", nil, "end the answer before this `TEXT`; may be repeated")
	f.StringVar(&o.name, "session", "", "keep what is read as session `NAME`, or in the file NAME"+sessionExt+", and go on with it if it is there")
	o.look.add(f)
	f.StringVar(&o.coords, "coords", "", "for plans with group=…: take where the prompt's tokens stand from `FILE`, a line \"a b\" each; none: in lines and tabs")
	c.MarkFlagFilename("coords")
	f.IntVar(&o.top, "top", 0, "with --json: the `N` most probable tokens of each step")
	a.modelFlags(c)
	o.add(c)
	return c
}

// runPrompt finds out what is asked of which model.
func (a *app) runPrompt(o *runOptions, args []string) (model string, err error) {
	model = defaultModel
	switch {
	case o.raw && (o.system != "" || o.named != ""):
		return "", usage("--raw has no chat template, so it does not go with --system and --template")
	case o.top != 0 && !a.json:
		return "", usage("--top is part of the JSON: give --json too")
	case o.look.bad():
		return "", o.look.usage()
	case o.top < 0:
		return "", usage("--top %d is not a number of tokens", o.top)
	case o.fit && o.file == "":
		return "", usage("--fit cuts the text of -f: give -f FILE too")
	}
	if len(args) > 0 {
		model = args[0]
	}
	if len(args) == 1 && !isModel(model) && (strings.ContainsAny(model, " \n?") || o.file != "") {
		return "", usage("%q is neither a model nor a file; to ask the default model: godwit run %s %q", model, defaultModel, model)
	}
	if _, known := catalog.Find(model); !known { // before a prompt is asked for
		if err := notFile(model); err != nil {
			return "", err
		}
	}
	if o.named != "" {
		if o.template, err = chat.ByName(o.named); err != nil {
			return "", usageError{err}
		}
	}
	if o.file != "" {
		if o.document, err = a.read(o.file); err != nil {
			return "", fmt.Errorf("the text of -f: %w", err)
		}
		if strings.TrimSpace(o.document) == "" {
			return "", fmt.Errorf("the text of -f %s is empty: name a file that has some", o.file)
		}
	}
	switch {
	case len(args) == 2:
		o.question = args[1]
	case o.file == "":
		if o.question, err = a.ask(); err != nil {
			return "", err
		}
	}
	if o.document+strings.TrimSpace(o.question) == "" {
		return "", usage("the prompt is empty: godwit run %s \"a question\"", model)
	}
	return model, nil
}

// ask reads the prompt: all of standard input, or one line from a terminal.
func (a *app) ask() (string, error) {
	if _, ok := terminal(a.in); !ok {
		text, err := io.ReadAll(a.in)
		return strings.TrimRight(string(text), "\r\n"), err
	}
	fmt.Fprint(a.err, "Prompt: ")
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimSpace(line), err
}

func (a *app) run(ctx context.Context, model string, o *runOptions) (err error) {
	m, err := a.open(ctx, model)
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := m.Tokenizer(); err != nil {
		return err
	}
	params, err := o.params(m)
	if err != nil {
		return err
	}
	ids, cut, err := a.promptIDs(ctx, m, o)
	if err != nil {
		return err
	}
	options := a.sessionOptions()
	if a.ctx == 0 && !o.fit && m.Info().Plan.Bounded() { // the length of a text costs no memory
		options.Context = a.stretched(m, len(ids), cmp.Or(o.max, defaultMax))
	}
	if o.coords != "" {
		if options.Coords, err = a.readCoords(o.coords, m); err != nil {
			return err
		}
	}
	s, err := a.keep(ctx, m, o.name, model, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	start := time.Now()
	g := godwit.Generation{Sampling: params, Max: o.max, Stop: o.stop, Top: o.top, Lookup: o.look.n}
	if p := s.note.Answer; p != nil && p.From == len(ids) && s.Len() > len(ids) && slices.Equal(s.Tokens()[:len(ids)], ids) {
		a.note("(going on with the answer that was cut off after %d tokens, sampled as it was)", s.Len()-len(ids))
		g = p.rest(s.found.State, o.look.n)
		g.Top = o.top
	} else {
		b := a.bar("reading", false)
		_, err = s.Sync(ctx, ids, b.tokens)
		b.done()
		if err != nil {
			return o.overflow(err, m)
		}
	}
	more := "-n allows more"
	if g.Max == 0 {
		g.Max = defaultMax
		if room := max(1, s.Context()-len(ids)); room < g.Max {
			g.Max, more = room, "the context is full; --ctx allows more"
		}
	}
	s.note.Turns = []godwit.Message{{Role: "user", Content: o.question}}
	s.note.Answer = pending(len(ids), g)
	if err := s.save(); err != nil {
		return err
	}
	emit := func(text string) error {
		if a.json {
			return nil
		}
		return a.say(text)
	}
	r, genErr := generate(ctx, s.Session, g, emit)
	if r.finish != "" && r.finish != finishCancelled {
		s.note.Answer, s.note.Turns = nil, append(s.note.Turns, godwit.Message{Role: "assistant", Content: r.text})
		genErr = errors.Join(genErr, s.save())
	}
	if (r.text != "" || r.finish != "") && !strings.HasSuffix(r.text, "\n") {
		err = emit("\n")
	}
	if r.finish == "" {
		return genErr
	}
	stats := statsOf(s.Stats(), len(ids), r, start)
	if a.json {
		err = a.print(runJSON{Model: model, PromptIDs: ids, TokenIDs: append([]int32{}, r.ids...), Text: r.text, Finish: r.finish,
			Plan: m.Plan(), Seed: params.Seed, Stats: stats, Fit: cut, Top: r.top})
	} else {
		var stopped string
		if r.finish == finishLength {
			stopped = fmt.Sprintf("; stopped after %d tokens (%s)", g.Max, more)
		}
		a.note("%s%s", stats, stopped)
	}
	return errors.Join(genErr, err)
}

// overflow says of a prompt that is too long what can be done.
func (o *runOptions) overflow(err error, m *godwit.Model) error {
	var full *godwit.ContextError
	if !errors.As(err, &full) {
		return err
	}
	can := "shorten it"
	if o.file != "" {
		can = "read its beginning with --fit"
	}
	return advised{err, fmt.Sprintf("the prompt has %d tokens and the context holds %d, so %d are too many: %s, or give --ctx more (the model was trained for %d)",
		full.Want, full.Limit, full.Have+full.Want-full.Limit, can, m.Info().Context)}
}

// stretched is the context for a prompt and an answer when the plan forgets what is far: as much as they take, but no less than the
// model was trained for.
func (a *app) stretched(m *godwit.Model, prompt, most int) int {
	need := min(prompt+min(most, runtime.MaxContext), runtime.MaxContext)
	a.beyond(m, need)
	return max(need, m.Info().Context)
}

// beyond warns of texts in which tokens read others from farther than the model was trained for.
func (a *app) beyond(m *godwit.Model, tokens int) {
	if info := m.Info(); tokens > info.Context && info.Plan.Distance(tokens) >= info.Context {
		a.warn("%d tokens are more than the %d that the model was trained for, and its plan does not cap distances (`godwit advise` tells which plan is best)", tokens, info.Context)
	}
}

// promptIDs returns the tokens of the prompt, cut when that is allowed and needed.
func (a *app) promptIDs(ctx context.Context, m *godwit.Model, o *runOptions) ([]int32, *cutting, error) {
	if !o.fit {
		ids, err := o.prompt.ids(m)
		return ids, nil, err
	}
	room, holds := o.max, cmp.Or(a.ctx, m.Info().Context)
	if room == 0 {
		room = min(defaultMax, holds/8)
	}
	limit := holds - room
	if limit < 1 {
		return nil, nil, usage("-n %d leaves no room for a prompt in a context of %d tokens; give --ctx more", room, holds)
	}
	ids, cut, err := o.prompt.fit(ctx, m, limit)
	if cut != nil {
		a.warn("--fit reads the first %.1f%% of the document (%d of %d bytes) so that an answer of %d tokens fits into the context of %d; with all of it the prompt has %d tokens",
			100*float64(cut.ReadBytes)/float64(cut.Bytes), cut.ReadBytes, cut.Bytes, room, holds, cut.Tokens)
	}
	return ids, cut, err
}
