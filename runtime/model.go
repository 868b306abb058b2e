// Package runtime is the engine: it maps a model file, runs its network over token ids, and keeps the sessions. It
// knows no text; the module's root package adds tokenizer and chat template.
package runtime

import (
	"errors"
	"fmt"
	"sync"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/topo"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/runtime/arch"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// Options say how a model is opened. The zero value is good.
type Options struct {
	Plan    string // edits of the attention plan in its text form; "": the model's own
	Threads int    // workers; 0: one for each big core; ThreadsMeasured: what a measurement finds best
	NoMap   bool   // read the file into memory instead of mapping it
	Power   Power  // what the workers are to save
	Pin     Pin    // whether they are bound to CPUs

	// Memory is the most anonymous memory, in bytes, that the model and its open sessions may take together; 0: no limit. It sets
	// how many rows a step has (Model.Memory tells), and what does not fit in steps of one row is a *MemoryError, from
	// Open, when not even a session of one token fits, or from NewSession. The mapped file, whose pages the system may
	// drop, and what else the process holds do not count. Results are the same to the bit.
	Memory int64

	// Spill is a folder for the caches of sessions, on a disk (/tmp is memory on some systems); "": none. Of layers that keep every row, keys and values then live in a file there,
	// which has no name, so that it vanishes with the session or the process (on Windows it has a name until then). Its pages
	// are the system's to write out and to drop: only Memory's rest counts, and with Memory they leave the process's memory as soon as
	// there is more than that. Rows are written once, a few hundred at a time; Stats.SpillWritten counts them. The disk's room is taken
	// as the session grows (on Windows at once); when there is none, a Feed fails with an ErrSpill and leaves the session as it was.
	// Results are the same to the bit.
	Spill string

	// ChangePlan returns the plan to use in place of what Plan has made of the model's own; nil: that one. Parts of a plan that have no text, as a
	// Selector of the caller's, enter here.
	ChangePlan func(attention.Plan) (attention.Plan, error)

	Bases string // file of bases for plans with codecs that need them (compress.Bases writes it); "": none

	ThreadsFile string // where measured numbers are remembered; "": godwit/threads.json in the user's folder for caches
}

// Model is an opened model: weights mapped from the file and the network over them. It is safe for concurrent use, and but for
// the pace of its workers it is immutable; whatever else changes lives in a Session.
type Model struct {
	Info arch.Info

	files []*mmap.File
	file  *gguf.File
	net   *layer.Net
	pool  *par.Pool

	machine   *topo.Machine
	threadsBy ThreadsBy
	budget    int64    // Options.Memory
	spill     string   // Options.Spill
	fold      *folding // nil: the plan has none
	bases     string   // hash of the file of Options.Bases; "": none
	heap      int64    // what parsed metadata, the network, a tokenizer and a sampler hold; and the file, unless it is mapped

	paceMu sync.Mutex
	pacing pacing

	mu       sync.Mutex
	closed   bool
	sessions int   // open ones, which hold the mapping
	taken    int64 // bytes that were planned for them
}

// Open maps the GGUF model at path; of a split model (-00001-of-0000N) any part may be named.
func Open(path string, o Options) (*Model, error) {
	parts, err := gguf.SplitPaths(path)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", path, err)
	}
	open := mmap.Open
	if o.NoMap {
		open = mmap.Read
	}
	var files []*mmap.File
	for _, p := range parts {
		f, err := open(p)
		if err != nil {
			closeAll(files)
			return nil, fmt.Errorf("open model %s: %w", path, err)
		}
		files = append(files, f)
	}
	m, err := build(files, o)
	if err != nil {
		return nil, fmt.Errorf("open model %s: %w", path, err)
	}
	return m, nil
}

// OpenFD maps the model in an open file descriptor from offset on (Android hands out descriptors into packages). size
// may be 0: up to the end of the file. The descriptor may be closed afterwards.
func OpenFD(fd uintptr, offset, size int64, o Options) (*Model, error) {
	f, err := mmap.OpenFD(fd, offset, size)
	if err == nil {
		var m *Model
		if m, err = build([]*mmap.File{f}, o); err == nil {
			return m, nil
		}
	}
	return nil, fmt.Errorf("open model from descriptor %d: %w", fd, err)
}

