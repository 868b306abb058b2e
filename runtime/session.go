package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/mmap"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// ErrFault says that the model file could not be read while it was mapped.
var ErrFault = seq.ErrFault

// SessionOptions say how much a session may hold. The zero value is good.
type SessionOptions struct {
	Context int  // most tokens; 0: the context length the model was trained for
	Chunk   int  // most tokens of a prompt computed at once, fewer with a budget; 0: 256. It does not change any result.
	Exact   bool // float32 activations throughout instead of int8 blocks (smollm2:135m: half as fast in reading, a quarter in generating)

	Coords Coords // where tokens stand, for plans with groups; nil: all at the same place
}

// defaultChunk is the prompt tokens per pass: the weights are decoded once per chunk, so that the cost per token falls
// with its size, while activations of a pass (some 30 KB per token for the 135M model) grow with it.
const defaultChunk = 256

// Session is one token stream over a model: the tokens and what the network remembers of them. It is for one goroutine
// at a time; a second one gets ErrBusy.
type Session struct {
	m  *Model
	mu sync.Mutex // held by the call in progress

	state   *layer.NetState
	mem     seq.Arena
	env     seq.Env
	plan    Memory
	pages   []*mmap.Block
	scratch *mmap.Block // of mem; one of pages
	spill   *spill      // nil: all is in memory
	store   *store      // nil: the session is in no file that stays
	exact   bool

	step     seq.Step  // of the pass in progress; here, so that a pass allocates nothing
	tokens   []int32   // the stream so far, [Len]
	pos      []seq.Pos // positions of one step, [rows of a pass]
	want     [1]int
	logits   []float32 // of the last token, [vocabulary]
	fresh    bool      // logits belong to the last token
	sets     []set     // texts in the stream that do not see each other
	coords   coords
	fold     *fold // nil: each token is a row, and there are no others
	surprise surprise
	ahead    ahead // drafts that the state holds beyond tokens
	stats    Stats
	closed   bool
}

// NewSession starts an empty session.
func (m *Model) NewSession(o SessionOptions) (*Session, error) {
	s, err := m.newSession(o, nil)
	if err != nil {
		return nil, fmt.Errorf("new session: %w", err)
	}
	return s, nil
}

// newSession makes a session, in the file that store makes for it if that is not nil.
func (m *Model) newSession(o SessionOptions, store func(*Session) error) (*Session, error) {
	p, err := m.acquire(o, store != nil)
	if err != nil {
		return nil, err
	}
	held, pass := m.rows(p.Context, p.Chunk)
	s := &Session{m: m, plan: p, env: seq.Env{MaxLen: held, MaxChunk: pass}, exact: o.Exact,
		pos: make([]seq.Pos, pass), logits: make([]float32, m.Info.Vocab)}
	s.env.Alloc = s.alloc
	s.newFold()
	s.newCoords(o.Coords)
	if store == nil {
		err = s.newSpill()
	} else if err = store(s); err == nil {
		s.useSpill(s.store.mem)
		s.env.Alloc = s.store.alloc
	}
	if m.net.NeedsSurprise() {
		s.newSurprise()
	}
	var scratch []byte
	if err == nil {
		if scratch, err = s.alloc(int(p.Scratch)); err == nil {
			s.scratch = s.pages[len(s.pages)-1]
		}
	}
	if err == nil {
		s.mem.Use(scratch)
		s.state, err = m.net.NewState(&s.env)
	}
	if err != nil {
		s.free()
		m.release(s.plan)
		return nil, err
	}
	return s, nil
}

// env checks the sizes of a session and fills in the usual ones.
func (m *Model) env(o SessionOptions) (seq.Env, error) {
	if o.Context < 0 || o.Context > MaxContext {
		return seq.Env{}, fmt.Errorf("context of %d tokens is not between 0 and %d", o.Context, MaxContext)
	}
	if o.Chunk < 0 || o.Chunk > MaxChunk {
		return seq.Env{}, fmt.Errorf("chunk of %d tokens is not between 0 and %d", o.Chunk, MaxChunk)
	}
	if o.Context == 0 {
		o.Context = m.Info.Context
	}
	if o.Chunk == 0 {
		o.Chunk = defaultChunk
	}
	return seq.Env{MaxLen: o.Context, MaxChunk: min(o.Chunk, o.Context)}, nil
}

// MaxContext bounds a session's tokens: positions are int32, and RoPE angles lose meaning long before.
const MaxContext = 1 << 28

