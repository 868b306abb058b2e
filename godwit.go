package godwit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/godwit-ai/godwit/chat"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/runtime"
	"github.com/godwit-ai/godwit/runtime/arch"
	"github.com/godwit-ai/godwit/tokenizer"
)

// Errors for errors.Is. The text of the wrapped error carries the numbers.
var (
	ErrContext    = runtime.ErrContext    // tokens do not fit; errors.As a *ContextError
	ErrToken      = runtime.ErrToken      // a token id outside the vocabulary
	ErrBusy       = runtime.ErrBusy       // a session used by two goroutines at once
	ErrClosed     = runtime.ErrClosed     // a model or session used after Close
	ErrInUse      = runtime.ErrInUse      // a model closed before its sessions
	ErrFault      = runtime.ErrFault      // the model file could not be read while it was mapped
	ErrPower      = runtime.ErrPower      // an unknown power profile
	ErrCPU        = runtime.ErrCPU        // the environment's GODWIT_CPU names instructions that the machine does not have
	ErrBLAS       = runtime.ErrBLAS       // the environment's GODWIT_BLAS names a library that cannot be loaded
	ErrMemory     = runtime.ErrMemory     // a session does not fit into the budget; errors.As a *MemoryError
	ErrBases      = runtime.ErrBases      // a plan needs bases and Options.Bases has none that fit
	ErrOtherModel = runtime.ErrOtherModel // Options.Bases has those of another model
	ErrGroups     = runtime.ErrGroups     // a text has more groups than the plan has room for
	ErrSpill      = runtime.ErrSpill      // the file of Options.Spill could not be made, or the disk is full
	ErrBadSession = runtime.ErrBadSession // what LoadSession reads is no session, or a damaged one
	// ErrOtherPlan says that a session was saved with another plan, or other bases, than the model has.
	ErrOtherPlan    = runtime.ErrOtherPlan
	ErrSessionFile  = runtime.ErrSessionFile  // a session's file could not be made, read or written: the disk may be full
	ErrSessionInUse = runtime.ErrSessionInUse // another process, or another session of this one, has a session's file
	ErrNoTokenizer  = errors.New("the model file has no tokenizer: feed token ids instead")
	ErrNoTemplate   = errors.New("the model file has no chat template: prompt with plain text, or name a template")
)

// Types that the façade shares with the engine.
type (
	// Info describes a model: architecture, sizes, attention plan.
	Info = arch.Info
	// ContextError carries the numbers of a context overflow.
	ContextError = runtime.ContextError
	// MemoryError says what does not fit into a budget, and what would.
	MemoryError = runtime.MemoryError
	// Memory is what a session takes, by part, before it is made.
	Memory = runtime.Memory
	// KVMemory is the cache of layers that are alike.
	KVMemory = runtime.KVMemory
	// Stats is what a session did: tokens, times, memory, the hash of the last logits.
	Stats = runtime.Stats
	// Cost is what tokens take: bytes of weights and cache, operations.
	Cost = runtime.Cost
	// Options say how a model is opened: plan edits, threads, a budget of memory.
	Options = runtime.Options
	// SessionOptions say how much a session may hold.
	SessionOptions = runtime.SessionOptions
	// Trim says what of its memory a session gives back.
	Trim = runtime.Trim
	// Reopened is what OpenSession found in a file.
	Reopened = runtime.Reopened
	// SessionInfo is what a session's file says of itself.
	SessionInfo = runtime.SessionInfo
	// Progress is called with the tokens done and to do, after each chunk of a prompt.
	Progress = runtime.Progress
	// Power is a profile of what a model's workers are to save.
	Power = runtime.Power
	// Pressure is how hot the device is.
	Pressure = runtime.Pressure
	// Pin says whether workers are bound to CPUs.
	Pin = runtime.Pin
	// ThreadsBy says where a model's number of workers comes from.
	ThreadsBy = runtime.ThreadsBy
	// Message is one turn of a conversation.
	Message = chat.Message
)

