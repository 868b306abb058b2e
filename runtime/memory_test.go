package runtime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/convert"
	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/seq"
)

// tinyFile converts a model of testdata/arch.
func tinyFile(t testing.TB, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name+".gguf")
	if _, err := convert.Directory(context.Background(), "../testdata/arch/"+name, out, convert.Options{Type: "f32"}); err != nil {
		t.Fatal(err)
	}
	return out
}

// tinyModel opens such a model.
func tinyModel(t testing.TB, path string, o Options) *Model {
	t.Helper()
	m, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// passOf runs one pass over n rows, with the logits of all, in a session of its own, and returns what it took of the arena.
func passOf(t *testing.T, m *Model, o SessionOptions, n int) int64 {
	t.Helper()
	s, err := m.NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ids, want := make([]int32, n), make([]int, n)
	for i := range ids {
		ids[i], want[i] = int32(i*31%m.Info.Vocab), i
	}
	if err := s.pass(context.Background(), ids, want, make([]float32, n*m.Info.Vocab)); err != nil {
		t.Fatal(err)
	}
	return s.mem.Bytes()
}

// TestScratch: what a pass takes of the arena is what was counted, to the byte, for every architecture and codec; only mixtures of
// experts may take less. Architectures take plans in turns; TestLongScratch has all with each.
func TestScratch(t *testing.T) { scratch(t, 2) }

// scratch takes one plan in so many.
func scratch(t *testing.T, every int) {
	dirs, err := os.ReadDir("../testdata/arch")
	if err != nil {
		t.Fatal(err)
	}
	check := func(m *Model, name string, rows ...int) {
		for _, exact := range []bool{false, true} {
			for _, n := range rows {
				at := seq.StepSize{N: n, MaxLen: 500, Workers: m.Threads(), Exact: exact}
				got, want := passOf(t, m, SessionOptions{Context: 500, Chunk: 128, Exact: exact}, n), m.net.Scratch(&at)
				if got != want && (!strings.Contains(name, "moe") && !strings.Contains(name, "select") || got > want) {
					t.Errorf("%s, %d rows, exact %v: a pass took %d bytes, %d were counted", name, n, exact, got, want)
				}
			}
		}
	}
	checked := 0
	for k, d := range dirs {
		if !d.IsDir() {
			continue
		}
		path := tinyFile(t, d.Name())
		for i, plan := range []string{"", "kv=q8_0", "key=q4 value=f32", "span=window(40)", "span=window(40) layout=ring(step=24)", "kv=kivi(bits=3)",
			"kv=kivi(bits=4,rot) near=window(64) nearkv=q8_0", "pos=alibi kv=q4", "span=full layout=grow kv=f16 select=mean(k=1,local=1,dense=0)",
			"span=full layout=grow kv=q8_0 select=recycle(k=1,dense=0)", "span=full layout=grow kv=q8_0 select=hip(k=1,dense=0)",
			"span=full layout=grow select=louis(k=1,dense=0)"} {
			if (i+k)%every != 0 {
				continue
			}
			m := tinyModel(t, path, Options{Plan: plan, Threads: 1 + i%3})
			check(m, d.Name()+" "+plan, 1, 3, 17, 128)
			checked++
		}
	}
	if checked < 40 {
		t.Errorf("only %d models", checked)
	}
	for _, name := range []string{"smollm2:135m", "gemma3:270m"} {
		m, err := Open(testmodel.Path(t, name), Options{Plan: "kv=q8_0", Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		check(m, name, 1, 100)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestScratchFits: the passes of a session, of any number of rows up to its chunk, stay in the memory that was planned for them.
func TestScratchFits(t *testing.T) {
	for _, name := range []string{"llama", "gemma3", "qwen3moe", "phi3-long"} {
		m := tinyModel(t, tinyFile(t, name), Options{Threads: 2})
		for _, chunk := range []int{1, 2, 31, 33, 64} {
			p, err := m.Memory(SessionOptions{Context: 200, Chunk: chunk})
			if err != nil {
				t.Fatal(err)
			}
			for n := 1; n <= chunk; n++ {
				if got := passOf(t, m, SessionOptions{Context: 200, Chunk: chunk}, n); got > p.Scratch {
					t.Errorf("%s: %d rows of %d take %d bytes, %d were planned", name, n, chunk, got, p.Scratch)
				}
			}
		}
	}
}

// TestPlanMonotone: with more memory, neither chunk nor rows nor the longest context become smaller; what is planned fits, one
// row more does not; and below the least it is an error that tells what would fit.
func TestPlanMonotone(t *testing.T) {
	for _, name := range []string{"llama", "gemma3", "qwen3moe"} {
		path := tinyFile(t, name)
		for _, plan := range []string{"", "span=sinks(4)+window(100)", "kv=q8_0"} {
			m := tinyModel(t, path, Options{Plan: plan, Threads: 2})
			o := SessionOptions{Context: 3000}
			free, err := m.Memory(o)
			if err != nil {
				t.Fatal(err)
			}
			if free.Chunk != defaultChunk {
				t.Fatalf("%s: without a budget steps have %d rows", name, free.Chunk)
			}
			var before Memory
			longest, refused, reached := 0, 0, false
			least := m.sizer(3000, false).memory(1, 1)
			step := (free.Total() - least.Total()) / 50
			for b := least.Total() - 10*step; b < free.Total()+20*step; b += step {
				m.budget = b
				p, err := m.Memory(o)
				now := m.MaxContext(0, false)
				if now < longest {
					t.Fatalf("%s %s: %d bytes hold %d tokens, less held %d", name, plan, b, now, longest)
				}
				longest = now
				var e *MemoryError
				if errors.As(err, &e) {
					if before.Chunk > 0 || b >= least.Total() || !errors.Is(err, ErrMemory) || e.MaxContext != now || now >= 3000 {
						t.Fatalf("%s %s: %d bytes: %v (the longest is %d)", name, plan, b, err, now)
					}
					if now > 0 {
						if _, err := m.Memory(SessionOptions{Context: now}); err != nil {
							t.Fatalf("%s %s: the context that fits does not: %v", name, plan, err)
						}
					}
					refused++
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if p.Total() > b {
					t.Fatalf("%s %s: %d bytes planned of %d", name, plan, p.Total(), b)
				}
				if now < 3000 || p.Chunk < before.Chunk || p.Rows < before.Rows {
					t.Fatalf("%s %s: %d bytes give %d and %d rows, less gave %d and %d", name, plan, b, p.Chunk, p.Rows, before.Chunk, before.Rows)
				}
				before = p
				reached = p.Chunk == free.Chunk && p.Rows == free.Rows && p.Total() == free.Total()
			}
			if refused < 8 || !reached {
				t.Errorf("%s %s: %d budgets refused; the whole plan reached: %v", name, plan, refused, reached)
			}
			m.budget = 0
		}
	}
}

// TestBudgets: the same logits to the bit with every budget, from the least on, fed, scored and generated.
func TestBudgets(t *testing.T) {
	for _, name := range []string{"llama", "gemma3", "qwen3moe"} {
		m := tinyModel(t, tinyFile(t, name), Options{Threads: 2})
		ids := make([]int32, 180)
		for i := range ids {
			ids[i] = int32(i * 13 % m.Info.Vocab)
		}
		least := m.sizer(200, false).memory(1, 1).Total()
		var want []string
		chunks := map[int]bool{}
		for _, over := range []int64{-1, 0, 3 << 10, 10 << 10, 30 << 10, 200 << 10, 1 << 30} {
			m.budget = 0
			if over >= 0 {
				m.budget = least + over
			}
			s, err := m.NewSession(SessionOptions{Context: 200})
			if err != nil {
				t.Fatal(err)
			}
			var hashes []string
			if err := s.Each(context.Background(), ids, func(_ int, logits []float32) error {
				hashes = append(hashes, Hash(logits))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if err := s.Rewind(context.Background(), 0, nil); err != nil {
				t.Fatal(err)
			}
			if err := s.Feed(context.Background(), ids, nil); err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, s.Stats().LogitsHash)
			if want == nil {
				want = hashes
			}
			for i := range want {
				if hashes[i] != want[i] {
					t.Fatalf("%s: %d bytes over the least, steps of %d rows: logits %d are others", name, over, s.plan.Chunk, i)
				}
			}
			chunks[s.plan.Chunk] = true
			if used := s.mem.Bytes(); used > s.plan.Scratch {
				t.Errorf("%s: scratch took %d bytes, %d were planned", name, used, s.plan.Scratch)
			}
			if got, plan := s.state.Bytes(), s.plan.kv(); got > plan {
				t.Errorf("%s: the cache takes %d bytes, %d were planned", name, got, plan)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if len(chunks) < 4 || !chunks[1] {
			t.Errorf("%s: steps of %v rows only", name, chunks)
		}
	}
}

// TestBudgetShared: open sessions share the budget, and closing one gives its part back.
func TestBudgetShared(t *testing.T) {
	m := tinyModel(t, tinyFile(t, "llama"), Options{Threads: 1})
	o := SessionOptions{Context: 5000, Chunk: 1}
	one, err := m.Memory(o)
	if err != nil {
		t.Fatal(err)
	}
	m.budget = one.Total() + one.session()/2
	s, err := m.NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	var e *MemoryError
	if _, err := m.NewSession(o); !errors.As(err, &e) || e.Taken == 0 || e.MaxContext < 1000 || e.MaxContext > 4000 {
		t.Errorf("a second session: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = m.NewSession(o); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if m.taken != 0 {
		t.Errorf("%d bytes taken by no session", m.taken)
	}
}

// TestBudgetOpen: a budget that no session fits into fails when the model is opened, and a negative one is refused.
func TestBudgetOpen(t *testing.T) {
	path := tinyFile(t, "llama")
	if _, err := Open(path, Options{Memory: 100 << 10}); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "no context fits") {
		t.Errorf("100 KiB: %v", err)
	}
	if _, err := Open(path, Options{Memory: -1}); err == nil || errors.Is(err, ErrMemory) {
		t.Errorf("-1: %v", err)
	}
	m, err := Open(path, Options{Memory: 100 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkPlan is what planning adds to a new session.
func BenchmarkPlan(b *testing.B) {
	m, err := Open(testmodel.Path(b, "smollm2:135m"), Options{Threads: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for _, budget := range []int64{0, 200 << 20} {
		m.budget = budget
		b.Run(mega(budget), func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Memory(SessionOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestScratchKeeps: what goes when rows are forgotten stays in the memory that was planned too.
func TestScratchKeeps(t *testing.T) {
	for i, plan := range []string{"keep=snapkv(70,every=64)", "keep=h2o(70,every=64,ada=0.2,merge) kv=q8_0", "keep=expected(70,every=64,merge)",
		"keep=entropy(70,every=64)", "keep=tova(70,every=64) kv=q4"} {
		m := tinyModel(t, tinyFile(t, "llama"), Options{Plan: plan, Threads: 1 + i%3})
		ids := make([]int32, 400)
		for i := range ids {
			ids[i] = int32(i * 13 % m.Info.Vocab)
		}
		for _, chunk := range []int{1, 20, 64, 128} {
			s, err := m.NewSession(SessionOptions{Context: 400, Chunk: chunk})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Feed(context.Background(), ids, nil); err != nil {
				t.Fatal(err)
			}
			if got := s.mem.Bytes(); got > s.plan.Scratch {
				t.Errorf("%s in steps of %d: scratch took %d bytes, %d were planned", plan, chunk, got, s.plan.Scratch)
			}
			if got := s.state.Bytes(); got > s.plan.kv() {
				t.Errorf("%s in steps of %d: the cache takes %d bytes, %d were planned", plan, chunk, got, s.plan.kv())
			}
			u := &s.surprise
			if got := int64(len(u.logits)+len(u.last)+len(s.logits)) * 4; got > s.plan.Logits {
				t.Errorf("%s in steps of %d: logits take %d bytes, %d were planned", plan, chunk, got, s.plan.Logits)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
