package runtime

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// Reopened is what Model.OpenSession found.
type Reopened struct {
	New        bool   // there was no file
	Tokens     int    // of the stream
	Reused     int    // of them, those whose keys and values were in the file
	Recomputed int    // the others
	Lost       int    // tokens that the file had counted once and that are damaged
	Why        string // tokens were computed again or lost; "": none were
	State      []byte // what Session.Deliver had last. [≤ 2,048]
}

// OpenSession opens the session in the file at path, or makes one there if there is none. While it is open all that the session's layers hold lives
// in the file, mapped, and each call leaves the file such that when the process ends in whatever way, even in the middle of a call, the next
// OpenSession goes on from the last token that was fed, or handed out by Generate, with the same bits. After a loss of power that is so
// from the last Commit on.
//
// The model must be the same, with the same plan and bases. o.Context and o.Chunk are those of the file, unless it is new; o.Context must be 0 or what
// the file has. Tokens of which the file does not have what the layers hold are computed again, with progress; on an error nothing that the
// file says has changed. Errors wrap ErrBadSession for what is no session's file or damaged, ErrOtherModel, ErrOtherPlan, ErrSessionInUse,
// ErrSessionFile, and what NewSession's do.
func (m *Model) OpenSession(ctx context.Context, path string, o SessionOptions, progress Progress) (*Session, *Reopened, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	var s *Session
	var r *Reopened
	if errors.Is(err, os.ErrNotExist) {
		r = &Reopened{New: true}
		s, err = m.createStore(path, o)
	} else if err == nil {
		s, r, err = m.openStore(ctx, f, o, progress)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open session %s: %w", path, err)
	}
	s.store.path = path
	return s, r, nil
}

// createStore makes a file that appears at path when it is one of an empty session.
func (m *Model) createStore(path string, o SessionOptions) (*Session, error) {
	f, err := newFile(path)
	if err != nil {
		return nil, err
	}
	id := make([]byte, storeID)
	rand.Read(id) // it never fails
	s, err := m.storeSession(f, o, string(id), false, func(s *Session, l storeLayout) error {
		h := s.head()
		h.id = string(id)
		im := seq.ImageTo(f)
		h.image(im)
		return errors.Join(im.Err(), f.Truncate(l.size))
	})
	if err != nil {
		os.Remove(f.Name())
		return nil, err
	}
	err = s.logged()
	if err == nil {
		err = reveal(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrSessionFile, err), s.Close())
	}
	return s, nil
}

// newFile makes a file beside path, which reveal gives that name.
func newFile(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSessionFile, err)
	}
	return f, nil
}

// reveal gives a file its name, but never that of one which somebody else has made meanwhile, where the file system has links.
func reveal(from, to string) error {
	err := os.Link(from, to)
	switch {
	case err == nil:
		return os.Remove(from)
	case errors.Is(err, os.ErrExist):
		return err
	}
	return os.Rename(from, to)
}