// MaxChunk bounds the rows of a step.
const MaxChunk = 1 << 14

// alloc gives the caches zeroed pages outside the Go heap, so that the collector neither scans nor counts them.
func (s *Session) alloc(n int) ([]byte, error) {
	b, err := mmap.Anon(n)
	if err != nil {
		return nil, err
	}
	s.pages = append(s.pages, b)
	return b.Bytes(), nil
}

func (s *Session) free() {
	for _, b := range s.pages {
		b.Free()
	}
	if s.store != nil {
		s.store.block.Free() // and the file's lock with it
	}
	s.pages, s.state, s.mem = nil, nil, seq.Arena{}
}

// Close frees the session's memory. Its file, if it has one, is left such that OpenSession has nothing to compute.
func (s *Session) Close() error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	defer s.mu.Unlock()
	err := s.seal()
	s.closed = true
	s.free()
	s.m.release(s.plan)
	if err != nil {
		return fmt.Errorf("close session: %w", err)
	}
	return nil
}

// enter takes the session for one call, for which there are no drafts.
func (s *Session) enter() error {
	if err := s.lock(); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		s.mu.Unlock()
		return err
	}
	return nil
}

// lock takes the session for one call.
func (s *Session) lock() error {
	if !s.mu.TryLock() {
		return ErrBusy
	}
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	return nil
}

// Len returns the number of tokens held.
func (s *Session) Len() int { return len(s.tokens) }

// Context returns the most tokens that the session may hold.
func (s *Session) Context() int { return s.plan.Context }

// Tokens returns the stream so far. The slice is valid until the next call and must not be changed. [Len]
func (s *Session) Tokens() []int32 { return s.tokens }

// Logits returns the scores of every possible next token after the last Feed. The slice is valid until the next call;
// a sampler may change it. [vocabulary]
func (s *Session) Logits() ([]float32, error) {
	if !s.fresh {
		return nil, ErrEmpty
	}
	return s.logits, nil
}

// Progress is called after each chunk with the tokens done and the tokens to do in all.
type Progress func(done, total int)

// Feed appends tokens and computes the logits after the last one. On cancellation the chunks that were finished stay
// (Len tells), and the session goes on from there. A *ContextError leaves everything as it was.
func (s *Session) Feed(ctx context.Context, tokens []int32, progress Progress) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	defer s.mu.Unlock()
	if err := s.admit(tokens); err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	if len(tokens) == 0 {
		return nil
	}
	if err := s.feed(ctx, tokens, progress); err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	return nil
}

func (s *Session) admit(tokens []int32) error {
	if len(s.tokens)+len(tokens) > s.plan.Context {
		return &ContextError{Limit: s.plan.Context, Have: len(s.tokens), Want: len(tokens)}
	}
	return s.known(tokens)
}

// known checks ids against the vocabulary.
func (s *Session) known(tokens []int32) error {
	for i, t := range tokens {
		if t < 0 || int(t) >= s.m.Info.Vocab {
			return fmt.Errorf("token %d of %d: id %d of %d: %w", i, len(tokens), t, s.m.Info.Vocab, ErrToken)
		}
	}
	return nil
}

func (s *Session) feed(ctx context.Context, tokens []int32, progress Progress) error {
	start := time.Now()
	for done := 0; done < len(tokens); {
		n := min(len(tokens)-done, s.stepRows())
		last := done+n == len(tokens)
		want, logits := s.want[:0], s.logits[:0]
		if last {
			s.want[0] = n - 1
			want, logits = s.want[:], s.logits
		}
		if err := s.pass(ctx, tokens[done:done+n], want, logits); err != nil {
			return fmt.Errorf("token %d of %d: %w", done, len(tokens), err)
		}
		s.fresh = last
		done += n
		if err := s.logged(); err != nil {
			return fmt.Errorf("token %d of %d: %w", done, len(tokens), err)
		}
		if progress != nil {
			progress(done, len(tokens))
		}
	}
	s.stats.add(len(tokens), time.Since(start))
	return nil
}