// ThreadsMeasured is the Options.Threads that has the number of workers measured at the first use of a machine, in less than
// 150 ms, and remembered in Options.ThreadsFile.
const ThreadsMeasured = runtime.ThreadsMeasured

// The ways to a number of workers, that Model.ThreadsBy tells.
const (
	ThreadsGiven      = runtime.ThreadsGiven      // by the caller
	ThreadsCores      = runtime.ThreadsCores      // one for each big core that the process may use
	ThreadsNew        = runtime.ThreadsNew        // measured just now
	ThreadsRemembered = runtime.ThreadsRemembered // measured before
)

// The profiles of Options.Power and Model.SetPower.
const (
	PowerBalanced    = runtime.PowerBalanced    // all workers, which park when there is nothing to do for 200 µs
	PowerPerformance = runtime.PowerPerformance // they park after 1 ms
	PowerBackground  = runtime.PowerBackground  // the little cores, or a quarter of the workers; 30 ms of work, then 70 of rest
)

// The levels of Model.SetPressure, as Apple's thermal states are called.
const (
	PressureNone     = runtime.PressureNone
	PressureFair     = runtime.PressureFair     // three of four workers, which park soon
	PressureSerious  = runtime.PressureSerious  // half of the workers, for 60 ms of 100
	PressureCritical = runtime.PressureCritical // one worker, for 30 ms of 100
)

// The values of Session.Trim.
const (
	TrimScratch = runtime.TrimScratch // what only steps need
	TrimAll     = runtime.TrimAll     // and the keys and values of sessions in files
)

// The values of Options.Pin.
const (
	PinAuto = runtime.PinAuto // where there are big and little cores, workers stay on the big ones
	PinOff  = runtime.PinOff
	PinOn   = runtime.PinOn // on other machines too, on one hardware thread of each core
)

// ParsePower returns the profile of a name: balanced, performance or background. The error wraps ErrPower.
func ParsePower(name string) (Power, error) { return runtime.ParsePower(name) }

// Machine describes the CPUs that this process may use, in one line.
func Machine() string { return runtime.Machine() }

// Model is an opened model. It is safe for concurrent use, and but for the pace of its workers it is immutable.
type Model struct {
	rt *runtime.Model

	tokOnce sync.Once
	tok     *tokenizer.Tokenizer
	tokErr  error

	tmplOnce sync.Once
	tmpl     *chat.Template
	tmplErr  error
}

// Open maps the GGUF file at path; of a split model any part may be named.
func Open(path string, o Options) (*Model, error) {
	rt, err := runtime.Open(path, o)
	if err != nil {
		return nil, err
	}
	return &Model{rt: rt}, nil
}

// OpenFD maps the model that an open file descriptor holds from offset on; size 0 means up to its end.
func OpenFD(fd uintptr, offset, size int64, o Options) (*Model, error) {
	rt, err := runtime.OpenFD(fd, offset, size, o)
	if err != nil {
		return nil, err
	}
	return &Model{rt: rt}, nil
}

// Close unmaps the file. While sessions are open it does nothing and returns an ErrInUse.
func (m *Model) Close() error { return m.rt.Close() }

// Info describes the model.
func (m *Model) Info() Info { return m.rt.Info }

// Plan returns the attention plan in its text form.
func (m *Model) Plan() string { return m.rt.Info.Plan.String() }

// Threads returns the number of workers.
func (m *Model) Threads() int { return m.rt.Threads() }

// ThreadsBy tells where their number comes from.
func (m *Model) ThreadsBy() ThreadsBy { return m.rt.ThreadsBy() }

// SetPower changes the profile at once, also while generations run, from any goroutine. The error wraps ErrPower. Results stay
// the same to the bit.
func (m *Model) SetPower(p Power) error { return m.rt.SetPower(p) }

// SetPressure tells the model how hot the device is: at once workers are left out, and those that work rest in between, also of
// generations that run. Call it from the system's notification of thermal states, from any goroutine. Results stay the same to the
// bit; they come later. A level outside the known ones counts as the nearest.
func (m *Model) SetPressure(p Pressure) { m.rt.SetPressure(p) }

