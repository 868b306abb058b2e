package runtime

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// An image of a session is, in numbers of eight bytes and little end first, what imageHead says, its checksum, the tokens, what the session
// and the states of the layers remember, the last logits, and the checksum of all.

const (
	imageMagic   = "godwit session"
	imageVersion = 2
	imageText    = 1 << 16 // bytes of a text, at most
)

// imageHead is what an image must have in common with the model that reads it, and what the session was made with.
type imageHead struct {
	magic   string
	version int
	model   string // layer.Fingerprint
	bases   string // of the bases' file, if there is one
	plan    string
	context int
	chunk   int
	exact   bool
	coords  bool // tokens have coordinates
	tokens  int
	id      string // of a session in a file: random bytes
}

func (h *imageHead) image(m *seq.Image) {
	m.Text(&h.magic, len(imageMagic))
	if m.Err() == nil && h.magic != imageMagic {
		m.Bad("it does not begin like one")
	}
	m.Int(&h.version, 1, imageVersion)
	for _, t := range []*string{&h.model, &h.bases, &h.plan} {
		m.Text(t, imageText)
	}
	m.Int(&h.context, 1, MaxContext)
	m.Int(&h.chunk, 1, MaxChunk)
	m.Bool(&h.exact)
	m.Bool(&h.coords)
	m.Int(&h.tokens, 0, h.context)
	m.Text(&h.id, storeID)
	m.Check()
}

// head is that of a session's image.
func (s *Session) head() imageHead {
	return imageHead{imageMagic, imageVersion, layer.Fingerprint(s.m.file), s.m.bases, s.m.Info.Plan.String(), s.plan.Context, s.plan.Chunk,
		s.exact, s.coords.rule != nil, len(s.tokens), ""}
}

