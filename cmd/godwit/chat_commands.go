package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/godwit-ai/godwit"
)

const chatHelp = `Commands:
  /system [TEXT]  set the instructions to the model; without TEXT, remove them
  /regen          answer the last message again
  /undo           forget the last message and its answer
  /drop [N]       forget the oldest N messages and their answers (1)
  /clear          forget the conversation
  /save FILE      write the conversation as text
  /load FILE      read one back
  /stats          tokens, speed and memory
  /plan           the attention plan
  /help           this list
  /exit           end`

// chatCommands are the commands' names, for completion and for telling what exists.
var chatCommands = []string{"/clear", "/drop", "/exit", "/help", "/load", "/plan", "/regen", "/save", "/stats", "/system", "/undo"}

// command carries out one line that begins with a slash; done ends the chat.
func (t *talk) command(ctx context.Context, line string) (done bool, err error) {
	name, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(arg)
	switch name {
	case "/exit", "/quit", "/bye":
		return true, nil
	case "/help":
		fmt.Fprintln(t.out, chatHelp)
	case "/plan":
		fmt.Fprintln(t.out, t.m.Plan())
	case "/stats":
		fmt.Fprintln(t.out, t.summary())
	case "/system":
		t.system = arg
		t.note("(the system prompt is %s)", map[bool]string{true: "removed", false: "set"}[arg == ""])
	case "/clear":
		t.turns = nil
		t.note("(forgotten; the system prompt stays)")
	case "/undo":
		if len(t.turns) == 0 {
			return false, fmt.Errorf("there is nothing to undo")
		}
		t.turns = t.withoutLast()
	case "/regen":
		if n := len(t.turns); n > 0 && t.turns[n-1].Role == "assistant" {
			t.turns = t.turns[:n-1]
		}
		if len(t.turns) == 0 {
			return false, fmt.Errorf("there is no message to answer again")
		}
		return false, t.answer(ctx)
	case "/drop":
		return false, t.drop(ctx, arg)
	case "/save", "/load":
		if arg == "" {
			return false, fmt.Errorf("%s needs a file's name", name)
		}
		if name == "/save" {
			return false, t.save(arg)
		}
		return false, t.load(arg)
	default:
		return false, fmt.Errorf("there is no command %s; /help lists them", name)
	}
	return false, nil
}

// withoutLast drops the last message and its answer.
func (t *talk) withoutLast() []godwit.Message {
	n := len(t.turns)
	if t.turns[n-1].Role == "assistant" {
		n--
	}
	return t.turns[:max(0, n-1)]
}

// drop forgets the oldest exchanges, and answers a message that is waiting.
func (t *talk) drop(ctx context.Context, arg string) error {
	n := 1
	if arg != "" {
		var err error
		if n, err = strconv.Atoi(arg); err != nil || n < 1 {
			return fmt.Errorf("/drop %s: that is not a number of messages", arg)
		}
	}
	dropped, rest := 0, t.turns
	for dropped < n && len(rest) > 1 && rest[1].Role == "assistant" {
		rest = rest[2:]
		dropped++
	}
	if dropped == 0 {
		return fmt.Errorf("there is no answered message to drop; /clear forgets all")
	}
	t.turns = append([]godwit.Message(nil), rest...)
	t.note("(forgot the oldest %d of the messages with their answers; %d left)", dropped, (len(rest)+1)/2)
	if len(rest)%2 == 1 {
		return t.answer(ctx)
	}
	return nil
}

// A transcript is text: a line "--- role" before each turn. A line of a turn that begins like one, or with a backslash, gets
// a backslash before it.
const transcriptMark = "--- "

func writeTranscript(w io.Writer, turns []godwit.Message) error {
	b := bufio.NewWriter(w)
	for _, m := range turns {
		fmt.Fprintf(b, "%s%s\n", transcriptMark, m.Role)
		for line := range strings.SplitSeq(m.Content, "\n") {
			if strings.HasPrefix(line, transcriptMark) || strings.HasPrefix(line, `\`) {
				b.WriteByte('\\')
			}
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.Flush()
}

func readTranscript(text string) (turns []godwit.Message, err error) {
	var content []string
	end := func() {
		if n := len(turns); n > 0 {
			turns[n-1].Content = strings.Join(content, "\n")
		}
		content = nil
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		role, ok := strings.CutPrefix(line, transcriptMark)
		if !ok {
			if len(turns) == 0 {
				return nil, fmt.Errorf("line %d: a transcript begins with %q and a role", i+1, transcriptMark)
			}
			content = append(content, strings.TrimPrefix(line, `\`))
			continue
		}
		end()
		want := "user"
		if n := len(turns); n > 0 && turns[n-1].Role == "user" {
			want = "assistant"
		}
		if role != want && (role != "system" || len(turns) > 0) {
			return nil, fmt.Errorf("line %d: a turn of %q where one of %q belongs", i+1, role, want)
		}
		turns = append(turns, godwit.Message{Role: role})
	}
	end()
	return turns, nil
}

func (t *talk) save(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = writeTranscript(f, t.messages())
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		t.note("(saved %d turns)", len(t.turns))
	}
	return err
}

func (t *talk) load(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	turns, err := readTranscript(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	t.system = ""
	if turns[0].Role == "system" {
		t.system, turns = turns[0].Content, turns[1:]
	}
	t.turns = turns
	t.note("(read %d turns)", len(t.turns))
	return nil
}
