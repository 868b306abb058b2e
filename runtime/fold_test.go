package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/convert"
	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/sample"
)

// foldFile converts a model of testdata/fold, whose logits package convert compares with those of NumPy.
func foldFile(t testing.TB, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name+".gguf")
	if _, err := convert.Directory(context.Background(), "../testdata/fold/"+name, out, convert.Options{Type: "f32"}); err != nil {
		t.Fatal(err)
	}
	return out
}

// foldPlans are plans of the fixtures: their own, and others that the same vectors serve.
var foldPlans = []struct{ file, plan string }{
	{"gist", ""},
	{"gist", "kv=q8_0 fold=gist(r=1,sinks=3,window=5,chunk=9)"},
	{"gist", "pos=alibi kv=f16 fold=gist(r=5,sinks=0,window=0,chunk=1)"},
	{"gist", "kv=q4 fold=gist(r=7,sinks=65,window=70)"},
	{"rmt", ""},
	{"rmt", "kv=kivi(bits=4) fold=rmt(segment=90,memory=4)"},
	{"rmt", "span=window(13) fold=rmt(segment=31,memory=4)"},
	{"rmt", "kv=q4 fold=rmt(segment=1,memory=4)"},
	{"rmt-none", "pos=alibi kv=f32 fold=rmt(segment=40,memory=0)"},
	{"rmt-none", "fold=rmt(segment=20,memory=6,token=5)"},
}

// foldText is a text with repetitions, so that drafts of it are right now and then.
func foldText(m *Model, n int) []int32 {
	ids := setText(m, n, 3)
	for i := n / 3; i < n/2; i++ {
		ids[i] = ids[i-n/4]
	}
	return ids
}