// Save writes the session to w: the tokens and all that the network remembers of them, so that LoadSession goes on where it ends, with the
// same bits and without computing anything again. The session stays as it is. Errors are those of w.
func (s *Session) Save(w io.Writer) error {
	if err := s.enter(); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	defer s.mu.Unlock()
	if err := s.m.Guard(func() error { return s.write(w) }); err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

func (s *Session) write(w io.Writer) error {
	m, h := seq.ImageTo(w), s.head()
	h.image(m)
	return s.body(m)
}

// body writes what follows the head.
func (s *Session) body(m *seq.Image) error {
	seq.Numbers(m, s.tokens)
	s.image(m)
	return m.Err()
}

// image is what follows the tokens.
func (s *Session) image(m *seq.Image) {
	s.imageSets(m)
	if s.coords.rule != nil {
		s.coords.of = s.coords.of[:len(s.tokens)]
		for i := range s.coords.of {
			both := []int32{s.coords.of[i].A, s.coords.of[i].B}
			seq.Numbers(m, both)
			s.coords.of[i] = seq.Coord{A: both[0], B: both[1]}
		}
	}
	rows := len(s.tokens)
	if s.fold != nil {
		s.fold.image(m, rows)
		rows = s.fold.Rows(rows - s.fold.start)
	}
	if u := &s.surprise; u.want != nil {
		seq.Numbers(m, u.last)
		seq.Numbers(m, u.of[:len(s.tokens)])
	}
	s.state.Image(m, s.env.MaxLen)
	if m.Err() == nil && s.state.Len() != rows {
		m.Bad("%d rows of %d tokens", s.state.Len(), len(s.tokens))
	}
	m.Bool(&s.fresh)
	if s.fresh {
		seq.Numbers(m, s.logits)
	}
	m.Check()
}

func (s *Session) imageSets(m *seq.Image) {
	n := len(s.sets)
	m.Int(&n, 0, len(s.tokens))
	if m.Reads() {
		s.sets = nil
	}
	end := 0
	for i := range n {
		var t set
		if !m.Reads() {
			t = s.sets[i]
		}
		texts := len(t.ends)
		m.Int(&t.from, end, len(s.tokens))
		m.Int(&texts, 1, len(s.tokens)-t.from)
		end = t.from
		pos, next := int(t.pos), int(t.next)
		m.Int(&pos, 0, end)
		m.Int(&next, pos, len(s.tokens))
		for k := 0; k < texts && m.Err() == nil; k++ {
			var to int
			if !m.Reads() {
				to = t.ends[k]
			}
			m.Int(&to, end+1, len(s.tokens))
			end = to
			if m.Reads() {
				t.ends = append(t.ends, to)
			}
		}
		if m.Err() != nil {
			return
		}
		if t.pos, t.next = seq.Pos(pos), seq.Pos(next); m.Reads() {
			s.sets = append(s.sets, t)
		}
	}
}

func (f *fold) image(m *seq.Image, tokens int) {
	if !f.Drops {
		return
	}
	m.Int(&f.start, 0, tokens)
	seq.Numbers(m, f.vectors)
	for i := range f.marks {
		m.Int(&f.marks[i], 0, tokens/f.Unit)
	}
	seq.Numbers(m, f.saved)
	if m.Err() == nil && (f.start%f.Unit != 0 || tokens-f.start > f.Unit) {
		m.Bad("%d tokens, and a unit from %d on", tokens, f.start)
	}
}

// LoadSession makes the session that Save wrote. The model must be the same file, opened with the same plan and bases, with any number
// of threads and any budget that has room for the session. coords is what SessionOptions.Coords was, nil if it was nil. Errors wrap
// ErrBadSession for what is no image or damaged, ErrOtherModel, ErrOtherPlan, and what NewSession's do.
func (m *Model) LoadSession(r io.Reader, coords Coords) (*Session, error) {
	s, err := m.load(r, coords)
	if err != nil {
		return nil, fmt.Errorf("load session: %w", err)
	}
	return s, nil
}

func (m *Model) load(r io.Reader, coords Coords) (*Session, error) {
	var h imageHead
	im := seq.ImageFrom(r)
	if h.image(im); im.Err() != nil {
		return nil, im.Err()
	}
	if err := h.of(m); err != nil {
		return nil, err
	}
	s, err := m.NewSession(SessionOptions{Context: h.context, Chunk: h.chunk, Exact: h.exact, Coords: coords})
	if err != nil {
		return nil, err
	}
	if own := s.head(); own.coords != h.coords || own.chunk != h.chunk {
		err = fmt.Errorf("%w: its tokens have coordinates: %v, here: %v; its chunks have %d tokens, here: %d", ErrOtherPlan, h.coords, own.coords, h.chunk, own.chunk)
	} else {
		err = s.read(im, h.tokens)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// read sets a new session from an image behind its head.
func (s *Session) read(m *seq.Image, tokens int) error {
	return s.m.Guard(func() error {
		// What a file says its length is, is not believed before the tokens are there.
		for len(s.tokens) < tokens && m.Err() == nil {
			n := len(s.tokens)
			s.tokens = slices.Grow(s.tokens, min(tokens-n, 1<<14))[:n+min(tokens-n, 1<<14)]
			seq.Numbers(m, s.tokens[n:])
		}
		if m.Err() != nil {
			return m.Err()
		}
		if err := s.known(s.tokens); err != nil {
			return fmt.Errorf("%w: %w", ErrBadSession, err)
		}
		s.image(m)
		return m.Err()
	})
}

// Fork makes a session that is where this one is, with memory of its own: what comes then is the same to the bit in both, and neither knows of
// the other. It takes the time to copy the caches.
func (s *Session) Fork() (*Session, error) {
	if err := s.enter(); err != nil {
		return nil, fmt.Errorf("fork session: %w", err)
	}
	defer s.mu.Unlock()
	t, err := s.m.NewSession(SessionOptions{Context: s.plan.Context, Chunk: s.plan.Chunk, Exact: s.exact, Coords: s.coords.rule})
	if err != nil {
		return nil, fmt.Errorf("fork session: %w", err)
	}
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		w.CloseWithError(par.Guard(func() error { return s.body(seq.ImageTo(w)) }))
	}()
	err = t.read(seq.ImageFrom(r), len(s.tokens))
	r.CloseWithError(err)
	<-written
	if err != nil {
		return nil, fmt.Errorf("fork session: %w", errors.Join(err, t.Close()))
	}
	return t, nil
}
