package attention

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// holds returns the rows that a KV head of a state holds.
func (s *state) holds(head int) (rows []int) {
	for slot := range s.slot(s.n, head) {
		if s.kept == nil {
			rows = append(rows, slot)
		} else {
			rows = append(rows, int(s.kept.row(slot, head)))
		}
	}
	return rows
}

// TestKeepers: every keeper with other parts keeps the rows that its oracle keeps and gives that oracle's results, with the
// same bits in any steps, by any workers and after rewinds. TestLongKeepers takes every keeper with every pair of codecs.
func TestKeepers(t *testing.T) {
	t.Parallel()
	every := 7 // shares no factor with the numbers of texts
	if testing.Short() {
		every = 13
	}
	keepersBy(t, every)
}

// keepersBy takes one in so many of the keepers with pairs of codecs.
func keepersBy(t *testing.T, every int) {
	const rows = 330
	shapes := []Shape{{Heads: 3, KVHeads: 1, Dim: 16}, {Heads: 2, KVHeads: 2, Dim: 32, VDim: 20}, {Heads: 4, KVHeads: 2, Dim: 16, VDim: 7}}
	poses := slices.DeleteFunc(posTexts(), func(pos string) bool { // biases and infused positions are refused
		return strings.HasPrefix(pos, "pia") || strings.HasPrefix(pos, "alibi") || strings.HasPrefix(pos, "t5") || strings.HasPrefix(pos, "fire")
	})
	spans := []string{"full", "full", "full+window(24)", "full"}
	i, n, ran := 0, 0, map[string]bool{}
	for _, keep := range keepTexts() {
		for _, kv := range keptTexts() {
			if i++; i%every != 0 {
				continue
			}
			n++
			ran[keep] = true
			pos := poses[n%len(poses)]
			text := fmt.Sprintf("span=%s pos=%s %s%s keep=%s", spans[n%len(spans)], pos, tempText(n), kv, keep)
			f := newFixture(t, text, shapes[n%len(shapes)], rows, uint64(n)).withScore(float32(n/3%2*3), n%5 == 0)
			want, held := f.oracleKept(t)
			whole := f.runner(t, rows, rows)
			if err := whole.all([]int{rows}); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			for h, want := range held {
				if got := whole.st.(*state).holds(h); !slices.Equal(got, want) {
					t.Fatalf("%s, %v: head %d holds\n%v\nwant\n%v", text, f.shape, h, got, want)
				}
			}
			// What is merged is encoded again, which may round a number to the other side; only f32 is to be near.
			exact := !f.layer.Keep.Budget().Merge || kv == "kv=f32"
			if err := f.close(whole.out, want); err != nil && exact {
				t.Fatalf("%s, %v: %v", text, f.shape, err)
			}
			f.keptEveryWay(t, n, whole)
		}
	}
	if len(ran) < len(keepTexts()) {
		t.Errorf("only %d of %d keepers ran", len(ran), len(keepTexts()))
	}
	t.Logf("%d compositions", n)
}

// keptEveryWay runs the fixture in chunks, by several workers and with rewinds.
func (f *fixture) keptEveryWay(t *testing.T, i int, whole *runner) {
	t.Helper()
	f.inChunks(t, i, whole, 1, 7, 64, 100)
	r := f.runner(t, f.n, 40)
	rng := rand.New(rand.NewPCG(uint64(i), 3))
	for left := 12; r.st.Len() < f.n; {
		at := r.st.Len()
		n := min(1+rng.IntN(40), f.n-at)
		if left--; left < 0 || rng.IntN(2) == 0 {
			if err := r.step(n); err != nil {
				t.Fatal(err)
			}
			continue
		}
		// A step that will be taken back, of other rows, which may fill the rows up to where some would go.
		if err := r.feed(min(n, r.c.Until(at))); err != nil {
			t.Fatal(err)
		}
		end := r.st.(*state).kept.end
		to := end + rng.IntN(at-end+1)
		if end > 1 {
			if err := r.st.Rewind(1 + rng.IntN(end-1)); !errors.Is(err, seq.ErrRewind) {
				t.Fatalf("%s: a rewind below row %d: %v", f.text, end, err)
			}
		}
		if err := r.st.Rewind(to); err != nil {
			t.Fatalf("%s: %v", f.text, err)
		}
	}
	if err := sameBits(r.out, whole.out); err != nil {
		t.Fatalf("%s, after rewinds: %v", f.text, err)
	}
	if err := r.st.Rewind(0); err != nil {
		t.Fatal(err)
	}
	clear(r.out)
	if err := r.all(steps{33}.cut(f.n)); err != nil {
		t.Fatal(err)
	}
	if err := sameBits(r.out, whole.out); err != nil {
		t.Fatalf("%s, from the start again: %v", f.text, err)
	}
}

