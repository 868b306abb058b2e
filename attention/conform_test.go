package attention

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// TestCompositions takes one in 11 of the compositions of TestLongCompositions, or in 47 in short tests.
func TestCompositions(t *testing.T) {
	t.Parallel()
	every := 11
	if testing.Short() {
		every = 47
	}
	compositions(t, every)
}

// compositions takes every pair of a span and codecs of keys and values, with the schemes in turns, so that every two of the three meet; or one
// composition in so many. Each is tried with every layout that is registered, and with a temperature or none. It is refused with both names or equals
// the oracle, with the same bits from every layout, cut into chunks, number of workers and history of rewinds.
func compositions(t *testing.T, every int) {
	spans, poses, kvs := spanTexts(), posTexts(), kvTexts()
	shapes := []Shape{{Heads: 3, KVHeads: 1, Dim: 16}, {Heads: 2, KVHeads: 2, Dim: 16, VDim: 18}, {Heads: 4, KVHeads: 1, Dim: 16, VDim: 3}}
	i, refused, met := 0, 0, map[[3]int]bool{} // pairs of which parts, and which two
	for k, kv := range kvs {
		for s, span := range spans {
			p := (s + k) % len(poses)
			pos := poses[p]
			met[[3]int{0, s, p}], met[[3]int{1, p, k}], met[[3]int{2, s, k}] = true, true, true
			i++
			if i%every != 0 {
				continue
			}
			rows := 200 // four tiles: rings of the smaller windows go round
			if strings.Contains(kv, "near=") {
				rows = 264 // some of them are far
			}
			var want []float64
			var first []float32
			for _, layout := range layoutTexts() {
				text := fmt.Sprintf("span=%s pos=%s %s%s layout=%s", span, pos, tempText(i), kv, layout)
				f := newFixture(t, text, shapes[i%len(shapes)], rows, uint64(i)).withScore(float32(i%2*3), i%5 == 0)
				if _, err := f.layer.Core(f.shape); errors.Is(err, ErrCompose) {
					if refused++; !strings.Contains(err.Error(), layout+" with "+span) {
						t.Errorf("%s: %v: want both names", text, err)
					}
					continue
				}
				if want == nil {
					want = f.oracle(t)
				}
				out := f.everyWay(t, i, want)
				if first == nil {
					first = out
				}
				if err := sameBits(out, first); err != nil {
					t.Fatalf("%s: not the bits of another layout: %v", text, err)
				}
			}
			if want == nil {
				t.Errorf("span=%s pos=%s %s: no layout serves it", span, pos, kv)
			}
		}
	}
	if n := len(spans)*len(poses) + len(poses)*len(kvs) + len(spans)*len(kvs); len(met) != n {
		t.Errorf("%d pairs of %d meet in %d compositions", len(met), n, i)
	}
	t.Logf("%d compositions, each with every layout, %d refused", i, refused)
}

// everyWay runs the fixture in chunks, by several workers and with rewinds, and returns the result. It asks for no
// longer chunks than it feeds, so that rings are as small as they may be.
func (f *fixture) everyWay(t *testing.T, i int, want []float64) []float32 {
	t.Helper()
	out := f.sameEveryWay(t, i)
	if err := f.close(out, want); err != nil {
		t.Fatalf("%s, %v: %v", f.text, f.shape, err)
	}
	return out
}

// sameEveryWay is everyWay without an oracle.
func (f *fixture) sameEveryWay(t *testing.T, i int) []float32 {
	t.Helper()
	whole := f.runner(t, f.n, f.n)
	if err := whole.all([]int{f.n}); err != nil {
		t.Fatalf("%s: %v", f.text, err)
	}
	f.inChunks(t, i, whole, 1, 7, 64)
	r := f.runner(t, f.n, 40)
	if err := r.wander(rand.New(rand.NewPCG(uint64(i), 3)), 40); err != nil {
		t.Fatalf("%s: %v", f.text, err)
	}
	if err := sameBits(r.out, whole.out); err != nil {
		t.Fatalf("%s, after rewinds: %v", f.text, err)
	}
	return whole.out
}

// inChunks runs the fixture in chunks of some sizes, each by another number of workers, and wants the bits of the whole.
func (f *fixture) inChunks(t *testing.T, i int, whole *runner, chunks ...int) {
	t.Helper()
	for w, chunk := range chunks {
		r := f.runner(t, f.n, chunk)
		r.team = newScatter(1 + (i+w)%4)
		if err := r.all(steps{chunk}.cut(f.n)); err != nil {
			t.Fatalf("%s, in chunks of %d: %v", f.text, chunk, err)
		}
		if err := sameBits(r.out, whole.out); err != nil {
			t.Fatalf("%s, in chunks of %d by %d workers: %v", f.text, chunk, r.team.Workers(), err)
		}
	}
}

