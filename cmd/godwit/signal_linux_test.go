package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/godwit-ai/godwit/internal/testenv"
)

// TestMain is the program itself when a test asks for it, so that signals meet a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("GODWIT_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	if testenv.Emulated() {
		c = exec.Command("qemu-aarch64", append([]string{"-cpu", "max", os.Args[0]}, args...)...)
	}
	c.Env = append(os.Environ(), "GODWIT_TEST_MAIN=1", "TERM=xterm", "GODWIT_CACHE="+t.TempDir())
	return c
}

// long are the flags that make an answer of the tiny model last for minutes: no end, and a context to fill.
var long = []string{"-n", "0", "--ctx", "2000000", "--logit-bias", "0=-inf", "--logit-bias", "2=-inf", "--temp", "1.5", "--seed", "1"}

// screen is a pseudo-terminal and all that came from it.
type screen struct {
	t *testing.T
	f *os.File

	mu   sync.Mutex
	text bytes.Buffer
	seen int
	more chan struct{}
}

// newScreen starts c on a terminal of that many columns; 0: one that does not tell. As c leads the terminal's session, its end
// hangs the terminal up, and the kernel may drop what c wrote last: a test cannot count on seeing that.
func newScreen(t *testing.T, c *exec.Cmd, columns uint16) *screen {
	t.Helper()
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: columns}); err != nil {
		t.Fatal(err)
	}
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	s := &screen{t: t, f: f, more: make(chan struct{}, 1)}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			s.mu.Lock()
			s.text.Write(buf[:n])
			s.mu.Unlock()
			select {
			case s.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return s
}

// until waits for a text after those that were waited for before.
func (s *screen) until(want string) {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		text := s.text.String()
		i := strings.Index(text[s.seen:], want)
		if i >= 0 {
			s.seen += i + len(want)
		}
		s.mu.Unlock()
		if i >= 0 {
			return
		}
		select {
		case <-s.more:
		case <-deadline:
			s.t.Fatalf("%q did not come; the screen has %q after what came before", want, text[min(s.seen, len(text)):][:min(2000, len(text)-s.seen)])
		}
	}
}

// grows waits for that many more bytes of any text.
func (s *screen) grows(n int) {
	s.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		done := s.text.Len() >= s.seen+n
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-s.more:
		case <-deadline:
			s.t.Fatal("the answer did not come")
		}
	}
}

func (s *screen) typed(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.f, keys); err != nil {
		s.t.Fatal(err)
	}
}

const ctrlC = "\x03"

// TestChatInterrupt: Ctrl-C stops the answer and not the program; at the prompt, twice ends it.
func TestChatInterrupt(t *testing.T) {
	for _, columns := range []uint16{100, 0} { // 0: a terminal on which lines cannot be edited
		c := program(t, append([]string{"chat", tiny(t)}, long...)...)
		s := newScreen(t, c, columns)
		s.until("Ctrl-C stops an answer")
		for range 2 {
			s.until(">>> ")
			s.typed("hello\r")
			s.until("hello\r\n")
			s.grows(50) // in the middle of the answer
			s.typed(ctrlC)
			s.until("(stopped)")
		}
		s.until(">>> ")
		s.typed("/stats\r")
		s.until("tokens held")
		s.until(">>> ")
		s.typed(ctrlC)
		s.until("Ctrl-C again")
		s.until(">>> ")
		s.typed(ctrlC)
		if err := c.Wait(); err != nil {
			t.Errorf("%d columns: %v, want exit 0", columns, err)
		}
		s.mu.Lock()
		if text := s.text.String(); strings.ContainsAny(text, "\x00\x07\x0b\x0c") {
			t.Errorf("the model's control characters reached the terminal: %q", text)
		}
		s.mu.Unlock()
	}
}

// TestChatEOF: Ctrl-D at the prompt ends the chat.
func TestChatEOF(t *testing.T) {
	c := program(t, "chat", tiny(t))
	s := newScreen(t, c, 100)
	s.until(">>> ")
	s.typed("\x04")
	if err := c.Wait(); err != nil {
		t.Errorf("%v, want exit 0", err)
	}
}

// TestRunAsks: without a prompt on a terminal, one is asked for; Ctrl-C ends the program.
func TestRunAsks(t *testing.T) {
	c := program(t, "run", tiny(t), "-n", "3")
	s := newScreen(t, c, 100)
	s.until("Prompt: ")
	s.typed("hello\r")
	s.until("hello\r\n")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	c = program(t, "run", tiny(t))
	s = newScreen(t, c, 100)
	s.until("Prompt: ")
	s.typed(ctrlC)
	if c.Wait(); c.ProcessState.ExitCode() != exitStopped {
		t.Errorf("exit %d, want %d", c.ProcessState.ExitCode(), exitStopped)
	}
}

// TestRunInterrupt: an interrupt ends an answer, and the exit code tells.
func TestRunInterrupt(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		args := append([]string{"run", tiny(t), "hello"}, long...)
		c := program(t, append(args, "-n", "1000000")...)
		var errs bytes.Buffer
		c.Stderr = &errs
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 50)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := c.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, out)
		c.Wait()
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%v took %v", sig, d)
		}
		if code := c.ProcessState.ExitCode(); code != exitStopped || !strings.HasSuffix(errs.String(), "godwit: stopped\n") || !strings.Contains(errs.String(), "generated at") {
			t.Errorf("%v: exit %d, %q", sig, code, errs.String())
		}
	}
}

// TestChatTerminate: SIGTERM ends a chat that waits for input, and the terminal is as it was.
func TestChatTerminate(t *testing.T) {
	c := program(t, "chat", tiny(t))
	s := newScreen(t, c, 100)
	s.until(">>> ")
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.Wait()
	tio, err := unix.IoctlGetTermios(int(s.f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if c.ProcessState.ExitCode() != exitStopped || tio.Lflag&unix.ECHO == 0 || tio.Lflag&unix.ICANON == 0 {
		t.Errorf("exit %d, local modes %#x", c.ProcessState.ExitCode(), tio.Lflag)
	}
}

// TestSecondInterrupt: what does not heed the first interrupt, such as a pipe that nobody writes to, is ended by the next.
func TestSecondInterrupt(t *testing.T) {
	pipe := t.TempDir() + "/pipe"
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	c := program(t, "run", tiny(t), "-f", pipe)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Process.Kill()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the program reads
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	again, deadline := time.Tick(20*time.Millisecond), time.After(30*time.Second)
	for {
		select {
		case <-ended:
			if s := c.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGINT {
				t.Errorf("ended with %v, want an interrupt", c.ProcessState)
			}
			return
		case <-again:
			c.Process.Signal(os.Interrupt)
		case <-deadline:
			t.Fatal("interrupts do not end the program")
		}
	}
}

// TestEnvironment: instructions that the machine does not have are no problem of the model's: every command that opens one ends with
// a sentence.
func TestEnvironment(t *testing.T) {
	m := tiny(t)
	for _, args := range [][]string{{"run", m, "hello"}, {"inspect", m}, {"bench", m}} {
		c := program(t, args...)
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		c.Env = append(c.Env, "GODWIT_CPU=sse9")
		c.Run()
		if c.ProcessState.ExitCode() != exitError || out.Len() > 0 || !strings.HasPrefix(errs.String(), "godwit: ") ||
			!strings.Contains(errs.String(), "GODWIT_CPU=sse9: this machine has no such instructions (it has generic") || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%q: exit %d, %q, %q", args, c.ProcessState.ExitCode(), out.String(), errs.String())
		}
	}
}