// TestKeepAll: a budget that the past fits in gives the bits and takes the memory of a growing cache.
func TestKeepAll(t *testing.T) {
	for _, k := range keepers.kinds {
		if k.name == "none" {
			continue
		}
		sh := Shape{Heads: 4, KVHeads: 2, Dim: 16}
		f := newFixture(t, "pos=rope keep="+k.name+"(300)", sh, 300, 1)
		g := newFixture(t, "pos=rope layout=grow", sh, 300, 1)
		a, b := f.runner(t, 300, 300), g.runner(t, 300, 300)
		c := f.runner(t, 1000, 50) // could forget, and has no reason to
		for _, r := range []*runner{a, b} {
			if err := r.all([]int{300}); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.all(steps{50}.cut(300)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(sameBits(a.out, b.out), sameBits(c.out, b.out)); err != nil {
			t.Errorf("%s: %v", f.text, err)
		}
		if a.st.Bytes() != b.st.Bytes() {
			t.Errorf("%s: %d bytes, a growing cache has %d", f.text, a.st.Bytes(), b.st.Bytes())
		}
	}
}

// TestKeptMemory: a state never takes more than the budget, the rows to the next boundary, and what the keeper needs.
func TestKeptMemory(t *testing.T) {
	const rows, budget, every = 3000, 200, 128
	for _, k := range keepers.kinds {
		if k.name == "none" {
			continue
		}
		sh := Shape{Heads: 4, KVHeads: 2, Dim: 16}
		f := newFixture(t, fmt.Sprintf("keep=%s(%d,every=%d)", k.name, budget, every), sh, 500, 1)
		r := f.runner(t, rows, 500)
		tiles := int64((budget + every + Tile - 1) / Tile * Tile * 2 * 16 * 2 * 2)
		own := int64(2 * budget * 4)
		if _, ok := f.layer.Keep.(Rememberer); ok {
			own *= 2
		}
		if w, ok := f.layer.Keep.(Watcher); ok {
			n, _ := w.Watch()
			own += int64(n * (4 + 2*4*16))
		}
		for range rows / 500 {
			if err := r.feed(500); err != nil {
				t.Fatal(err)
			}
			if n := len(r.st.(*state).holds(1)); n > budget+every {
				t.Errorf("%s: %d rows are held", f.text, n)
			}
			if b := r.st.Bytes(); b > tiles+own {
				t.Errorf("%s: %d bytes at row %d, want at most %d", f.text, b, r.st.Len(), tiles+own)
			}
		}
		taken := int64(0)
		env := &seq.Env{MaxLen: rows, MaxChunk: 500, Alloc: func(n int) ([]byte, error) {
			taken += int64(n)
			return make([]byte, n), nil
		}}
		if _, err := r.c.NewState(env); err != nil {
			t.Fatal(err)
		}
		if b := r.c.Bytes(env); b != tiles+own || taken != b || r.st.Bytes() != b {
			t.Errorf("%s: Bytes says %d, %d are taken and %d told, want %d", f.text, b, taken, r.st.Bytes(), tiles+own)
		}
	}
}

// TestKeepDoesNotAllocate: tokens cost no allocation, those at which rows are forgotten neither.
func TestKeepDoesNotAllocate(t *testing.T) {
	for i, keep := range keepTexts() {
		f := newFixture(t, "pos=rope keep="+keep, Shape{Heads: 4, KVHeads: 2, Dim: 16}, 1000, 1).withScore(float32(i%2), i%3 == 0)
		r := f.runner(t, 1000, 64)
		r.team = newScatter(2)
		if err := r.all(steps{64}.cut(500)); err != nil {
			t.Fatal(err)
		}
		r.team = par.Serial()
		before := r.st.(*state).kept.end
		if n := testing.AllocsPerRun(3, func() { // the mean, so that one of something else does not count
			for range 100 {
				if err := r.step(1); err != nil {
					t.Fatal(err)
				}
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations in 100 tokens", keep, n)
		}
		if after := r.st.(*state).kept.end; after < before+200 {
			t.Errorf("%s: rows were forgotten at %d, then at %d", keep, before, after)
		}
	}
}

// breaking is a team that is cancelled at its left-th task, some of whose pieces are done.
type breaking struct {
	scatter
	left *int
}

func (b breaking) Run(n, grain int, t seq.Task) error {
	if *b.left--; *b.left == 0 {
		b.scatter.Run(n/2, grain, t)
		return errBroken
	}
	return b.scatter.Run(n, grain, t)
}

var errBroken = errors.New("cancelled")

// TestKeepCancelled: wherever a step is cancelled that ends where rows go, also while they go, the state goes back to its start
// and on from there.
func TestKeepCancelled(t *testing.T) {
	for _, keep := range keepTexts() {
		f := newFixture(t, "pos=rope keep="+keep, Shape{Heads: 4, KVHeads: 2, Dim: 16}, 450, 1)
		want := f.runner(t, 450, 450)
		if err := want.all([]int{450}); err != nil {
			t.Fatal(err)
		}
		r, broken := f.runner(t, 450, 64), 0
		for nth := 1; r.st.Len() < 450; nth++ {
			at, left := r.st.Len(), nth
			n := min(64, 450-at, r.c.Until(at))
			r.team = breaking{newScatter(2), &left}
			if err := r.step(n); err == nil {
				nth = 0
				continue
			} else if !errors.Is(err, errBroken) {
				t.Fatal(err)
			}
			broken++
			if err := r.st.Rewind(at); err != nil {
				t.Fatalf("%s: back to row %d: %v", keep, at, err)
			}
		}
		if err := sameBits(r.out, want.out); err != nil || broken < 15 {
			t.Errorf("%s, cancelled %d times: %v", keep, broken, err)
		}
	}
}

// TestKeepRefused: keepers are refused with what they do not go with, by both names, and where they cannot be.
func TestKeepRefused(t *testing.T) {
	sh := Shape{Heads: 2, KVHeads: 1, Dim: 4}
	sel, err := selectors.parse(&args{name: "bounds"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	budget := KeepBudget{Rows: 90, Recent: 10, Every: 64}
	for _, c := range []struct {
		l    Layer
		want string
	}{
		{Layer{Keep: SnapKV{budget, 32, 1}, Span: []Span{Window{9}}}, "snapkv(90,pool=1,sinks=0,recent=10,every=64) with window(9): these"},
		{Layer{Keep: SnapKV{budget, 32, 1}, Layout: Grow{}}, "grow with snapkv(90"},
		{Layer{Keep: SnapKV{budget, 32, 1}, Layout: Ring{}}, "ring with snapkv(90"},
		{Layer{Layout: Kept{}}, "kept with full"},
		{Layer{Keep: SnapKV{budget, 32, 1}, Key: stiff{}}, "with stiff: these"},
		{Layer{Keep: SnapKV{budget, 32, 1}, Value: stiff{}}, "with stiff: these"},
		{Layer{Keep: SnapKV{budget, 32, 1}, Key: Kivi{Bits: 4}}, "with kivi(bits=4): these"},
		{Layer{Keep: SnapKV{budget, 32, 1}, Near: Window{9}}, "with near=window(9): these"},
		{Layer{Keep: SnapKV{budget, 32, 1}, Pos: ALiBi{}}, "with alibi: these"},
		{Layer{Keep: SnapKV{budget, 32, 1}, Select: []Selector{sel}}, "with bounds: these"},
		{Layer{Keep: SnapKV{budget, 65, 1}}, "the queries of 65 rows are not between 1 and every=64"},
		{Layer{Keep: SnapKV{KeepBudget{Rows: 90, Every: 100}, 1, 1}}, "every=100 is not a multiple of 64"},
		{Layer{Keep: SnapKV{KeepBudget{Rows: 90, Recent: 90}, 1, 1}}, "leave none of 90"},
		{Layer{Keep: SnapKV{KeepBudget{}, 1, 1}}, "is not possible"},
	} {
		if err := c.l.Check(sh); !errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: want %q", err, c.want)
		}
	}
}

// TestKeepSurprise: a step at whose inner boundary nothing is known of its own tokens is refused, and one that begins there is not.
func TestKeepSurprise(t *testing.T) {
	f := newFixture(t, "keep=entropy(90,every=64)", Shape{Heads: 1, KVHeads: 1, Dim: 4}, 200, 1)
	r := f.runner(t, 200, 200)
	f.surprise = f.surprise[:100]
	if err := r.step(200); err == nil || !strings.Contains(err.Error(), "the step must begin there") {
		t.Error(err)
	}
	if err := r.st.Rewind(0); err != nil {
		t.Fatal(err)
	}
	f.surprise = f.surprise[:128]
	if err := r.all([]int{128, 64}); err != nil {
		t.Error(err)
	}
}

// stiff is a codec whose rows cannot be moved.
type stiff struct{ F32 }

func (stiff) Keys(dim int) (Rows, error)   { return stiffRows{f32Keys(dim)}, nil }
func (stiff) Values(dim int) (Rows, error) { return stiffRows{f32Values(dim)}, nil }
func (stiff) String() string               { return "stiff" }

type stiffRows struct{ Rows }

// TestMove: a row moved between tiles is the row that was put, and its neighbours stay.
func TestMove(t *testing.T) {
	for _, k := range codecs.kinds {
		c, err := codecs.parse(&args{name: k.name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, dim := range []int{8, 21, 64, 80} {
			keys, _ := c.Keys(dim)
			values, _ := c.Values(dim)
			for what, rows := range map[string]Rows{"keys": keys, "values": values} {
				m, ok := rows.(Mover)
				if !ok {
					continue
				}
				rng := rand.New(rand.NewPCG(1, uint64(dim)))
				put := func(tile []byte, row int, x []float32) { rows.Put(tile, row, slices.Clone(x)) }
				x := make([][]float32, 2*Tile)
				for i := range x {
					for range dim {
						x[i] = append(x[i], float32(rng.Float64()-0.5)*float32(i+1))
					}
				}
				a, b, want := make([]byte, rows.Size()), make([]byte, rows.Size()), make([]byte, rows.Size())
				order := rng.Perm(Tile)
				for i := range Tile {
					put(a, i, x[i])
					put(b, i, x[Tile+i])
					put(want, i, x[Tile+i])
				}
				for i := range Tile / 2 {
					put(want, order[i], x[i*2])
					m.Move(b, order[i], a, i*2)
				}
				if !slices.Equal(b, want) {
					t.Errorf("%s of %d in %s: rows moved are not rows put", what, dim, c)
				}
			}
		}
	}
}

// TestUsedTraces: over a script of which row each query attends to, least recently and least frequently used rows are those of
// simulators that are told one access after the other.
func TestUsedTraces(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		const rows, window = 40, 8
		for _, often := range []bool{false, true} {
			k := Used{Keep: KeepBudget{Rows: rows / 2, Every: 64}, Often: often, Top: 1, Window: window}
			e := &Evidence{core: &Core{group: 1}, Memory: make([]float32, rows), Room: make([]float32, rows), stride: rows, logits: make([]float32, window*rows)}
			var recent []int // least recently used first
			count := map[int]int{}
			for r := range rows {
				e.Rows = append(e.Rows, seq.Pos(r))
				recent = append(recent, r)
			}
			for boundary := 1; boundary <= 3; boundary++ {
				e.End = seq.Pos(boundary * 64)
				clear(e.logits)
				for q := range window {
					hit := rng.IntN(rows) * rng.IntN(2) // half of them the first
					e.logits[q*rows+hit] = 1
					recent = append(slices.DeleteFunc(recent, func(r int) bool { return r == hit }), hit)
					count[hit]++
				}
				score := make([]float32, rows)
				k.Score(score, e)
				got := slices.Clone(recent)
				slices.Sort(got)
				slices.SortStableFunc(got, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
				if !often && !slices.Equal(got, recent) {
					t.Fatalf("seed %d: by last use %v, want %v", seed, got, recent)
				}
				for r := range rows {
					if often && score[r] != float32(count[r]) {
						t.Fatalf("seed %d: row %d was attended to %v times, want %d", seed, r, score[r], count[r])
					}
				}
			}
		}
	}
}

// TestKth: the selection is that of a sort, with equal numbers too.
func TestKth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		x := make([]float32, 1+rng.IntN(30))
		for i := range x {
			x[i] = float32(rng.IntN(1 + rng.IntN(40)))
		}
		k := 1 + rng.IntN(len(x))
		sorted := slices.Clone(x)
		slices.Sort(sorted)
		if got, want := kth(slices.Clone(x), k), sorted[len(x)-k]; got != want {
			t.Fatalf("number %d of %v: %v, want %v", k, x, got, want)
		}
	}
	kth([]float32{float32(math.NaN()), 1, float32(math.NaN()), 2}, 2) // ends
}

// TestKeepNotNumbers: rows that are not numbers leave the bits the same in any steps, and what is forgotten is not seen.
func TestKeepNotNumbers(t *testing.T) {
	for _, keep := range keepTexts() {
		for what := range 3 {
			f := newFixture(t, "pos=rope keep="+keep, Shape{Heads: 2, KVHeads: 1, Dim: 8}, 330, 1)
			[][]float32{f.q, f.k, f.v}[what][40*8*(1+btoi(what == 0))] = float32(math.NaN())
			whole, r := f.runner(t, 330, 330), f.runner(t, 330, 7)
			r.team = newScatter(3)
			if err := errors.Join(whole.all([]int{330}), r.all(steps{7}.cut(330))); err != nil {
				t.Fatal(err)
			}
			for i, x := range whole.out {
				if y := r.out[i]; (x == x) != (y == y) || x == x && x != y {
					t.Fatalf("%s: element %d is %v in one step, %v in more", keep, i, x, y)
				}
			}
			held := slices.Contains(whole.st.(*state).holds(0), 40)
			if last := whole.out[len(whole.out)-8]; what == 2 && !f.layer.Keep.Budget().Merge && held != (last != last) {
				t.Errorf("%s: the row is held: %v; the last result is %v", keep, held, last)
			}
		}
	}
}

// TestKeepKernels: every implementation of the kernels keeps the same rows and gives the same bits.
func TestKeepKernels(t *testing.T) {
	for i, keep := range keepTexts() {
		if i%4 != 0 && testing.Short() {
			continue
		}
		f := newFixture(t, "pos=rope "+keptTexts()[i%len(keptTexts())]+" keep="+keep, Shape{Heads: 6, KVHeads: 2, Dim: 32, VDim: 21}, 330, 1)
		var want []float32
		impl.Each("vec", func(name string) {
			r := f.runner(t, 330, 100)
			if err := r.all(steps{100}.cut(330)); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = r.out
			}
			if err := sameBits(r.out, want); err != nil {
				t.Errorf("%s with %s: %v", f.text, name, err)
			}
		})
	}
}

// TestKeepHidden: rows that are hidden from the queries which judge are worth nothing to them.
func TestKeepHidden(t *testing.T) {
	f := newFixture(t, "pos=rope keep=tova(90,every=64)", Shape{Heads: 4, KVHeads: 2, Dim: 16}, 130, 1)
	for _, hide := range []seq.Run{{}, {Lo: 30, Hi: 50}} {
		r := f.runner(t, 130, 64)
		if err := r.step(64); err != nil {
			t.Fatal(err)
		}
		r.hide = hide
		if err := r.step(64); err != nil {
			t.Fatal(err)
		}
		r.hide = seq.Run{}
		if err := r.step(2); err != nil {
			t.Fatal(err)
		}
		stay := 0
		for _, row := range r.st.(*state).holds(1) {
			if row >= 30 && row < 50 {
				stay++
			}
		}
		if (stay == 0) != (hide.Hi > 0) {
			t.Errorf("%v is hidden: %d of 20 rows stay", hide, stay)
		}
	}
}