// pass runs the network over one chunk. After an error the session is as before, but its logits are gone.
func (s *Session) pass(ctx context.Context, chunk []int32, want []int, logits []float32) error {
	if err := s.room(len(chunk)); err != nil {
		return err
	}
	s.fresh = false
	if s.fold != nil {
		if err := s.turn(ctx); err != nil {
			return s.m.explain(err)
		}
	}
	first := len(s.tokens)
	pos, hide, _ := s.place(first)
	for i := range chunk {
		s.pos[i] = pos + seq.Pos(i)
	}
	every, rows := want, logits
	if u := &s.surprise; u.want != nil && len(want) < len(chunk) {
		every, rows = u.want[:len(chunk)], u.logits[:len(chunk)*s.m.Info.Vocab]
	}
	s.step = seq.Step{First: first, N: len(chunk), Pos: s.pos[:len(chunk)], Hide: hide, Want: every,
		Coords: s.coords.next(s.tokens, chunk), Surprise: s.surprise.before(first, chunk), Exact: s.exact}
	ids := chunk
	if s.fold != nil {
		ids = s.fold.lay(&s.step, s.pos, chunk, first)
	}
	err := s.run(ctx, ids, rows)
	if err == nil {
		s.tokens = append(s.tokens, chunk...)
		if s.surprise.want != nil {
			s.surprise.after(first, chunk, rows)
			for i, r := range want {
				copy(logits[i*s.m.Info.Vocab:(i+1)*s.m.Info.Vocab], rows[r*s.m.Info.Vocab:])
			}
		}
		return nil
	}
	if e := s.back(first); e != nil {
		err = errors.Join(err, s.restart(), e)
	}
	return s.m.explain(err)
}

// run runs the network over the rows of s.step.
func (s *Session) run(ctx context.Context, ids []int32, logits []float32) error {
	if s.spill != nil {
		s.spill.begin()
	}
	team, done := s.m.pool.Pass(ctx)
	s.step.Team, s.step.Mem = team, &s.mem
	mark := s.mem.Mark()
	err := team.Err()
	if err == nil {
		err = par.Guard(func() error { return s.m.net.Run(logits, ids, s.state, &s.step) })
	}
	done()
	s.mem.Release(mark)
	return err
}

// restart forgets everything: the way back from a state that cannot be rewound.
func (s *Session) restart() error {
	_, err := s.resume(0)
	return err
}

// Rewind forgets the tokens from n on. When a ring no longer holds the past that is needed, the first n tokens are
// computed again, which takes as long as feeding them. Logits need a Feed afterwards.
func (s *Session) Rewind(ctx context.Context, n int, progress Progress) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	defer s.mu.Unlock()
	if n < 0 || n > len(s.tokens) {
		return fmt.Errorf("rewind: to token %d of %d", n, len(s.tokens))
	}
	if m := s.whole(n); m != n {
		return fmt.Errorf("rewind: token %d is inside a set of texts, which begins at %d", n, m)
	}
	if err := s.rewind(ctx, n, progress); err != nil {
		return err
	}
	if err := s.logged(); err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	return nil
}

func (s *Session) rewind(ctx context.Context, n int, progress Progress) error {
	if n == len(s.tokens) {
		return nil
	}
	if t := s.store; t != nil { // what is computed again on the way stays in the file
		t.cut(s.tokens[:n])
		t.again = n
		defer func() {
			t.again = 0
			t.cut(s.tokens) // fewer, if that failed
		}()
	}
	if s.surprise.want != nil && n > 0 { // the logits after the last token are needed, so that it is computed again
		s.cutSets(n)
		to, sets := s.whole(n-1), slices.Clone(s.sets)
		again := slices.Clone(s.tokens[to:n])
		if err := s.goBack(ctx, to, progress); err != nil {
			return err
		}
		s.sets = sets // what is computed again may be the last of them
		if err := s.feed(ctx, again, nil); err != nil {
			return fmt.Errorf("rewind to token %d: %w", n, errors.Join(err, s.leave(s.whole(len(s.tokens)))))
		}
		return nil
	}
	return s.goBack(ctx, n, progress)
}

func (s *Session) goBack(ctx context.Context, n int, progress Progress) error {
	s.fresh = false
	s.ahead.look.forget(n)
	s.cutSets(n)
	err := s.back(n)
	switch {
	case err == nil:
		s.shorten(n)
		return nil
	case !errors.Is(err, seq.ErrRewind):
		return fmt.Errorf("rewind: %w", err)
	}
	again, sets := append([]int32(nil), s.tokens[:n]...), slices.Clone(s.sets)
	// Where rows go by what earlier ones have chosen, the beginning of a tile can be gone back to when its middle cannot.
	from := s.whole(n / tileRows * tileRows)
	if from > 0 && s.back(from) == nil {
		s.shorten(from)
		s.ahead.look.forget(from) // what follows may be cancelled
	} else if from, err = s.resume(n); err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	s.sets = sets // what is computed again lies in them
	if from == n {
		return nil
	}
	if err := s.feed(ctx, again[from:], progress); err != nil {
		err = errors.Join(err, s.leave(s.whole(len(s.tokens))))
		return fmt.Errorf("rewind to token %d: %w", n, err)
	}
	return nil
}

