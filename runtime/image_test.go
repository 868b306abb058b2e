package runtime

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// imagePlans are what sessions are saved of: every kind of state that a layer may have.
var imagePlans = []struct{ file, plan string }{
	{"llama", ""},
	{"llama", "span=sinks(2)+window(40) kv=q8_0"},
	{"llama", "kv=kivi(bits=3)"},
	{"llama", "span=[full,window(30)] layout=mixed kv=q4"},
	{"llama", "pos=alibi"},
	{"llama", "span=full layout=grow select=recycle(k=1,local=1,dense=0,every=4)"},
	{"llama", "span=full layout=grow select=bounds(k=1,local=1,dense=0,tau=0.5)"},
	{"llama", "keep=snapkv(90,window=8,recent=8,every=64)"},
	{"llama", "keep=snapkv(90,window=8,recent=8,every=64,ada=0.3)"},
	{"llama", "keep=entropy(90,decay=0.5,recent=8,every=64)"},
	{"llama", "keep=h2o(90,recent=8,every=64)"},
	{"llama", "0: group=same(a); 1: group=same(b)"},
	{"llama", "far=group(4) near=sinks(8)+window(40)"},
	{"gemma3", ""},
	{"gist", "kv=q8_0 fold=gist(r=5,sinks=3,window=20,chunk=9)"},
	{"rmt", "fold=rmt(segment=31,memory=4)"},
}

// imageModel opens the model of a plan.
func imageModel(t testing.TB, file, plan string, o Options) *Model {
	t.Helper()
	o.Plan = plan
	if file == "gist" || file == "rmt" {
		return tinyModel(t, foldFile(t, file), o)
	}
	return tinyModel(t, tinyFile(t, file), o)
}