// storeSession makes a session whose states are in f, which begin makes as long as it must be, or looks at if it is filled. f is closed when that
// fails, and else with the session.
func (m *Model) storeSession(f *os.File, o SessionOptions, id string, filled bool, begin func(*Session, storeLayout) error) (s *Session, err error) {
	if err = lockStore(f); err == nil {
		s, err = m.newSession(o, func(s *Session) error {
			l := layStore(s.plan.Context, m.storeBytes(&s.env))
			err := begin(s, l)
			if err == nil {
				s.store, err = newStore(f, l, id)
			}
			if err == nil {
				s.store.mem.filled = filled
			}
			return err
		})
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// openStore opens the session in f.
func (m *Model) openStore(ctx context.Context, f *os.File, o SessionOptions, progress Progress) (*Session, *Reopened, error) {
	var h imageHead
	im := seq.ImageFrom(bufio.NewReader(io.NewSectionReader(f, 0, storeHead)))
	if h.image(im); im.Err() != nil {
		f.Close()
		return nil, nil, im.Err()
	}
	err := h.of(m)
	if err == nil && o.Context != 0 && o.Context != h.context {
		err = fmt.Errorf("%w: it has a context of %d tokens, not %d", ErrOtherPlan, h.context, o.Context)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	s, err := m.storeSession(f, SessionOptions{Context: h.context, Chunk: h.chunk, Exact: h.exact, Coords: o.Coords}, h.id, true, func(s *Session, l storeLayout) error {
		if own := s.head(); own.coords != h.coords {
			return fmt.Errorf("%w: its tokens have coordinates: %v, here: %v", ErrOtherPlan, h.coords, own.coords)
		} else if own.chunk != h.chunk {
			return fmt.Errorf("%w: its memory is that of steps of %d tokens, and the budget allows %d", ErrMemory, h.chunk, own.chunk)
		}
		st, err := f.Stat()
		if err == nil && st.Size() != l.size {
			err = fmt.Errorf("%w: it has %d bytes, not %d", ErrBadSession, st.Size(), l.size)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	r, err := s.reopen(ctx, progress)
	if err != nil {
		return nil, nil, errors.Join(err, s.abandon())
	}
	return s, r, nil
}

// reopen takes the session to where its file says that it is.
func (s *Session) reopen(ctx context.Context, progress Progress) (*Reopened, error) {
	t := s.store
	tokens, by, lost, err := t.readTokens(s.plan.Context)
	if err != nil {
		return nil, err
	}
	if err := s.known(tokens); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadSession, err)
	}
	r := &Reopened{Tokens: len(tokens), Lost: lost, State: by.state}
	err = s.readOutlines(tokens, by.sets)
	r.Reused = len(s.tokens)
	r.Recomputed = r.Tokens - r.Reused
	switch {
	case lost > 0:
		r.Why = fmt.Sprintf("the last %d tokens are damaged", lost)
	case err != nil:
		r.Why = err.Error()
	case r.Recomputed > 0:
		r.Why = "the session was not closed"
	}
	if s.setsSum(len(s.tokens)) != by.sets {
		return nil, fmt.Errorf("%w: where its sets of texts lie is lost, and they cannot be computed again (%s)", ErrBadSession, r.Why)
	}
	t.mem.filled = false
	if r.Recomputed > 0 {
		t.again = len(tokens)
		if err := s.feed(ctx, tokens[r.Reused:], progress); err != nil {
			return nil, err
		}
		t.again = 0
	}
	t.readNote()
	return r, nil
}

// setsSum tells streams of the same n tokens apart by where their sets of texts lie; 0: there are none.
func (s *Session) setsSum(n int) uint32 {
	var sum seq.Sum
	for _, t := range s.sets {
		if t.end() > n {
			break
		}
		sum.Add(tokenBytes([]int32{int32(t.from), int32(len(t.ends))}))
		for _, end := range t.ends {
			sum.Add(tokenBytes([]int32{int32(end)}))
		}
	}
	return sum.Value()
}

// foundOutline is an outline of the stream, in a slot.
type foundOutline struct {
	outlineHead
	slot int64
}

// outlines returns those of the stream, that of the most tokens first. Whether they are whole is not known yet.
func (t *store) outlines(tokens []int32, context int) (list []foundOutline) {
	for i := range int64(4) {
		var h outlineHead
		im := seq.OutlineFrom(io.NewSectionReader(t.file, t.lay.slots+i*t.lay.slot, t.lay.slot))
		if h.image(im, context); im.Err() != nil {
			continue
		}
		if i < 2 {
			t.slot = max(t.slot, h.turn)
		}
		if h.tokens > len(tokens) {
			continue
		}
		if sum := t.sumOf(tokens[:h.tokens]); int64(sum.Value()) == h.sum {
			list = append(list, foundOutline{h, i})
		}
	}
	slices.SortFunc(list, func(a, b foundOutline) int { return b.tokens - a.tokens })
	return list
}

// readOutlines sets the session from the newest outline of the stream whose memory is whole. The error says why it was not the newest one.
func (s *Session) readOutlines(tokens []int32, sets uint32) (why error) {
	t := s.store
	list := t.outlines(tokens, s.plan.Context)
	for _, c := range list {
		err := s.m.Guard(func() error {
			im := seq.OutlineFrom(bufio.NewReaderSize(io.NewSectionReader(t.file, t.lay.slots+c.slot*t.lay.slot, t.lay.slot), 1<<16))
			var h outlineHead
			h.image(im, s.plan.Context)
			s.tokens = append(s.tokens[:0], tokens[:c.tokens]...)
			if s.image(im); im.Err() == nil && s.setsSum(len(s.tokens)) != sets {
				im.Bad("its sets of texts are others")
			}
			return im.Err()
		})
		if err == nil {
			t.at = c.tokens
			return why
		}
		if why == nil {
			why = err
		}
		if err := s.renew(); err != nil {
			return err
		}
	}
	if why == nil && len(tokens) > 0 {
		why = errors.New("it has no outline that is whole")
	}
	return why
}

// renew makes the session an empty one, in the same memory, which is all zeros again.
func (s *Session) renew() (err error) {
	err = s.m.Guard(func() error {
		for page := range slices.Chunk(s.store.block.Bytes()[s.store.lay.memory:s.store.mem.cut], 4096) {
			if [4096]byte(page) != ([4096]byte{}) { // holes stay holes
				clear(page)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.store.mem.cut, s.store.mem.parts = int(s.store.lay.memory), nil
	s.store.mem.leave()
	s.tokens, s.sets, s.fresh, s.coords.of = s.tokens[:0], nil, false, s.coords.of[:0]
	s.newFold()
	s.state, err = s.m.net.NewState(&s.env)
	return err
}

// logged writes to the file what has come, and now and then an outline. Every call that changes the stream ends with it.
func (s *Session) logged() error {
	t := s.store
	if t == nil {
		return nil
	}
	t.pending = nil
	return s.log()
}

func (s *Session) log() error {
	t := s.store
	if len(s.tokens) >= t.again {
		if err := t.log(s.tokens, s.setsSum, false); err != nil {
			return err
		}
	}
	if t.at >= 0 && len(s.tokens)-t.at < storeRows && !s.moves() {
		return nil
	}
	return s.outline(false)
}

// moves reports whether rows go with the next token: then memory is moved about, and an outline of before must have it.
func (s *Session) moves() bool {
	n := len(s.tokens)
	return s.fold == nil && n > 0 && s.m.net.Until(n-1) == 1 && s.m.net.Until(n) > 1
}

// Deliver takes note of a token that the caller hands on before it is fed, with what the caller needs to go on, at most 2,048 bytes: both are in
// the file when it returns. Without a file it does nothing.
func (s *Session) Deliver(token int32, state []byte) error {
	if s.store == nil {
		return nil
	}
	if err := s.lock(); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	defer s.mu.Unlock()
	if len(state) > storeState {
		return fmt.Errorf("deliver: a state of %d bytes: %w", len(state), ErrSessionFile)
	}
	t := s.store
	t.pending, t.state = append(t.pending[:0], token), append(t.state[:0], state...)
	if len(s.tokens) == s.plan.Context { // there is no room, and the token cannot be fed
		t.pending = nil
	}
	return s.log()
}

// outline writes one of the session as it is, if there is none yet, and for a commit, whose log came before, another one. What the layers have ahead
// of the stream is dropped.
func (s *Session) outline(commit bool) error {
	t := s.store
	if t == nil || t.at == len(s.tokens) && !commit {
		return nil
	}
	if err := s.settle(); err != nil {
		return err
	}
	t.slot++
	place := t.slot % 2
	if commit {
		place = 2 + t.commits%2
		t.slot-- // the next one in turns has its place
	}
	at := t.lay.slots + place*t.lay.slot
	w := bufio.NewWriterSize(&slotWriter{t, at, at + t.lay.slot}, 1<<16)
	sum := t.sum
	if len(s.tokens) != t.logged {
		sum = t.sumOf(s.tokens)
	}
	h := outlineHead{turn: t.slot, sum: int64(sum.Value()), tokens: len(s.tokens), whole: s.moves()}
	err := s.m.Guard(func() error {
		im := seq.OutlineTo(w)
		h.image(im, math.MaxInt)
		s.image(im)
		return errors.Join(im.Err(), w.Flush())
	})
	if err != nil {
		if !commit {
			t.slot-- // the other one is whole
		}
		return storeFailed("an outline", err)
	}
	if !commit {
		t.at = len(s.tokens)
	}
	return nil
}

// seal leaves the file such that nothing has to be computed again. Both cells count all tokens then, so that the loss of one is none.
func (s *Session) seal() error {
	t := s.store
	if t == nil || t.sealed {
		return nil
	}
	t.pending = nil
	if err := t.log(s.tokens, s.setsSum, false); err != nil {
		return err
	}
	return s.outline(false)
}

// room is called before a pass of n tokens: the memory that the last outline is of must outlive it, and rings have room for as many rows
// as a chunk has.
func (s *Session) room(n int) error {
	t := s.store
	if t == nil || t.at < 0 || t.at > len(s.tokens) || len(s.tokens)-t.at+n <= s.plan.Chunk || s.whole(len(s.tokens)) < len(s.tokens) {
		return nil // in the middle of a set there is nothing to go on from
	}
	return s.outline(false)
}

// Commit writes all that is needed to go on from here without computing anything again, and waits until it is on the disk: what comes after it,
// a loss of power too, takes nothing of it. Without a file it does nothing.
func (s *Session) Commit() error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	defer s.mu.Unlock()
	if s.store == nil {
		return nil
	}
	err := s.store.log(s.tokens, s.setsSum, true)
	if err == nil {
		err = s.outline(true)
	}
	if err == nil {
		err = s.store.block.Sync()
	}
	if err == nil && !s.store.named {
		err = syncFolder(s.store.path)
		s.store.named = err == nil
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// syncFolder brings the name of a file to the disk, where folders can be synced.
func syncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && runtime.GOOS != "windows" && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return err
	}
	return nil
}

// SetNote leaves bytes of the caller's, at most 8 MiB, in the session's file, in place of the last ones. Without a file it does nothing.
func (s *Session) SetNote(b []byte) error {
	if s.store == nil {
		return nil
	}
	return s.store.setNote(b)
}

// Note returns what SetNote left, nil if nothing.
func (s *Session) Note() []byte {
	if s.store == nil {
		return nil
	}
	return s.store.readNote()
}

// abandon closes the session and leaves its file as it is.
func (s *Session) abandon() error {
	s.store.sealed = true
	return s.Close()
}

// of tells whether the model is the one that an image is of.
func (h *imageHead) of(m *Model) error {
	if own := layer.Fingerprint(m.file); h.model != own {
		return fmt.Errorf("%w: it was saved with %.12s…, this is %.12s…", ErrOtherModel, h.model, own)
	}
	if own := m.Info.Plan.String(); h.plan != own {
		return fmt.Errorf("%w: it was saved with %q, the model has %q", ErrOtherPlan, h.plan, own)
	}
	if h.bases != m.bases {
		return fmt.Errorf("%w: it was saved with other bases", ErrOtherPlan)
	}
	return nil
}