// hashes returns the hashes of the logits after each token of a text that is read in one go.
func hashes(t *testing.T, s *Session, ids []int32) (list []string) {
	t.Helper()
	err := s.Each(context.Background(), ids, func(_ int, logits []float32) error {
		list = append(list, Hash(logits))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestFoldRewinds: a session that goes back and forth at random, near and far, over other tokens, in steps of all sizes, with passes that
// are cancelled, gives the logits of reading the text once. Its tokens are those that were fed. TestLongFoldRewinds has all plans in steps
// of all sizes.
func TestFoldRewinds(t *testing.T) { foldRewinds(t, 2) }

// foldRewinds takes, for each plan, one size of steps in so many.
func foldRewinds(t *testing.T, every int) {
	ctx := context.Background()
	for i, c := range foldPlans {
		if testing.Short() && i%2 == 1 {
			continue
		}
		m := tinyModel(t, foldFile(t, c.file), Options{Plan: c.plan, Threads: 1 + i%3})
		open := func(chunk int) *Session {
			s, err := m.NewSession(SessionOptions{Context: 300, Chunk: chunk})
			if err != nil {
				t.Fatalf("%s: %v", c.plan, err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}
		ids := foldText(m, 300)
		want := hashes(t, open(300), ids)
		other := setText(m, 300, 9)
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		chunks := []int{1, 3, 50, 300}
		if testing.Short() {
			chunks = []int{3, 50}
		}
		for k, chunk := range chunks {
			if (i+k)%every != 0 && !testing.Short() {
				continue
			}
			s := open(chunk)
			back := 0
			for steps := 0; s.Len() < len(ids); steps++ {
				at := s.Len()
				n := min(1+rng.IntN(40), len(ids)-at)
				switch kind := rng.IntN(5); {
				case steps > 60 || kind < 2:
					if err := s.Feed(ctx, ids[at:at+n], nil); err != nil {
						t.Fatalf("%s: %v", c.plan, err)
					}
					if logits, _ := s.Logits(); Hash(logits) != want[at+n-1] {
						t.Fatalf("%s, chunks of %d: other logits after token %d", c.plan, chunk, at+n-1)
					}
				case kind == 2: // others, which will be taken back
					if err := s.Feed(ctx, other[:n], nil); err != nil {
						t.Fatal(err)
					}
					if err := s.Rewind(ctx, at, nil); err != nil {
						t.Fatalf("%s: %v", c.plan, err)
					}
				case kind == 3:
					back++
					if err := s.Rewind(ctx, rng.IntN(at+1), nil); err != nil {
						t.Fatalf("%s: %v", c.plan, err)
					}
				default:
					stopped, stop := context.WithCancel(ctx)
					calls := 0
					err := s.Feed(stopped, ids[at:at+n], func(done, total int) {
						if calls++; calls == 2 || chunk >= n {
							stop()
						}
					})
					stop()
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
				}
				if !slices.Equal(s.Tokens(), ids[:s.Len()]) {
					t.Fatalf("%s: the stream holds other tokens", c.plan)
				}
			}
			if back == 0 {
				t.Error("nothing was rewound")
			}
		}
	}
}

// TestFoldDrafts: drafts change neither tokens nor bits, also where they would reach into the next unit.
func TestFoldDrafts(t *testing.T) {
	ctx := context.Background()
	for i, c := range foldPlans {
		m := tinyModel(t, foldFile(t, c.file), Options{Plan: c.plan, Threads: 1 + i%2})
		var want []int32
		var hash string
		drafted := 0
		for _, lookup := range []int{0, 7, 3} {
			s, err := m.NewSession(SessionOptions{Context: 300, Chunk: 16})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Feed(ctx, append(foldText(m, 120), foldText(m, 100)...), nil); err != nil {
				t.Fatal(err)
			}
			var got []int32
			chain, err := sample.New(sample.Params{})
			if err != nil {
				t.Fatal(err)
			}
			for id, err := range s.Generate(ctx, chain, Generation{Max: 70, Lookup: lookup}) {
				if err != nil {
					t.Fatalf("%s: %v", c.plan, err)
				}
				got = append(got, id)
			}
			st := s.Stats()
			drafted += st.AcceptedTokens
			if lookup == 0 {
				want, hash = got, st.LogitsHash
			} else if !slices.Equal(got, want) || st.LogitsHash != hash {
				t.Errorf("%s, %d drafts: %v, want %v", c.plan, lookup, got, want)
			}
			if s.Len() != 220+69 {
				t.Errorf("%s: %d tokens", c.plan, s.Len())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s %s: %d drafts were right", c.file, c.plan, drafted)
	}
}

// TestFoldMemory: what is planned is what a session takes, the cache of gists grows by a row a unit, and that of segments not at all.
func TestFoldMemory(t *testing.T) {
	ctx := context.Background()
	for i, c := range foldPlans {
		if testing.Short() && i%2 == 0 {
			continue
		}
		m := tinyModel(t, foldFile(t, c.file), Options{Plan: c.plan, Threads: 2})
		for _, chunk := range []int{1, 33, 200} {
			o := SessionOptions{Context: 700, Chunk: chunk}
			p, err := m.Memory(o)
			if err != nil {
				t.Fatal(err)
			}
			s, err := m.NewSession(o)
			if err != nil {
				t.Fatal(err)
			}
			var held [2]int64
			for k, n := range []int{250, 450} {
				if err := s.Feed(ctx, setText(m, n, 1), nil); err != nil {
					t.Fatal(err)
				}
				held[k] = s.Stats().KVBytes
			}
			if got := s.mem.Bytes(); got > p.Scratch {
				t.Errorf("%s, chunks of %d: %d bytes of scratch, %d were planned", c.plan, chunk, got, p.Scratch)
			}
			if kv := p.kv(); held[1] > kv {
				t.Errorf("%s, chunks of %d: a cache of %d bytes, %d were planned", c.plan, chunk, held[1], kv)
			}
			if m.fold.Drops && held[0] != held[1] {
				t.Errorf("%s: segments took %d bytes and then %d", c.plan, held[0], held[1])
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFoldRefused: what does not go with a fold is refused by name.
func TestFoldRefused(t *testing.T) {
	for _, c := range []struct {
		file, plan, want string
		o                Options
	}{
		{"gist", "fold=none; 0: fold=gist(r=4)", "fold=none with fold=gist(r=4,sinks=128,window=128) in layer 0", Options{}},
		{"gist", "fold=gist(r=4,token=48)", "the model has 48 tokens", Options{}},
		{"rmt-none", "fold=gist(r=4)", "it needs 1 vectors in the tensor fold_embd.weight, and the model has 0; token=ID", Options{}},
		{"gist", "fold=rmt(memory=3)", "it needs 3 vectors", Options{}},
		{"gist", "near=window(64)", "gist(r=4,sinks=10,window=24,chunk=20) with near=window(64)", Options{}},
		{"gist", "kv=kivi", "with near=none", Options{}},
		{"gist", "layout=grow", "grow with gist", Options{}},
		{"gist", "span=window(40)", "with window(40)", Options{}},
		{"gist", "select=mean", "with mean", Options{}},
		{"gist", "keep=fifo(300)", "with fifo(300)", Options{}},
		{"rmt", "keep=entropy(300)", "with entropy(300)", Options{}},
		{"rmt", "layout=folded", "folded with full", Options{}},
		{"rmt", "", "with a file for caches", Options{Spill: t.TempDir()}},
	} {
		c.o.Plan = c.plan
		m, err := Open(foldFile(t, c.file), c.o)
		if err == nil {
			m.Close()
		}
		if !errors.Is(err, attention.ErrCompose) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.plan, err, c.want)
		}
	}
	m := tinyModel(t, foldFile(t, "gist"), Options{})
	s, err := m.NewSession(SessionOptions{Context: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.FeedSet(context.Background(), [][]int32{{1}, {2}}, nil); !errors.Is(err, attention.ErrCompose) || !strings.Contains(err.Error(), "fold=gist") {
		t.Error(err)
	}
}

// TestFoldMarks: of segments without end those are remembered from which going back by d computes at most 2d again.
func TestFoldMarks(t *testing.T) {
	f := &fold{Folding: attention.Folding{Unit: 5, Drops: true}, first: []float32{0}, vectors: []float32{0}, marks: make([]int, 11), saved: make([]float32, 11)}
	for unit := 1; unit < 1000; unit++ {
		f.vectors[0] = float32(unit)
		f.save(unit)
		for back := range min(unit, 40) {
			g := *f
			g.marks, g.vectors = slices.Clone(f.marks), []float32{-1}
			from := g.load(unit - back)
			if from%5 != 0 || from/5 > unit-back || unit-back-from/5 > 2*back || g.vectors[0] != float32(from/5) || g.start != from {
				t.Fatalf("unit %d, back by %d: from token %d with %v", unit, back, from, g.vectors)
			}
			for _, u := range g.marks {
				if u > unit-back {
					t.Fatalf("unit %d is still known at %d", u, unit-back)
				}
			}
		}
	}
}

// TestFoldReal: both folds run in a real model, with the embedding of an ordinary token. No segment of a text knows another without memory.
func TestFoldReal(t *testing.T) {
	ctx := context.Background()
	m, err := Open(testmodel.Path(t, "smollm2:135m"), Options{Plan: "fold=rmt(segment=40,memory=0)"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	plain, err := Open(testmodel.Path(t, "smollm2:135m"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	ids := setText(m, 100, 1)
	a, err := m.NewSession(SessionOptions{Context: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := plain.NewSession(SessionOptions{Context: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := hashes(t, a, ids)
	for from := 0; from < len(ids); from += 40 {
		if err := b.Rewind(ctx, 0, nil); err != nil {
			t.Fatal(err)
		}
		part := ids[from:min(from+40, len(ids))]
		if want := hashes(t, b, part); !slices.Equal(got[from:from+len(part)], want) {
			t.Errorf("the segment from token %d is not what it is alone", from)
		}
	}
}

// TestFoldAllocatesNothing: neither a token nor the rows beside it, nor the end of a segment, cost a heap allocation.
func TestFoldAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	for _, c := range foldPlans {
		m := tinyModel(t, foldFile(t, c.file), Options{Plan: c.plan, Threads: 1})
		s, err := m.NewSession(SessionOptions{Context: 2000})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Feed(ctx, setText(m, 1030, 1), nil); err != nil { // the list of tokens grows past a doubling
			t.Fatal(err)
		}
		one := []int32{5}
		feed := func() {
			if err := s.Feed(ctx, one, nil); err != nil {
				t.Fatal(err)
			}
		}
		for range 90 {
			feed()
		}
		if n := testing.AllocsPerRun(100, feed); n > 0 {
			t.Errorf("%s: %v allocations a token", c.plan, n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