// saved is the image of a session.
func saved(t testing.TB, s *Session) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := s.Save(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestSaveLoad: a session that is saved and loaded again and again, forked and rewound, in models of other numbers of threads, gives the logits of
// reading the text once, and so does what it was forked from.
func TestSaveLoad(t *testing.T) {
	ctx := context.Background()
	for i, c := range imagePlans {
		if testing.Short() && i%3 != 0 {
			continue
		}
		models := []*Model{imageModel(t, c.file, c.plan, Options{Threads: 1 + i%2})}
		o := Options{Threads: 3 - i%2}
		if strings.Contains(c.plan, "layout=grow") {
			o.Spill = t.TempDir()
		}
		models = append(models, imageModel(t, c.file, c.plan, o))
		var rule Coords
		if strings.Contains(c.plan, "group=") {
			rule = lines
		}
		ids := foldText(models[0], 280)
		whole, err := models[0].NewSession(SessionOptions{Context: 300, Coords: rule})
		if err != nil {
			t.Fatalf("%s: %v", c.plan, err)
		}
		want := hashes(t, whole, ids)
		s, err := models[1].NewSession(SessionOptions{Context: 300, Chunk: 50, Coords: rule})
		if err != nil {
			t.Fatalf("%s: %v", c.plan, err)
		}
		rng := rand.New(rand.NewPCG(uint64(i), 5))
		for step := 0; s.Len() < len(ids); step++ {
			at := s.Len()
			n := min(1+rng.IntN(60), len(ids)-at)
			if err := s.Feed(ctx, ids[at:at+n], nil); err != nil {
				t.Fatalf("%s: %v", c.plan, err)
			}
			var next *Session
			if step%2 == 0 {
				next, err = models[step/2%2].LoadSession(bytes.NewReader(saved(t, s)), rule)
			} else {
				next, err = s.Fork()
			}
			if err != nil {
				t.Fatalf("%s, %d tokens: %v", c.plan, s.Len(), err)
			}
			if !slices.Equal(next.Tokens(), s.Tokens()) {
				t.Fatalf("%s: other tokens", c.plan)
			}
			for k, x := range []*Session{next, s} { // what either does, the other does not see
				if got := x.Stats().LogitsHash; got != want[at+n-1] {
					t.Fatalf("%s: other logits after token %d (of %d)", c.plan, at+n, k)
				}
				if k == 1 {
					if err := x.Feed(ctx, foldText(models[0], 20)[:min(20, 300-x.Len())], nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s = next; s.Len() < len(ids) && step%3 == 2 {
				if err := s.Rewind(ctx, max(0, s.Len()-rng.IntN(80)), nil); err != nil {
					t.Fatalf("%s: %v", c.plan, err)
				}
			}
		}
		if err := errors.Join(s.Close(), whole.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSaveSet: the sets of a stream are saved with it.
func TestSaveSet(t *testing.T) {
	ctx := context.Background()
	m := imageModel(t, "llama", "", Options{Threads: 1})
	run := func(save bool) []float32 {
		s, err := m.NewSession(SessionOptions{Context: 200})
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(s.Feed(ctx, setText(m, 10, 1), nil), s.FeedSet(ctx, [][]int32{setText(m, 9, 2), setText(m, 17, 3)}, nil))
		if save {
			next, e := m.LoadSession(bytes.NewReader(saved(t, s)), nil)
			err = errors.Join(err, e, s.Close())
			s = next
		}
		if err = errors.Join(err, s.Feed(ctx, setText(m, 12, 4), nil)); err != nil {
			t.Fatal(err)
		}
		logits, err := s.Logits()
		if err = errors.Join(err, s.Rewind(ctx, 10, nil)); err != nil || len(s.sets) != 0 {
			t.Fatal(err, s.sets)
		}
		got := slices.Clone(logits)
		s.Close()
		return got
	}
	if !slices.Equal(run(false), run(true)) {
		t.Error("other logits behind a set that was saved")
	}
}

// TestLoadRefuses: images of other models, plans and bases, and all that is cut or damaged, is an error and not a session.
func TestLoadRefuses(t *testing.T) {
	ctx := context.Background()
	m := imageModel(t, "llama", "", Options{Threads: 1})
	s, err := m.NewSession(SessionOptions{Context: 100})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Feed(ctx, setText(m, 40, 1), nil); err != nil {
		t.Fatal(err)
	}
	image := saved(t, s)
	s.Close()
	load := func(m *Model, b []byte, want error) {
		t.Helper()
		s, err := m.LoadSession(bytes.NewReader(b), nil)
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	load(imageModel(t, "llama", "kv=q8_0", Options{Threads: 1}), image, ErrOtherPlan)
	load(imageModel(t, "gemma3", "", Options{Threads: 1}), image, ErrOtherModel)
	based := imageModel(t, "llama", "", Options{Threads: 1})
	based.bases = "others"
	load(based, image, ErrOtherPlan)
	load(m, nil, ErrBadSession)
	load(m, []byte("GGUF"), ErrBadSession)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		load(m, image[:rng.IntN(len(image))], ErrBadSession)
		b := slices.Clone(image)
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		load(m, b, ErrBadSession)
	}
	if m.sessions != 0 || m.taken != 0 {
		t.Errorf("%d sessions and %d bytes are held", m.sessions, m.taken)
	}
}

// resealed sets the checksums of an image that was changed: that of the head, which is so long, and that of all.
func resealed(image []byte, head int) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	binary.LittleEndian.PutUint64(image[head-8:], uint64(crc32.Checksum(image[:head-8], table)))
	binary.LittleEndian.PutUint64(image[len(image)-8:], uint64(crc32.Checksum(image[:len(image)-8], table)))
	return image
}

// headBytes is the length of a session's head.
func headBytes(s *Session) int {
	var b bytes.Buffer
	h := s.head()
	h.image(seq.ImageTo(&b))
	return b.Len()
}

// FuzzLoadSession: an image that somebody made, with checksums that are right, is an error or a session that works, whatever it says.
func FuzzLoadSession(f *testing.F) {
	ctx := context.Background()
	type of struct {
		m     *Model
		image []byte
		head  int
	}
	var all []of
	for _, c := range imagePlans {
		if strings.Contains(c.plan, "group=") {
			continue
		}
		m := imageModel(f, c.file, c.plan, Options{Threads: 1})
		s, err := m.NewSession(SessionOptions{Context: 200, Chunk: 64})
		if err != nil {
			f.Fatal(err)
		}
		if err := s.Feed(ctx, setText(m, 150, 1), nil); err != nil {
			f.Fatal(err)
		}
		all = append(all, of{m, saved(f, s), headBytes(s)})
		s.Close()
	}
	for i := range all {
		for k := range 8 {
			f.Add(uint8(i), uint32(k*k*37), uint8(255), uint32(4000+k*977), uint8(k))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, at1 uint32, x1 uint8, at2 uint32, x2 uint8) {
		c := all[int(which)%len(all)]
		b := slices.Clone(c.image)
		// One place among the small numbers at the beginning and the end, one anywhere.
		b[(len(b)-2048+int(at1)%4096)%len(b)] ^= x1
		b[int(at2)%len(b)] ^= x2
		s, err := c.m.LoadSession(bytes.NewReader(resealed(b, c.head)), nil)
		if err == nil {
			defer s.Close()
			if s.Context() > 10_000 {
				return
			}
			err = errors.Join(s.Feed(ctx, setText(c.m, min(20, s.Context()-s.Len()), 2), nil), s.Rewind(ctx, s.Len()/2, nil),
				s.Feed(ctx, setText(c.m, min(5, s.Context()-s.Len()), 2), nil))
		}
		if errors.Is(err, par.ErrPanic) || errors.Is(err, ErrFault) {
			t.Fatalf("%s: %v", c.m.Info.Plan, err)
		}
	})
}