// Resident returns how many bytes of the file are in memory now.
func (m *Model) Resident() (int64, error) { return m.rt.Resident() }

// FileBytes returns the size of the mapped files.
func (m *Model) FileBytes() int64 { return m.rt.FileBytes() }

// KVBytes returns the memory of the caches of a session that holds ctx tokens; 0: as many as the model was trained for.
func (m *Model) KVBytes(ctx int) (int64, error) { return m.rt.KVBytes(ctx) }

// Memory plans a session without making it: what it takes, by part, and with how many rows a step. With Options.Memory, what does
// not fit is a *MemoryError.
func (m *Model) Memory(o SessionOptions) (Memory, error) { return m.rt.Memory(o) }

// MaxContext returns the most tokens of a session, in steps of at most chunk rows (0: one), that fits into Options.Memory.
func (m *Model) MaxContext(chunk int, exact bool) int { return m.rt.MaxContext(chunk, exact) }

// Cost returns the bytes and operations of reading n tokens from position first on; of n = 1, those of a decoded token.
// Positions that no session can hold cost nothing.
func (m *Model) Cost(first, n int, exact bool) Cost { return m.rt.Cost(first, n, exact) }

// File returns the parsed container, for inspection. It aliases the mapping.
func (m *Model) File() *gguf.File { return m.rt.File() }

// Guard runs f, which touches what File or Tokenizer returned. When the file has shrunk, that is an error that says so, and no dead
// process. All other methods guard themselves.
func (m *Model) Guard(f func() error) error { return m.rt.Guard(f) }

// Tokenizer returns the model's tokenizer, or ErrNoTokenizer. Its vocabulary is the mapped file's.
func (m *Model) Tokenizer() (*tokenizer.Tokenizer, error) {
	m.tokOnce.Do(func() {
		if !m.rt.File().Meta.Has("tokenizer.ggml.tokens") {
			m.tokErr = ErrNoTokenizer
			return
		}
		m.tokErr = m.rt.Guard(func() (err error) {
			m.tok, err = tokenizer.New(m.rt.File().Meta)
			return err
		})
	})
	return m.tok, m.tokErr
}

// Tokenize returns the ids of text. With special set, control tokens written in the text become their ids; the
// beginning-of-text token is added as the model asks.
func (m *Model) Tokenize(text string, special bool) ([]int32, error) {
	return m.encode(text, tokenizer.Options{Special: special})
}

func (m *Model) encode(text string, o tokenizer.Options) (ids []int32, err error) {
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, err
	}
	err = m.rt.Guard(func() error {
		ids = tok.Encode(nil, text, o)
		return nil
	})
	return ids, err
}

// Template returns the model's chat template, or ErrNoTemplate.
func (m *Model) Template() (*chat.Template, error) {
	m.tmplOnce.Do(func() {
		var source string
		err := m.rt.Guard(func() (err error) {
			source, err = m.rt.File().Meta.StringOr("tokenizer.chat_template", "")
			return err
		})
		switch {
		case err != nil:
			m.tmplErr = err
		case source == "":
			m.tmplErr = ErrNoTemplate
		default:
			m.tmpl, m.tmplErr = chat.Parse(source, chat.Limits{})
		}
	})
	return m.tmpl, m.tmplErr
}