// shorten makes the stream its first n tokens. What the file has of those behind is of another stream from now on.
func (s *Session) shorten(n int) {
	s.tokens = s.tokens[:n]
	if s.store != nil {
		s.store.cut(s.tokens)
	}
}

// Each feeds tokens like Feed and hands the logits of every one of them to visit, in order. The slice is valid during
// the call. [vocabulary]
func (s *Session) Each(ctx context.Context, tokens []int32, visit func(i int, logits []float32) error) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	defer s.mu.Unlock()
	if err := s.admit(tokens); err != nil {
		return fmt.Errorf("feed: %w", err)
	}
	vocab := s.m.Info.Vocab
	// All rows' logits of a full chunk would be 256 MB for 262,144 entries; results do not depend on the chunk.
	chunk := min(s.plan.Chunk, s.plan.Rows, max(1, len(tokens)))
	logits := s.rows(chunk) // [chunk, vocabulary]
	want := make([]int, chunk)
	start := time.Now()
	for done, n := 0, 0; done < len(tokens); done += n {
		n = min(chunk, len(tokens)-done, s.stepRows())
		for i := range n {
			want[i] = i
		}
		if err := s.pass(ctx, tokens[done:done+n], want[:n], logits[:n*vocab]); err != nil {
			return fmt.Errorf("feed: token %d of %d: %w", done, len(tokens), err)
		}
		for i := range n {
			if err := visit(done+i, logits[i*vocab:(i+1)*vocab]); err != nil {
				return err
			}
		}
		copy(s.logits, logits[(n-1)*vocab:n*vocab])
		s.fresh = true
		if err := s.logged(); err != nil {
			return fmt.Errorf("feed: token %d of %d: %w", done, len(tokens), err)
		}
	}
	s.stats.add(len(tokens), time.Since(start))
	return nil
}

// eachFloats bounds the logits that are held at once: 32 MB.
const eachFloats = 8 << 20

// rows returns room for the logits of n rows. It stays, and what the logits of the last token lie in becomes its first row.
func (s *Session) rows(n int) []float32 {
	vocab := s.m.Info.Vocab
	if len(s.ahead.rows) < n*vocab {
		rows := make([]float32, n*vocab)
		copy(rows, s.logits)
		s.ahead.rows, s.ahead.row, s.logits = rows, 0, rows[:vocab]
	}
	return s.ahead.rows[:n*vocab]
}

// Sync makes the stream equal to tokens with the least work: it keeps the longest common prefix, forgets the rest and
// feeds what is missing. It returns the number of tokens kept. Logits are there afterwards.
func (s *Session) Sync(ctx context.Context, tokens []int32, progress Progress) (kept int, err error) {
	if err := s.enter(); err != nil {
		return 0, fmt.Errorf("sync: %w", err)
	}
	defer s.mu.Unlock()
	if len(tokens) == 0 {
		return 0, fmt.Errorf("sync: %w", ErrEmpty)
	}
	if len(tokens) > s.plan.Context {
		return 0, fmt.Errorf("sync: %w", &ContextError{Limit: s.plan.Context, Want: len(tokens)})
	}
	if err := s.known(tokens); err != nil {
		return 0, fmt.Errorf("sync: %w", err)
	}
	for kept < min(len(tokens), len(s.tokens)) && tokens[kept] == s.tokens[kept] {
		kept++
	}
	if kept == len(tokens) && !(s.fresh && kept == len(s.tokens)) {
		kept-- // the last token is fed again for its logits
	}
	kept = s.whole(kept)
	if err := s.rewind(ctx, kept, progress); err != nil {
		return kept, fmt.Errorf("sync: %w", err)
	}
	if kept == len(tokens) {
		return kept, s.logged()
	}
	if err := s.feed(ctx, tokens[kept:], progress); err != nil {
		return kept, fmt.Errorf("sync: %w", err)
	}
	return kept, nil
}
