package runtime

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// storeImage is what a session's file has, but for what nothing is ever written to.
type storeImage struct {
	size  int64
	parts []storePart
}

type storePart struct {
	off int64
	b   []byte
}

// storePage is the unit in which a disk tears.
const storePage = 4096

// imageOf reads a session's file.
func imageOf(t testing.TB, path string, l storeLayout) (im storeImage) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im.size = l.size
	add := func(off, n int64) {
		b := make([]byte, n)
		if _, err := f.ReadAt(b, off); err != nil {
			t.Fatal(err)
		}
		im.parts = append(im.parts, storePart{off, b})
	}
	add(0, l.notes)
	add(l.tokens, l.slots-l.tokens)
	for i := range int64(4) {
		add(l.slots+i*l.slot, 4*storeUnit)
	}
	add(l.memory, l.size-l.memory)
	return im
}

// put writes a file that has it.
func (im storeImage) put(t testing.TB, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(im.size); err != nil {
		t.Fatal(err)
	}
	for _, p := range im.parts {
		if _, err := f.WriteAt(p.b, p.off); err != nil {
			t.Fatal(err)
		}
	}
}

// newStoreSession makes an empty session in a file, in place of one that may be there.
func newStoreSession(t *testing.T, m *Model, file string, rule Coords) *Session {
	t.Helper()
	os.Remove(file)
	s, _, err := m.OpenSession(context.Background(), file, SessionOptions{Context: 400, Chunk: 50, Coords: rule}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reopened opens a damaged file and looks whether what it is has the bits of the text; an error must be one of those that say why.
func reopened(t *testing.T, m *Model, rule Coords, path string, ids []int32, want []string, what string) (n int, r *Reopened, err error) {
	t.Helper()
	ctx := context.Background()
	s, r, err := m.OpenSession(ctx, path, SessionOptions{Coords: rule}, nil)
	if err != nil {
		for _, known := range []error{ErrBadSession, ErrOtherModel, ErrOtherPlan} {
			if errors.Is(err, known) {
				return 0, nil, err
			}
		}
		t.Fatalf("%s: %v", what, err)
	}
	n = s.Len()
	if !slices.Equal(s.Tokens(), ids[:n]) {
		t.Fatalf("%s: other tokens, %+v", what, r)
	}
	if err := s.Feed(ctx, ids[n:n+1], nil); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if got := s.Stats().LogitsHash; got != want[n] {
		t.Fatalf("%s: other logits after %d tokens, %+v", what, n+1, r)
	}
	if err := s.abandon(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return n, r, nil
}

// TestStoreDamage: whatever of a session's file is damaged, opening it gives an error that says so, or the session, or a shorter one that
// tells so; never other tokens or other bits.
func TestStoreDamage(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 10
	}
	damage(t, rounds)
}

func damage(t *testing.T, rounds int) {
	ctx := context.Background()
	opened, refused, shorter := 0, 0, 0
	for i, c := range imagePlans {
		path, rule := storeModel(t, c.file, c.plan)
		m := tinyModel(t, path, Options{Plan: c.plan, Threads: 1})
		ids, want := storeWant(t, m, rule)
		file := filepath.Join(t.TempDir(), "s.godwit")
		made := func(ids []int32) storeImage {
			s := newStoreSession(t, m, file, rule)
			l := s.store.lay
			if err := errors.Join(s.Feed(ctx, ids[:200], nil), s.Commit(), s.Feed(ctx, ids[200:300], nil), s.Close()); err != nil {
				t.Fatal(err)
			}
			return imageOf(t, file, l)
		}
		swapped := slices.Clone(ids)
		slices.Reverse(swapped)
		other, base := made(swapped), made(ids)
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		for round := range rounds {
			bad := storeImage{size: base.size}
			for _, p := range base.parts {
				bad.parts = append(bad.parts, storePart{p.off, bytes.Clone(p.b)})
			}
			what := fmt.Sprintf("%s, round %d:", c.plan, round)
			for range 1 + rng.IntN(3) {
				k := rng.IntN(len(bad.parts))
				b := bad.parts[k].b
				at := rng.IntN(len(b))
				for range 50 { // rather where there is something
					if b[at] != 0 {
						break
					}
					at = rng.IntN(len(b))
				}
				page := at / storePage * storePage
				n := min(storePage*(1+rng.IntN(8)*rng.IntN(2)), len(b)-page)
				kind := rng.IntN(8)
				what += fmt.Sprintf(" kind %d at %d,", kind, bad.parts[k].off+int64(at))
				switch kind {
				case 0, 1, 2:
					b[at] ^= 1 << rng.IntN(8)
				case 3:
					for i := range min(1+rng.IntN(64), len(b)-at) {
						b[at+i] = byte(rng.Uint32())
					}
				case 4:
					clear(b[page : page+n])
				case 5:
					copy(b[page:page+n], other.parts[k].b[page:])
				case 6:
					from := other.parts[rng.IntN(len(other.parts))].b
					copy(b[page:page+n], from[rng.IntN(len(from))/storePage*storePage:])
				case 7:
					if rng.IntN(8) == 0 {
						bad.size = rng.Int64N(base.size + storeUnit)
						bad.parts = slices.DeleteFunc(bad.parts, func(p storePart) bool { return p.off+int64(len(p.b)) > bad.size })
						if len(bad.parts) == 0 {
							bad.parts = []storePart{{0, nil}}
						}
					} else {
						copy(b[page:page+n], b[rng.IntN(len(b))/storePage*storePage:])
					}
				}
				if bad.parts[0].b == nil {
					break
				}
			}
			bad.put(t, file)
			n, r, err := reopened(t, m, rule, file, ids, want, what)
			switch {
			case err != nil:
				refused++
			case n < 300:
				if r.Lost == 0 && n != 200 {
					t.Errorf("%s: %+v", what, r)
				}
				shorter++
			default:
				opened++
			}
		}
	}
	t.Logf("%d were opened, %d are shorter, %d were refused", opened, shorter, refused)
}

// TestPowerLoss: of all pages that were written since a commit each may be on the disk as it was then or at any moment since. The session that is
// opened then has at least the tokens of the commit, and its bits, unless it went back behind them: then there may be an error.
func TestPowerLoss(t *testing.T) {
	rounds := 4
	if testing.Short() {
		rounds = 3
	}
	powerLoss(t, rounds)
}

func powerLoss(t *testing.T, rounds int) {
	ctx := context.Background()
	for i, c := range imagePlans {
		if testing.Short() && i%3 != 0 {
			continue
		}
		path, rule := storeModel(t, c.file, c.plan)
		m := tinyModel(t, path, Options{Plan: c.plan, Threads: 1})
		ids, want := storeWant(t, m, rule)
		dir := t.TempDir()
		rng := rand.New(rand.NewPCG(uint64(i), 31))
		for round := range rounds {
			file := filepath.Join(dir, fmt.Sprintf("%d.godwit", round%2))
			s := newStoreSession(t, m, file, rule)
			n := 1 + rng.IntN(250)
			if err := errors.Join(s.Feed(ctx, ids[:n], nil), s.Commit()); err != nil {
				t.Fatal(err)
			}
			if rng.IntN(2) == 0 {
				more := min(300, n+1+rng.IntN(90))
				if err := errors.Join(s.Feed(ctx, ids[n:more], nil), s.Commit()); err != nil {
					t.Fatal(err)
				}
				n = more
			}
			committed, back := n, false
			states := []storeImage{imageOf(t, file, s.store.lay)}
			for range 1 + rng.IntN(4) {
				if rng.IntN(6) == 0 {
					n = max(0, n-rng.IntN(60))
					back = back || n < committed
					if err := s.Rewind(ctx, n, nil); err != nil {
						t.Fatal(err)
					}
				}
				more := min(n+1+rng.IntN(30), 390)
				if err := s.Feed(ctx, ids[n:more], nil); err != nil {
					t.Fatal(err)
				}
				n = more
				states = append(states, imageOf(t, file, s.store.lay))
			}
			if err := s.abandon(); err != nil {
				t.Fatal(err)
			}
			torn := states[0]
			for k, p := range torn.parts {
				p.b = bytes.Clone(p.b)
				for at := 0; at < len(p.b); at += storePage {
					end := min(at+storePage, len(p.b))
					copy(p.b[at:end], states[rng.IntN(len(states))].parts[k].b[at:end])
				}
				torn.parts[k] = p
			}
			torn.put(t, file)
			what := fmt.Sprintf("%s, round %d", c.plan, round)
			got, r, err := reopened(t, m, rule, file, ids, want, what)
			if !back && (err != nil || got < committed) {
				t.Fatalf("%s: %d tokens, %d were committed: %v, %+v", what, got, committed, err, r)
			}
		}
	}
}

// TestStoreWriteFails: when any write to the file fails, in the middle of it, the call says so; the session in memory goes on, and so does the one
// that is opened from the file.
func TestStoreWriteFails(t *testing.T) {
	ctx := context.Background()
	for _, i := range []int{1, 7} {
		c := imagePlans[i]
		path, rule := storeModel(t, c.file, c.plan)
		m := tinyModel(t, path, Options{Plan: c.plan, Threads: 1})
		ids, want := storeWant(t, m, rule)
		file := filepath.Join(t.TempDir(), "s.godwit")
		for fail := 1; ; fail++ {
			s := newStoreSession(t, m, file, rule)
			writes, write := 0, s.store.write
			full := errors.New("the disk is full")
			s.store.write = func(b []byte, off int64) (int, error) {
				if writes++; writes == fail {
					n, _ := write(b[:len(b)/2], off)
					return n, full
				}
				return write(b, off)
			}
			var err error
			done, failed := 0, false
			for done < 170 {
				n := done + 1 + done%23
				if s.Len() == done {
					err = s.Feed(ctx, ids[done:n], nil)
				}
				if err == nil && n%3 == 0 {
					err = s.Commit()
				}
				if err != nil {
					if !errors.Is(err, full) || !errors.Is(err, ErrSessionFile) || failed {
						t.Fatalf("%s, write %d: %v", c.plan, fail, err)
					}
					failed = true
					if s.Len() < n { // not all of it was read
						err = s.Feed(ctx, ids[s.Len():n], nil)
					} else {
						err = s.Commit() // else the file is behind until something comes
					}
					if err != nil {
						t.Fatalf("%s, write %d, again: %v", c.plan, fail, err)
					}
					if fail%2 == 0 {
						break
					}
				}
				done = n
			}
			if err := s.abandon(); err != nil {
				t.Fatal(err)
			}
			if n, r, err := reopened(t, m, rule, file, ids, want, fmt.Sprintf("%s, write %d", c.plan, fail)); err != nil || n < done {
				t.Fatalf("%s, write %d: %d of %d tokens, %v, %+v", c.plan, fail, n, done, err, r)
			}
			if !failed {
				break // there are no more writes
			}
		}
	}
}

// TestStoreCutFails: when a session goes back and other tokens come, there is no moment at which the file has no stream.
func TestStoreCutFails(t *testing.T) {
	for _, i := range []int{0, 7, 14} { // the last two compute what stays again
		c := imagePlans[i]
		path, _ := storeModel(t, c.file, c.plan)
		storeCutFails(t, tinyModel(t, path, Options{Plan: c.plan, Threads: 1}))
	}
}

func storeCutFails(t *testing.T, m *Model) {
	ctx := context.Background()
	ids, want := storeWant(t, m, nil)
	junk := slices.Clone(ids[300:340])
	file := filepath.Join(t.TempDir(), "s.godwit")
	for fail := 1; ; fail++ {
		s := newStoreSession(t, m, file, nil)
		if err := errors.Join(s.Feed(ctx, ids[:200], nil), s.Deliver(ids[200], nil)); err != nil {
			t.Fatal(err)
		}
		writes, write := 0, s.store.write
		s.store.write = func(b []byte, off int64) (int, error) {
			if writes++; writes < fail {
				return write(b, off)
			}
			n := 0
			if writes == fail {
				n, _ = write(b[:len(b)/2], off)
			}
			return n, errors.New("killed")
		}
		stream := append(slices.Clone(ids[:60]), junk...)
		_, err := s.Sync(ctx, stream, nil)
		done := err == nil
		if err := s.abandon(); err != nil {
			t.Fatal(err)
		}
		s, r, err := m.OpenSession(ctx, file, SessionOptions{}, nil)
		if err != nil {
			t.Fatalf("write %d: %v", fail, err)
		}
		n := s.Len()
		if n < 60 || !slices.Equal(s.Tokens(), ids[:min(n, 201)]) && !slices.Equal(s.Tokens(), stream[:min(n, 100)]) {
			t.Fatalf("write %d: other tokens, %+v", fail, r)
		}
		if err := errors.Join(s.Rewind(ctx, 60, nil), s.Feed(ctx, ids[60:61], nil)); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats().LogitsHash; got != want[60] {
			t.Fatalf("write %d: other logits, %+v", fail, r)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
	}
}

// TestStoreSet: a set of texts is in the file when it is whole, whichever write is the last one.
func TestStoreSet(t *testing.T) {
	ctx := context.Background()
	m := tinyModel(t, tinyFile(t, "llama"), Options{Threads: 1})
	before, one, two, after := setText(m, 30, 1), setText(m, 60, 2), setText(m, 70, 3), setText(m, 12, 4)
	run := func(s *Session, set bool) string {
		t.Helper()
		if set {
			if err := s.FeedSet(ctx, [][]int32{one, two}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Feed(ctx, after, nil); err != nil {
			t.Fatal(err)
		}
		return s.Stats().LogitsHash
	}
	whole, err := m.NewSession(SessionOptions{Context: 400})
	if err != nil {
		t.Fatal(err)
	}
	if err := whole.Feed(ctx, before, nil); err != nil {
		t.Fatal(err)
	}
	want := run(whole, true)
	file := filepath.Join(t.TempDir(), "s.godwit")
	for fail := 1; ; fail++ {
		s := newStoreSession(t, m, file, nil)
		// Other tokens, which the set takes the place of.
		if err := errors.Join(s.Feed(ctx, before, nil), s.Feed(ctx, after, nil), s.Rewind(ctx, len(before), nil)); err != nil {
			t.Fatal(err)
		}
		if fail%2 == 0 {
			if err := errors.Join(s.FeedSet(ctx, [][]int32{after, two[:30]}, nil), s.Rewind(ctx, len(before), nil)); err != nil {
				t.Fatal(err)
			}
		}
		writes, write := 0, s.store.write
		s.store.write = func(b []byte, off int64) (int, error) {
			if writes++; writes >= fail/2+1 {
				return 0, errors.New("killed")
			}
			return write(b, off)
		}
		err := s.FeedSet(ctx, [][]int32{one, two}, nil)
		done := err == nil
		if err := s.abandon(); err != nil {
			t.Fatal(err)
		}
		s, r, err := m.OpenSession(ctx, file, SessionOptions{}, nil)
		if err != nil {
			t.Fatalf("write %d: %v", fail, err)
		}
		if n := s.Len(); n != 30 && n != 160 || done && n != 160 {
			t.Fatalf("write %d: %+v", fail, r)
		}
		if got := run(s, s.Len() == 30); got != want {
			t.Fatalf("write %d: other logits, %+v", fail, r)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if done {
			break
		}
	}
}
