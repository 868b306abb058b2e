package main

import (
	"bufio"
	"context"
	"errors"
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
	interactive() bool
	close() error
}

var errAborted = errors.New("interrupted at the prompt")

// lines returns a line editor on a terminal, and plain lines otherwise.
func (a *app) lines() (lines, error) {
	_, in := terminal(a.in)
	_, out := terminal(a.out)
	if in && out && !a.json {
		return newEditor()
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
	history string // the file; "": none
}

func newEditor() (*editor, error) {
	e := &editor{state: liner.NewLiner()}
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
		var line string
		var err error
		done := make(chan struct{})
		go func() { // which a signal to end must not wait for
			defer close(done)
			line, err = e.state.Prompt(mark)
		}()
		select {
		case <-done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		if errors.Is(err, liner.ErrPromptAborted) {
			err = errAborted
		}
		if err == nil && strings.TrimSpace(line) != "" {
			e.state.AppendHistory(line)
		}
		return line, err
	})
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