// build takes over files: it closes them on error.
func build(files []*mmap.File, o Options) (m *Model, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
		}
	}()
	// A name that is ignored would leave the measurements of a level, or of a library, to be those of another.
	if err := cpu.Err(); err != nil {
		return nil, err
	}
	if err := quant.LibraryErr(); err != nil {
		return nil, err
	}
	if o.Threads < ThreadsMeasured || o.Threads > MaxThreads {
		return nil, fmt.Errorf("threads: %d is not between 0 and %d", o.Threads, MaxThreads)
	}
	if o.Memory < 0 {
		return nil, fmt.Errorf("memory: a budget of %d bytes is negative", o.Memory)
	}
	if o.Power < 0 || int(o.Power) >= len(powerNames) {
		return nil, fmt.Errorf("%v: %w", o.Power, ErrPower)
	}
	var bases *attention.Bases
	edit := func(p attention.Plan) (_ attention.Plan, err error) {
		if o.Plan != "" {
			if p, err = p.Edit(o.Plan); err != nil {
				return p, err
			}
		}
		if bases != nil {
			if p, err = p.WithBases(bases); err != nil {
				return p, err
			}
		}
		if o.ChangePlan != nil {
			return o.ChangePlan(p)
		}
		return p, nil
	}
	m = &Model{files: files, machine: topo.Default(), pacing: pacing{power: o.Power, pin: o.Pin}}
	// Parsing touches the mapping, so a file that shrinks meanwhile must give an error here as well.
	err = par.Guard(func() error {
		var parts []*gguf.File
		for _, f := range files {
			p, err := gguf.Parse(f.Bytes())
			if err != nil {
				return err
			}
			parts = append(parts, p)
		}
		var err error
		if m.file, err = gguf.Join(parts); err != nil {
			return err
		}
		if o.Bases != "" {
			if bases, m.bases, m.heap, err = readBases(o.Bases, m.file); err != nil {
				return err
			}
		}
		m.net, m.Info, err = arch.Build(m.file, edit)
		return err
	})
	if err != nil {
		return nil, m.explain(err)
	}
	if l := m.Info.Plan.Layers; len(l) > 0 && l[0].Fold != nil {
		m.fold = &folding{l[0].Fold.Folding(), l[0].Fold.String()}
		if m.fold.Drops && o.Spill != "" {
			return nil, fmt.Errorf("fold=%s with a file for caches: %w: it would be overwritten again and again", m.fold.text, attention.ErrCompose)
		}
	}
	threads, by := m.threads(o, m.machine)
	m.threadsBy, m.budget, m.spill = by, o.Memory, o.Spill
	m.heap += m.textBytes() + m.netBytes() + m.net.TableBytes()
	if o.NoMap {
		m.heap += m.FileBytes()
	}
	m.pool = par.NewPool(threads)
	if _, err := m.plan(SessionOptions{Context: 1}, 0, false); err != nil {
		m.pool.Close()
		return nil, err
	}
	m.repace(func(*pacing) {})
	return m, nil
}

// MaxThreads bounds what a caller may ask for; no machine that godwit aims at has more cores.
const MaxThreads = 256

func closeAll(files []*mmap.File) {
	for _, f := range files {
		f.Close()
	}
}

// Close unmaps the file. Nothing obtained from the model may be used after. While sessions are open it does nothing and returns an
// ErrInUse: waiting for them would hang a caller that closes both in the wrong order.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return fmt.Errorf("close model: %w", ErrClosed)
	case m.sessions > 0:
		return fmt.Errorf("close model: %w: %d open", ErrInUse, m.sessions)
	}
	m.closed = true
	m.pool.Close()
	var errs []error
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// acquire plans one more open session, and counts it.
func (m *Model) acquire(o SessionOptions, file bool) (Memory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return Memory{}, fmt.Errorf("model %w", ErrClosed)
	}
	p, err := m.plan(o, m.taken, file)
	if err == nil {
		m.sessions++
		m.taken += p.session()
	}
	return p, err
}

func (m *Model) release(p Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions--
	m.taken -= p.session()
}

// File returns the parsed container: metadata and tensors, aliasing the mapping.
func (m *Model) File() *gguf.File { return m.file }

// Threads returns the number of workers.
func (m *Model) Threads() int { return m.pool.Workers() }

// ThreadsBy tells where their number comes from.
func (m *Model) ThreadsBy() ThreadsBy { return m.threadsBy }

// FileBytes returns the size of the mapped files.
func (m *Model) FileBytes() int64 {
	var n int64
	for _, f := range m.files {
		n += int64(len(f.Bytes()))
	}
	return n
}

// KVBytes returns the memory of the caches of a session that holds ctx tokens; 0 stands for the context length that the
// model was trained for.
func (m *Model) KVBytes(ctx int) (int64, error) {
	env, err := m.env(SessionOptions{Context: ctx})
	if err != nil {
		return 0, err
	}
	env.MaxLen, env.MaxChunk = m.rows(env.MaxLen, env.MaxChunk)
	return m.net.Bytes(&env)
}

// Cost returns what n tokens from position first on take when they are read in one pass, of which the last one's logits are
// wanted; of n = 1, what a decoded token takes. exact is that of SessionOptions.
func (m *Model) Cost(first, n int, exact bool) Cost {
	if first < 0 || n < 1 || first > MaxContext-n {
		return Cost{}
	}
	if m.fold != nil {
		return m.foldCost(first, n, exact)
	}
	return m.net.Cost(first, n, exact)
}

// Cost is bytes and operations.
type Cost = seq.Cost

// Resident returns how many bytes of the model are in memory now.
func (m *Model) Resident() (int64, error) {
	var n int64
	for _, f := range m.files {
		r, err := f.Resident()
		if err != nil {
			return 0, err
		}
		n += r
	}
	return n, nil
}

// Guard runs f, which touches what File returned. When the file has shrunk, that is an error that says so, and no dead process.
func (m *Model) Guard(f func() error) error { return m.explain(par.Guard(f)) }

// explain adds to a memory fault what happened to the file.
func (m *Model) explain(err error) error {
	if err == nil || !errors.Is(err, ErrFault) {
		return err
	}
	for _, f := range m.files {
		if e := f.Check(); e != nil {
			return fmt.Errorf("%w: %w", err, e)
		}
	}
	return err
}
