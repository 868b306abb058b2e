package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/chat"
)

// turnJSON is one object of `chat --json`, one per answer.
type turnJSON struct {
	Prompt   string    `json:"prompt"`
	TokenIDs []int32   `json:"token_ids"`
	Text     string    `json:"text"`
	Finish   string    `json:"finish"`
	Kept     int       `json:"kept_tokens"` // of earlier turns, not computed again
	Held     int       `json:"held_tokens"` // in the context after the answer
	Ctx      int       `json:"ctx"`
	Stats    statsJSON `json:"stats"` // of the whole session, but for the counts and ttft_ms, which are the answer's
}

func (a *app) chatCommand() *cobra.Command {
	t := &talk{app: a}
	var template string
	c := &cobra.Command{
		Use:   "chat [MODEL]",
		Short: "Talk with a model",
		Long: `Talk with a model; without a MODEL it is ` + defaultModel + `.

With --session the conversation is in a file as well, whatever ends the program: the next chat with that session goes on where it was, in the
middle of an answer if need be, with nothing to read again.

Ctrl-C stops an answer and not the program; at the prompt, twice ends it. A line that ends with \ goes on in the next one.
When standard input is not a terminal, every line is one message.

` + chatHelp,
		Example: `  godwit chat smollm2:135m
  godwit chat smollm2:135m --session diary
  godwit chat --session diary
  godwit chat model.gguf --system "Answer in one sentence." --temp 0.7
  printf 'Hello!\nAnd now in French.\n' | godwit chat --json`,
		Args: argCount(0, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			name, err := sessionModel(t.name, strings.Join(args, ""))
			if err != nil {
				return err
			}
			name = cmp.Or(name, defaultModel)
			if t.max < 0 {
				return usage("-n %d is not a number of tokens", t.max)
			}
			if t.look.bad() {
				return t.look.usage()
			}
			if template != "" {
				if t.template, err = chat.ByName(template); err != nil {
					return usageError{err}
				}
			}
			return t.open(cmd.Context(), name)
		},
	}
	f := c.Flags()
	f.StringVar(&t.system, "system", "", "instructions to the model, a `TEXT` before everything")
	f.StringVar(&t.name, "session", "", "keep the conversation as session `NAME`, or in the file NAME"+sessionExt+", and go on with it if it is there")
	f.StringVar(&template, "template", "", "use the chat template `NAME` and not the model's: "+strings.Join(chat.Names(), ", "))
	f.IntVarP(&t.max, "max-tokens", "n", defaultMax, "at most `N` tokens in one answer; 0: until the model ends it")
	f.StringArrayVar(&t.stop, "stop", nil, "end an answer before this `TEXT`; may be repeated")
	t.look.add(f)
	a.modelFlags(c)
	t.add(c)
	return c
}

// talk is a conversation.
type talk struct {
	*app
	sampling
	template *chat.Template
	max      int
	stop     []string
	look     lookup

	name   string // of the session; "": it is in memory
	m      *godwit.Model
	s      *keptSession
	in     lines
	params godwit.Sampling
	system string
	turns  []godwit.Message // user and assistant by turns; a last user turn waits for its answer
	made   int              // tokens generated in all
}

func (t *talk) open(ctx context.Context, name string) (err error) {
	if t.m, err = t.app.open(ctx, name); err != nil {
		return err
	}
	defer t.m.Close()
	if t.params, err = t.sampling.params(t.m); err != nil {
		return err
	}
	if _, err := t.m.Tokenizer(); err != nil {
		return err
	}
	if t.template == nil {
		if t.template, err = t.m.Template(); err != nil {
			return err
		}
	}
	if t.s, err = t.keep(ctx, t.m, t.name, name, t.sessionOptions()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.s.Close()) }()
	t.turns = t.s.note.Turns
	t.system = cmp.Or(t.system, t.s.note.System)
	if t.in, err = t.lines(); err != nil {
		return err
	}
	defer t.in.close()
	if t.in.interactive() {
		t.note("%s, %d tokens of context. /help shows the commands; Ctrl-C stops an answer.", name, t.s.Context())
	}
	if t.s.note.Answer != nil {
		err = t.survive(ctx, t.finish(ctx))
	}
	if err == nil {
		err = t.loop(ctx)
	}
	if t.made > 0 {
		t.note("%s", t.summary())
	}
	return err
}

// summary is the one line about the whole chat.
func (t *talk) summary() string {
	st := t.s.Stats()
	return fmt.Sprintf("%d tokens read at %.0f tok/s, %d generated at %.1f tok/s; %d of %d tokens held, KV cache %s; peak %s%s",
		st.PrefillTokens, st.PrefillTPS(), t.made, st.DecodeTPS(), t.s.Len(), t.s.Context(), size(st.KVBytes), size(st.PeakRSS), spilled(st.SpillWritten))
}

// loop reads messages and commands until the end of input.
func (t *talk) loop(ctx context.Context) error {
	aborted := false
	for {
		line, err := t.prompt(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errAborted):
			if aborted {
				return nil
			}
			aborted = true
			t.note("(Ctrl-C again, or /exit, ends the chat)")
			continue
		case err != nil:
			return err
		}
		aborted = false
		switch text := strings.TrimSpace(line); {
		case text == "":
		case strings.HasPrefix(text, "/"):
			done, err := t.command(ctx, text)
			err = errors.Join(err, t.keepNote(nil))
			if err := t.survive(ctx, err); err != nil || done {
				return err
			}
		default:
			t.turns = append(t.unanswered(), godwit.Message{Role: "user", Content: line})
			if err := t.survive(ctx, t.answer(ctx)); err != nil {
				return err
			}
		}
	}
}