// Render returns the token ids of a conversation, ready for the assistant's next turn. A nil template stands for the
// model's own.
func (m *Model) Render(t *chat.Template, messages []Message) ([]int32, error) {
	if t == nil {
		var err error
		if t, err = m.Template(); err != nil {
			return nil, err
		}
	}
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, err
	}
	opt := chat.Options{AddGenerationPrompt: true}
	err = m.rt.Guard(func() error {
		if id, ok := tok.BOS(); ok {
			opt.BOS = string(tok.Piece(id))
		}
		if id, ok := tok.EOS(); ok {
			opt.EOS = string(tok.Piece(id))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	text, err := t.Render(messages, opt)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	// Most templates write the beginning-of-text token themselves; a second one degrades the answers.
	ids, err := m.encode(text, tokenizer.Options{Special: true, BOS: tokenizer.BOSNever})
	if err != nil {
		return nil, err
	}
	if bos, ok := tok.BOS(); ok && tok.AddBOS() && (len(ids) == 0 || ids[0] != bos) {
		ids = append([]int32{bos}, ids...)
	}
	return ids, nil
}

// Text returns the text of ids; control tokens give nothing.
func (m *Model) Text(ids []int32) (text string, err error) {
	tok, err := m.Tokenizer()
	if err != nil {
		return "", err
	}
	err = m.rt.Guard(func() error {
		text = tok.Decode(ids, tokenizer.DecodeOptions{})
		return nil
	})
	return text, err
}

// Session is one stream of tokens over a model, for one goroutine at a time.
type Session struct {
	m  *Model
	rt *runtime.Session
}

// NewSession starts an empty session. Of plans with groups, its text is a table (Model.Table) unless o.Coords says otherwise.
func (m *Model) NewSession(o SessionOptions) (*Session, error) {
	var err error
	if o.Coords, err = m.coords(o.Coords); err != nil {
		return nil, fmt.Errorf("new session: %w", err)
	}
	return m.session(m.rt.NewSession(o))
}

// coords are a session's coordinates, those of a table unless others are given.
func (m *Model) coords(given Coords) (Coords, error) {
	if given != nil || !m.rt.Info.Plan.Grouped() {
		return given, nil
	}
	c, err := m.Table()
	if errors.Is(err, ErrNoTokenizer) {
		return nil, nil
	}
	return c, err
}

func (m *Model) session(rt *runtime.Session, err error) (*Session, error) {
	if err != nil {
		return nil, err
	}
	return &Session{m, rt}, nil
}

// LoadSession makes the session that Save wrote, and goes on with the same bits without computing anything again. The model must be
// opened from the same file with the same plan and bases; threads, budget and Options.Spill may be others. coords is what
// SessionOptions.Coords was. Errors wrap ErrBadSession for what is damaged or no session, ErrOtherModel and ErrOtherPlan.
func (m *Model) LoadSession(r io.Reader, coords Coords) (*Session, error) {
	coords, err := m.coords(coords)
	if err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	return m.session(m.rt.LoadSession(r, coords))
}

// OpenSession opens the session in the file at path, or makes one there. The file is the session's memory: whenever the process ends, even by a
// kill in the middle of a call, opening it again goes on from the last token that was fed, or that Generate handed out, with the same bits, and
// without computing more than a few tokens again. Session.Commit makes that true of a loss of power too. runtime.Model.OpenSession has the details
// and the errors.
func (m *Model) OpenSession(ctx context.Context, path string, o SessionOptions, progress Progress) (*Session, *Reopened, error) {
	coords, err := m.coords(o.Coords)
	if err != nil {
		return nil, nil, fmt.Errorf("open session: %w", err)
	}
	o.Coords = coords
	rt, found, err := m.rt.OpenSession(ctx, path, o, progress)
	if err != nil {
		return nil, nil, err
	}
	return &Session{m, rt}, found, nil
}

// StatSession reads what a session's file says of itself, without a model. It may be in use.
func StatSession(path string) (*SessionInfo, error) { return runtime.StatSession(path) }

// CopySession makes the session in the file at from another one, in a file at to, where nothing may be: a fork, from which both go on by themselves. The session must not
// be open. runtime.CopySession has what it costs.
func CopySession(from, to string) error { return runtime.CopySession(from, to) }

// Trim gives memory back to the system at once, of sessions in files all but a few megabytes; the session goes on as if nothing had been. Call it when the
// system asks for memory.
func (s *Session) Trim(what Trim) error { return s.rt.Trim(what) }

// Commit brings the session's file to the disk and waits for it: what comes after it, a loss of power too, takes nothing of what is there now. Without
// a file it does nothing.
func (s *Session) Commit() error { return s.rt.Commit() }

// SetNote leaves bytes of the caller's, at most 8 MiB, in the session's file, in place of the last ones: a conversation's messages, say.
func (s *Session) SetNote(b []byte) error { return s.rt.SetNote(b) }

// Note returns what SetNote left in the session's file; nil: nothing, or there is no file.
func (s *Session) Note() []byte { return s.rt.Note() }

// Save writes the session to w, in as many bytes as its caches take. The session stays as it is.
func (s *Session) Save(w io.Writer) error { return s.rt.Save(w) }

// Fork makes a session that is where this one is, with memory of its own. It takes the time to copy the caches.
func (s *Session) Fork() (*Session, error) { return s.m.session(s.rt.Fork()) }

// Close frees the session's memory.
func (s *Session) Close() error { return s.rt.Close() }

// Len returns the number of tokens held.
func (s *Session) Len() int { return s.rt.Len() }

// Context returns the most tokens that the session may hold.
func (s *Session) Context() int { return s.rt.Context() }

// Tokens returns the stream so far; it is valid until the next call and must not be changed. [Len]
func (s *Session) Tokens() []int32 { return s.rt.Tokens() }

// Logits returns the scores of every possible next token; valid until the next call. [vocabulary]
func (s *Session) Logits() ([]float32, error) { return s.rt.Logits() }

// Stats returns what the session did so far.
func (s *Session) Stats() Stats { return s.rt.Stats() }

// Feed appends token ids. On cancellation the chunks that were finished stay.
func (s *Session) Feed(ctx context.Context, tokens []int32, progress Progress) error {
	return s.rt.Feed(ctx, tokens, progress)
}

// FeedSet appends texts that are to count alike, such as the options of a question or documents found: they do not see each other, and
// what is fed next gives the same logits, to the bit, whatever their order (set-based prompting, arXiv 2406.06581). Logits need a
// Feed or a Prompt afterwards.
func (s *Session) FeedSet(ctx context.Context, texts [][]int32, progress Progress) error {
	return s.rt.FeedSet(ctx, texts, progress)
}

// PromptSet is FeedSet of texts, each by itself and without a beginning-of-text token: a Prompt should come before.
func (s *Session) PromptSet(ctx context.Context, texts []string, progress Progress) error {
	ids := make([][]int32, len(texts))
	for i, t := range texts {
		var err error
		if ids[i], err = s.m.encode(t, tokenizer.Options{Special: true, BOS: tokenizer.BOSNever}); err != nil {
			return err
		}
	}
	return s.rt.FeedSet(ctx, ids, progress)
}

// Each feeds tokens and hands the logits after every one of them to visit. [vocabulary]
func (s *Session) Each(ctx context.Context, tokens []int32, visit func(i int, logits []float32) error) error {
	return s.rt.Each(ctx, tokens, visit)
}

// Rewind forgets the tokens from n on.
func (s *Session) Rewind(ctx context.Context, n int, progress Progress) error {
	return s.rt.Rewind(ctx, n, progress)
}

// Sync makes the stream equal to tokens, computing again only what differs from what it holds. It returns the number of
// tokens that it kept.
func (s *Session) Sync(ctx context.Context, tokens []int32, progress Progress) (int, error) {
	return s.rt.Sync(ctx, tokens, progress)
}

// Prompt appends text. The beginning-of-text token is added, as the model asks, at the start of the stream only.
func (s *Session) Prompt(ctx context.Context, text string, progress Progress) error {
	o := tokenizer.Options{Special: true}
	if s.Len() > 0 {
		o.BOS = tokenizer.BOSNever
	}
	ids, err := s.m.encode(text, o)
	if err != nil {
		return err
	}
	return s.Feed(ctx, ids, progress)
}

// Chat brings the stream to the point where the assistant's answer to messages begins. It returns the number of tokens
// that were still held from earlier turns.
func (s *Session) Chat(ctx context.Context, messages []Message, progress Progress) (int, error) {
	ids, err := s.m.Render(nil, messages)
	if err != nil {
		return 0, err
	}
	return s.Sync(ctx, ids, progress)
}