// byWorkers runs the fixture by 1 to 4 real workers, cut as given, and wants the same bits; those before, if there are any.
func (f *fixture) byWorkers(t *testing.T, cut steps, want []float32) []float32 {
	t.Helper()
	for workers := 1; workers <= 4; workers++ {
		pool := par.NewPool(workers)
		team, leave := pool.Pass(context.Background())
		r := f.runner(t, f.n, f.n)
		r.team = team
		err := r.all(cut.cut(f.n))
		leave()
		pool.Close()
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = r.out
		}
		if err := sameBits(r.out, want); err != nil {
			t.Errorf("%s, %v, cut %v, %d workers: %v", f.text, f.shape, cut, workers, err)
		}
	}
	return want
}

// wander feeds everything in steps of random lengths, and goes back now and then, over other rows' keys and values.
func (r *runner) wander(rng *rand.Rand, most int) error {
	pieces := math.Inf(1)
	if l := readPlan(r.f.text)["layout"]; l != "" {
		pieces = readSum(l)[0].get("step", pieces)
	}
	for left, moves := 8, 3; r.st.Len() < r.f.n; {
		n := min(1+rng.IntN(most), r.f.n-r.st.Len())
		if moves > 0 && rng.IntN(3) == 0 {
			moves--
			err := r.move()
			if err == nil && moves != 1 {
				err = r.kill(rng, min(most, r.f.n-r.st.Len()))
			}
			if err != nil {
				return err
			}
			n = min(n, r.f.n-r.st.Len())
		}
		if left > 0 && rng.IntN(2) == 0 {
			left--
			old := r.st.Len()
			if err := r.feed(n); err != nil { // a step that will be taken back
				return err
			}
			to := rng.IntN(old + 1)
			err := r.st.Rewind(to)
			if errors.Is(err, seq.ErrRewind) {
				err = r.st.Rewind(old) // the start of the last step is always there
			}
			if errors.Is(err, seq.ErrRewind) && float64(n) > pieces {
				err = r.st.Rewind(0) // unless a ring has taken it in pieces
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := r.step(n); err != nil {
			return err
		}
	}
	return nil
}

// kill goes on in the same memory with a state that was set from an outline, made before other rows came than those that will. Where rows are
// moved or overwritten, the memory may not be that of the outline any more, and all begins anew; elsewhere it must be.
func (r *runner) kill(rng *rand.Rand, most int) error {
	var file bytes.Buffer
	to := seq.OutlineTo(&file)
	if r.st.(seq.Imager).Image(to); to.Err() != nil {
		return to.Err()
	}
	old := r.st.Len()
	if n := rng.IntN(most + 1); n > 0 {
		if err := r.feed(n); err != nil {
			return err
		}
	}
	r.given = 0
	st, err := r.c.NewState(&r.env)
	if r.given = -1; err != nil {
		return err
	}
	from := seq.OutlineFrom(&file)
	st.(seq.Imager).Image(from)
	r.st = st
	if !errors.Is(from.Err(), seq.ErrImage) {
		if st.Len() != old {
			err = fmt.Errorf("%d rows of %d are left", st.Len(), old)
		}
		return errors.Join(err, from.Err())
	}
	if !regexp.MustCompile(`group=|keep=|ring\(`).MatchString(r.f.text) {
		return fmt.Errorf("killed after row %d: %w", old, from.Err())
	}
	r.held = nil
	r.st, err = r.c.NewState(&r.env)
	return err
}

// TestOutlineRewinds: a ring that was set from an outline knows which of its rows those that came behind the outline have overwritten.
func TestOutlineRewinds(t *testing.T) {
	for _, text := range []string{"span=window(30) layout=ring", "span=sinks(3)+window(90) layout=ring", "span=[full,window(30)] layout=mixed"} {
		f := newFixture(t, text, Shape{Heads: 4, KVHeads: 2, Dim: 16}, 400, 1)
		whole := f.runner(t, f.n, 40)
		if err := whole.all(steps{40}.cut(f.n)); err != nil {
			t.Fatal(err)
		}
		gone := 0
		for old := 150; old < 360; old += 5 {
			for _, by := range []int{1, 20, 40, 60, 80} {
				r := f.runner(t, f.n, 40)
				if err := r.all(steps{40}.cut(old)); err != nil {
					t.Fatal(err)
				}
				if err := r.kill(rand.New(rand.NewPCG(uint64(old), uint64(by))), 40); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				err := r.st.Rewind(old - by)
				if errors.Is(err, seq.ErrRewind) {
					gone++
					continue
				}
				if err == nil {
					err = r.all(steps{40}.cut(by))
				}
				if err != nil {
					t.Fatal(err)
				}
				n := old * f.shape.Heads * f.shape.VDim
				if err := sameBits(r.out[:n], whole.out[:n]); err != nil {
					t.Fatalf("%s: killed after row %d and gone back by %d: %v", text, old, by, err)
				}
			}
		}
		if gone == 0 {
			t.Errorf("%s: rows were never gone", text)
		}
	}
}

// move goes on with a state that was set from the image of the one so far.
func (r *runner) move() error {
	r.held = nil
	var file bytes.Buffer
	to := seq.ImageTo(&file)
	if r.st.(seq.Imager).Image(to); to.Err() != nil {
		return to.Err()
	}
	st, err := r.c.NewState(&r.env)
	if err != nil {
		return err
	}
	from := seq.ImageFrom(&file)
	st.(seq.Imager).Image(from)
	if file.Len() > 0 {
		err = fmt.Errorf("%d bytes of an image are left", file.Len())
	}
	r.st = st
	return errors.Join(err, from.Err())
}

// TestShapes: heads of the widths and groups that models have, against the oracle. TestLongShapes has all three plans with each.
func TestShapes(t *testing.T) {
	t.Parallel()
	shapes(t, 1)
}

// shapes takes each width and group with so many of the plans, in turns, so that all widths and all groups meet all plans.
func shapes(t *testing.T, plans int) {
	texts := []string{
		"span=full pos=rope(base=500000)+llama3(factor=8,orig=64) kv=f16",
		"span=sinks(4)+window(40) pos=rope(base=1000000) key=f32 value=f16 layout=ring",
		"span=window(64) pos=rope(base=10000,dims=32) kv=f32",
	}
	i := 0
	for d, dim := range []int{64, 96, 128, 256} {
		for g, group := range []int{1, 3, 4} {
			for n := range plans {
				if i++; testing.Short() && i%5 != 0 {
					continue
				}
				f := newFixture(t, texts[(d+g+n)%3], Shape{Heads: 2 * group, KVHeads: 2, Dim: dim}, 150, uint64(i))
				f.withScore(float32(i/2%3*20), i%4 == 0)
				f.everyWay(t, i, f.oracle(t))
			}
		}
	}
}

// TestBlocks: rows beyond one block of tiles, and more blocks than are shared out at once.
func TestBlocks(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		text string
		sh   Shape
	}{
		{"span=full kv=f32", Shape{Heads: 3, KVHeads: 1, Dim: 8, VDim: 16}},
		{"span=sinks(3)+window(700) pos=rope layout=ring", Shape{Heads: 4, KVHeads: 2, Dim: 8, VDim: 16}},
		{"span=[full,window(5),sinks(600),window(600)] kv=f32", Shape{Heads: 4, KVHeads: 4, Dim: 4, VDim: 16}},
		{"span=full key=f32", Shape{Heads: 64, KVHeads: 64, Dim: 2, VDim: 16}}, // 192 blocks
	} {
		if testing.Short() && i > 1 {
			continue
		}
		f := newFixture(t, c.text, c.sh, 1100, 5).withScore(0, i%2 == 0)
		f.everyWay(t, i, f.oracle(t))
	}
}

// TestPool: real workers give the bits of one.
func TestPool(t *testing.T) {
	f := newFixture(t, "span=full pos=rope", Shape{Heads: 6, KVHeads: 2, Dim: 64}, 700, 1)
	var want []float32
	for _, cut := range []steps{{700}, {650, 1}} {
		want = f.byWorkers(t, cut, want)
	}
}

// TestCancelled: a pass that stops leaves a state that goes back to the step's start and on from there.
func TestCancelled(t *testing.T) {
	for _, text := range []string{"span=full", "span=window(30) layout=ring", "span=sinks(70)+window(64) layout=ring"} {
		f := newFixture(t, text, Shape{Heads: 3, KVHeads: 1, Dim: 16}, 500, 1)
		want := f.runner(t, 500, 50)
		if err := want.all(steps{50}.cut(500)); err != nil {
			t.Fatal(err)
		}
		r := f.runner(t, 500, 50)
		for r.st.Len() < 500 {
			at := r.st.Len()
			ctx, cancel := context.WithCancel(context.Background())
			pool := par.NewPool(2)
			team, leave := pool.Pass(ctx)
			r.team = team
			cancel()
			if err := r.feed(50); !errors.Is(err, context.Canceled) {
				t.Fatal("a cancelled pass returned", err)
			}
			leave()
			pool.Close()
			if err := r.st.Rewind(at); err != nil {
				t.Fatal(err)
			}
			r.team = par.Serial()
			if err := r.step(50); err != nil {
				t.Fatal(err)
			}
		}
		if err := sameBits(r.out, want.out); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestManyHeads: more KV heads than results fit the scratch of a step of few rows.
func TestManyHeads(t *testing.T) {
	for _, c := range []struct{ heads, dim, n int }{{64, 128, 32}, {160, 32, 1}, {16, 128, 32}} {
		f := newFixture(t, "kv=f16", Shape{Heads: c.heads, KVHeads: c.heads, Dim: c.dim}, c.n+1, 1)
		chunk, single := f.runner(t, 2048, 64), f.runner(t, 2048, 64)
		if err := chunk.all([]int{1, c.n}); err != nil {
			t.Fatal(err)
		}
		for range c.n + 1 {
			if err := single.step(1); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(chunk.out, single.out) {
			t.Errorf("%d heads of %d: %d rows at once give other results than one by one", c.heads, c.dim, c.n)
		}
	}
}
