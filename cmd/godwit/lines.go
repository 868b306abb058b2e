package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"

	"github.com/godwit-ai/godwit/catalog"
)

// lines is where a chat's messages come from.
type lines interface {
	read(ctx context.Context) (string, error) // io.EOF at the end, errAborted for Ctrl-C
	abort()                                   // ends a read with errAborted, if it can be
	interactive() bool                        // Ctrl-C at the prompt is not the end
	close() error
}

var errAborted = errors.New("interrupted at the prompt")

// lines returns a line editor on a terminal, and plain lines otherwise.
func (a *app) lines() (lines, error) {
	_, in := terminal(a.in)
	_, out := terminal(a.out)
	if in && out && !a.json {
		return newEditor(a.out)
	}
	return &plainLines{r: bufio.NewReader(a.in)}, nil
}

// plainLines reads from a pipe or a file.
type plainLines struct{ r *bufio.Reader }

func (p *plainLines) read(context.Context) (string, error) {
	return continued(func(bool) (string, error) {
		line, err := p.r.ReadString('\n')
		if err == io.EOF && line != "" {
			err = nil
		}
		return strings.TrimRight(line, "\r\n"), err
	})
}

func (p *plainLines) abort()            {}
func (p *plainLines) interactive() bool { return false }
func (p *plainLines) close() error      { return nil }

// continued joins lines that end with a backslash.
func continued(next func(first bool) (string, error)) (string, error) {
	var all []string
	for {
		line, err := next(len(all) == 0)
		if err != nil {
			if err == io.EOF && len(all) > 0 {
				return strings.Join(all, "\n"), nil
			}
			return "", err
		}
		head, more := strings.CutSuffix(line, `\`)
		all = append(all, head)
		if !more {
			return strings.Join(all, "\n"), nil
		}
	}
}

// editor edits lines on a terminal and remembers them from one chat to the next.
type editor struct {
	state   *liner.State
	history string        // the file; "": none
	pending chan typed    // of a Prompt that goes on; nil: none does
	aborts  chan struct{} // interrupts that came as signals
	out     io.Writer
}

// typed is what a Prompt returned.
type typed struct {
	line string
	err  error
}

func newEditor(out io.Writer) (*editor, error) {
	e := &editor{state: liner.NewLiner(), aborts: make(chan struct{}, 1), out: out}
	e.state.SetCtrlCAborts(true)
	e.state.SetCompleter(func(line string) (names []string) {
		for _, c := range chatCommands {
			if line != "" && strings.HasPrefix(c, line) {
				names = append(names, c)
			}
		}
		return names
	})
	if dir, err := catalog.CacheDir(); err == nil && os.MkdirAll(dir, 0o755) == nil {
		e.history = filepath.Join(dir, "history")
		if f, err := os.Open(e.history); err == nil {
			e.state.ReadHistory(f) // a damaged history is no reason not to chat
			f.Close()
		}
	}
	return e, nil
}

func (e *editor) read(ctx context.Context) (string, error) {
	return continued(func(first bool) (string, error) {
		mark := ">>> "
		if !first {
			mark = "... "
		}
		select { // an interrupt that came too late for the read before
		case <-e.aborts:
		default:
		}
		if e.pending == nil {
			pending := make(chan typed, 1)
			e.pending = pending
			go func() { // which a signal must not wait for
				line, err := e.state.Prompt(mark)
				pending <- typed{line, err}
			}()
		} else {
			fmt.Fprint(e.out, mark)
		}
		select {
		case t := <-e.pending:
			e.pending = nil
			switch {
			case errors.Is(t.err, liner.ErrPromptAborted):
				return "", errAborted
			case t.err == nil && strings.TrimSpace(t.line) != "":
				e.state.AppendHistory(t.line)
			}
			return t.line, t.err
		case <-e.aborts:
			fmt.Fprintln(e.out)
			return "", errAborted
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
}

// abort ends a read from outside: where the terminal cannot be edited on, Ctrl-C comes as a signal and not as a key.
func (e *editor) abort() {
	select {
	case e.aborts <- struct{}{}:
	default:
	}
}

func (e *editor) interactive() bool { return true }

// close saves the history and gives the terminal back as it was.
func (e *editor) close() error {
	var err error
	if e.history != "" {
		var f *os.File
		if f, err = os.OpenFile(e.history, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600); err == nil {
			_, err = e.state.WriteHistory(f)
			err = errors.Join(err, f.Close())
		}
	}
	return errors.Join(err, e.state.Close())
}

// interruptible ends a Read that waits for input with the context's error.
type interruptible struct {
	ctx  context.Context
	r    io.Reader
	next chan chunk // of a Read that goes on; nil: none does
	last chunk      // what was read and not yet handed out
}

type chunk struct {
	data []byte
	err  error
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil { // select takes either of two that are ready
		return 0, err
	}
	if len(i.last.data) == 0 && i.last.err == nil {
		if i.next == nil {
			next := make(chan chunk, 1)
			i.next = next
			go func() {
				buf := make([]byte, 64<<10)
				n, err := i.r.Read(buf)
				next <- chunk{buf[:n], err}
			}()
		}
		select {
		case i.last = <-i.next:
			i.next = nil
		case <-i.ctx.Done():
			return 0, i.ctx.Err()
		}
	}
	n := copy(p, i.last.data)
	i.last.data = i.last.data[n:]
	if n > 0 {
		return n, nil
	}
	return 0, i.last.err
}