// prompt reads one message or command.
func (t *talk) prompt(ctx context.Context) (string, error) {
	if t.in.interactive() {
		abort := t.in.abort
		t.onInterrupt.Store(&abort)
		defer t.idle()
	}
	return t.in.read(ctx)
}

// idle is between the prompt and an answer, where an interrupt that comes a moment too late or too early ends nothing, unless
// nobody is there to give another.
func (t *talk) idle() {
	if !t.in.interactive() {
		t.onInterrupt.Store(nil)
		return
	}
	ignore := func() {}
	t.onInterrupt.Store(&ignore)
}

// unanswered drops a last question that got no answer: the next one takes its place.
func (t *talk) unanswered() []godwit.Message {
	if n := len(t.turns); n > 0 && t.turns[n-1].Role == "user" {
		return t.turns[:n-1]
	}
	return t.turns
}

// survive says what went wrong and lets the chat go on, unless the whole program is to stop.
func (t *talk) survive(ctx context.Context, err error) error {
	var full *godwit.ContextError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.Canceled):
		t.note("(stopped)")
	case errors.As(err, &full):
		t.tell("godwit: the context is full: the conversation has %d tokens of %d; /drop forgets the oldest turn (/drop N: so many) and answers again, /clear forgets all, and --ctx allows more",
			full.Have+full.Want, full.Limit)
	default:
		t.tell("godwit: %s", sentence(err))
	}
	return nil
}

// messages returns the conversation with its system prompt.
func (t *talk) messages() []godwit.Message {
	if t.system == "" {
		return t.turns
	}
	return append([]godwit.Message{{Role: "system", Content: t.system}}, t.turns...)
}

// answer lets the model answer the last turn.
func (t *talk) answer(root context.Context) error {
	ctx, cancel := context.WithCancel(root)
	defer cancel()
	stop := func() { cancel() }
	t.onInterrupt.Store(&stop)
	defer t.idle()

	ids, err := t.m.Render(t.template, t.messages())
	if err != nil {
		return err
	}
	g := godwit.Generation{Sampling: t.params, Max: t.max, Stop: t.stop, Lookup: t.look.n}
	if err := t.keepNote(pending(len(ids), g)); err != nil {
		return err
	}
	start := time.Now()
	b := t.bar("reading", false)
	kept, err := t.s.Sync(ctx, ids, b.tokens)
	b.done()
	if err != nil {
		return err
	}
	t.params.Seed++ // /regen gives another answer
	return t.reply(ctx, g, kept, len(ids), start)
}

// finish goes on with an answer that was cut off with the program.
func (t *talk) finish(root context.Context) error {
	p := t.s.note.Answer
	if n := len(t.turns); n == 0 || t.turns[n-1].Role != "user" {
		return t.keepNote(nil)
	}
	if t.s.Len() <= p.From { // it had not begun
		return t.answer(root)
	}
	ctx, cancel := context.WithCancel(root)
	defer cancel()
	stop := func() { cancel() }
	t.onInterrupt.Store(&stop)
	defer t.idle()
	t.note("> %s", t.turns[len(t.turns)-1].Content)
	return t.reply(ctx, p.rest(t.s.found.State, t.look.n), p.From, p.From, time.Now())
}

// keepNote leaves the conversation in the session's file, with the answer that begins.
func (t *talk) keepNote(p *pendingAnswer) error {
	t.s.note.System, t.s.note.Turns, t.s.note.Answer = t.system, t.turns, p
	return t.s.save()
}

// reply prints an answer to a prompt of so many tokens, and takes it into the conversation.
func (t *talk) reply(ctx context.Context, g godwit.Generation, kept, prompt int, start time.Time) error {
	r, err := generate(ctx, t.s.Session, g, func(text string) error {
		if t.json {
			return nil
		}
		return t.say(text)
	})
	t.made += len(r.ids)
	if r.finish == "" { // neither an answer nor a part of one that can be gone on from
		if !t.json && r.text != "" {
			fmt.Fprintln(t.out)
		}
		return err
	}
	if r.text != "" || r.finish == finishEnd {
		t.turns = append(t.turns, godwit.Message{Role: "assistant", Content: r.text})
	}
	err = errors.Join(err, t.keepNote(nil))
	if t.json {
		stats := statsOf(t.s.Stats(), prompt, r, start)
		last := t.turns[len(t.turns)-1]
		if last.Role == "assistant" {
			last = t.turns[len(t.turns)-2]
		}
		return errors.Join(err, t.print(turnJSON{last.Content, append([]int32{}, r.ids...), r.text, r.finish, kept, t.s.Len(), t.s.Context(), stats}))
	}
	if !strings.HasSuffix(r.text, "\n") {
		fmt.Fprintln(t.out)
	}
	if err == nil && r.finish == finishLength {
		t.note("(stopped after %d tokens; -n allows more)", t.max)
	}
	return err
}
