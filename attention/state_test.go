package attention

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// TestRingMemory: a ring's memory stops growing when the window is full, is what Bytes promised, and its results are
// those of the growing cache, which does grow.
func TestRingMemory(t *testing.T) {
	sh, rows := Shape{Heads: 3, KVHeads: 1, Dim: 16}, 2000
	for _, c := range []struct {
		span         string
		chunk, tiles int // tiles: those of first rows, and what window + chunk − 1 rows touch at most
	}{
		{"window(64)", 1, 2}, {"window(65)", 1, 2}, {"window(66)", 1, 3}, {"window(1)", 1, 1}, {"window(1)", 64, 2}, {"window(64)", 64, 3},
		{"window(512)", 32, 10}, {"window(512) layout=ring(step=64)", 300, 10}, {"window(65) layout=ring(step=24)", 64, 3}, {"window(66) layout=ring(step=1)", 9, 3},
		{"sinks(70)+window(64) layout=ring(step=64)", 64, 5}, {"sinks(4)+window(100)", 7, 4}, {"sinks(70)+window(64)", 1, 4}, {"sinks(4)", 1, 2},
	} {
		span, layout, ok := strings.Cut(c.span, " ")
		if !ok {
			layout = "layout=ring"
		}
		f := newFixture(t, "span="+span+" kv=f16 "+layout, sh, rows, 1)
		r := f.runner(t, rows, c.chunk)
		size := int64(c.tiles) * Tile * 2 * 16 * 2 // f16 keys and values of one head
		full := 0
		for r.st.Len() < rows {
			if err := r.step(min(c.chunk, rows-r.st.Len())); err != nil {
				t.Fatal(err)
			}
			if b := r.st.Bytes(); b > size {
				t.Fatalf("%s by %d: %d bytes after %d rows, want at most %d", c.span, c.chunk, b, r.st.Len(), size)
			} else if b == size && full == 0 {
				full = r.st.Len()
			}
		}
		if full == 0 || full > c.tiles*Tile+c.chunk {
			t.Errorf("%s by %d: %d bytes after %d rows, full at row %d; want %d", c.span, c.chunk, r.st.Bytes(), rows, full, size)
		}
		if b := r.c.Bytes(&seq.Env{MaxLen: rows, MaxChunk: c.chunk}); b != size || len(r.st.(*state).shelves[0].mem) != int(size) {
			t.Errorf("%s by %d: Bytes says %d, %d were taken, want %d", c.span, c.chunk, b, len(r.st.(*state).shelves[0].mem), size)
		}
		g := newFixture(t, "span="+span+" layout=grow kv=f16", sh, rows, 1).runner(t, rows, 100)
		if err := g.all(steps{100}.cut(rows)); err != nil {
			t.Fatal(err)
		}
		if err := sameBits(r.out, g.out); err != nil {
			t.Errorf("%s by %d: ring and grow differ: %v", c.span, c.chunk, err)
		}
		if b := g.st.Bytes(); b != int64((rows+Tile-1)/Tile*Tile*2*16*2) {
			t.Errorf("grow has %d bytes after %d rows", b, rows)
		}
	}
}

// TestRingRewind goes from every length of a session back to every row. The ring lets it where it holds the window of
// the next query, which is at least the last step, and says ErrRewind elsewhere, changing nothing.
func TestRingRewind(t *testing.T) {
	const rows, window, first, chunk, far = 560, 70, 66, 30, 10_000
	f := newFixture(t, fmt.Sprintf("span=sinks(%d)+window(%d) layout=ring", first, window), Shape{Heads: 1, KVHeads: 1, Dim: 4}, rows, 1)
	want := f.runner(t, far, rows)
	if err := want.all([]int{rows}); err != nil {
		t.Fatal(err)
	}
	// Two tiles are kept for good; 70 + 30 − 1 rows touch at most three others.
	const keep, ring = 2, 3
	refused := 0
	for to := 0; to <= rows; to += 1 + to%3 {
		r := f.runner(t, far, chunk)
		if err := r.all(steps{chunk}.cut(rows)); err != nil {
			t.Fatal(err)
		}
		err := r.st.Rewind(to)
		oldest := ((rows-1)/Tile - ring + 1) * Tile // first row of the ring
		need := max(to-window+1, keep*Tile)         // first row beyond the kept ones that the query at to sees
		if held := to <= keep*Tile || need >= oldest; held != (err == nil) || err != nil && !errors.Is(err, seq.ErrRewind) {
			t.Fatalf("rewind from %d to %d, where rows from %d are needed and those from %d held: %v", rows, to, need, oldest, err)
		}
		if err != nil {
			if refused++; to >= rows-chunk {
				t.Errorf("the last step cannot be taken back to %d", to)
			}
			if r.st.Len() != rows {
				t.Fatalf("a refused rewind left %d rows of %d", r.st.Len(), rows)
			}
			continue
		}
		clear(r.out[to*4:])
		if err := r.all(steps{13}.cut(rows - to)); err != nil {
			t.Fatal(err)
		}
		if err := sameBits(r.out, want.out); err != nil {
			t.Fatalf("after a rewind to %d: %v", to, err)
		}
	}
	if refused < 50 {
		t.Errorf("only %d rewinds were refused", refused)
	}
	r := f.runner(t, far, chunk)
	for _, n := range []int{-1, 1} {
		if err := r.st.Rewind(n); err == nil || errors.Is(err, seq.ErrRewind) {
			t.Errorf("a rewind of an empty state to %d: %v", n, err)
		}
	}
}

// TestNotNumbers: NaN and infinities reach what sees them, as Core.Run documents, and nothing else.
func TestNotNumbers(t *testing.T) {
	const rows, bad = 300, 10
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	sh := Shape{Heads: 2, KVHeads: 1, Dim: 8}
	for _, text := range []string{"span=full", "span=window(24) layout=ring", "span=sinks(4)+window(24) layout=ring kv=f32", "span=sinks(12)+window(3) pos=rope",
		"span=full kv=q8_0", "span=window(24) layout=ring kv=q4 near=none", "span=sinks(12)+window(3) pos=rope kv=q8_0"} {
		f := newFixture(t, text, sh, rows, 1)
		_, spoils := f.integers()
		clean := f.runner(t, rows, 40)
		if err := clean.all(steps{40}.cut(rows)); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			what string
			x    []float32
			at   int
			v    float32
		}{
			{"NaN in a value", f.v, bad*sh.Dim + 3, nan}, {"∞ in a value", f.v, bad*sh.Dim + 3, inf}, {"−∞ in a value", f.v, bad*sh.Dim + 3, -inf},
			{"NaN in a key", f.k, bad * sh.Dim, nan}, {"∞ in a key", f.k, bad * sh.Dim, inf},
			{"NaN in a query", f.q, bad * 2 * sh.Dim, nan}, {"∞ in a query", f.q, bad * 2 * sh.Dim, inf},
		} {
			old := c.x[c.at]
			var first []float32
			for _, chunk := range []int{40, 1, 64} {
				c.x[c.at] = c.v
				r := f.runner(t, rows, chunk)
				if err := r.all(steps{chunk}.cut(rows)); err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = r.out
				}
				sees := f.sees(0)
				for i, x := range r.out {
					row, head, dim := i/(2*sh.Dim), i/sh.Dim%2, i%sh.Dim
					hit := row >= bad && sees(row, bad) && (dim == 3 || spoils || !strings.Contains(c.what, "value"))
					if strings.Contains(c.what, "query") {
						hit = row == bad && head == 0
					}
					switch {
					case !hit && math.Float32bits(x) != math.Float32bits(clean.out[i]):
						t.Fatalf("%s, %s: row %d, which does not see it, has %v, want %v", text, c.what, row, x, clean.out[i])
					case hit && math.IsNaN(float64(c.v)) && x == x:
						t.Fatalf("%s, %s: row %d, head %d, which sees it, has %v", text, c.what, row, head, x)
					case hit && strings.Contains(c.what, "value") && x-x == 0:
						t.Fatalf("%s, %s: row %d, head %d, which sees it, has %v", text, c.what, row, head, x)
					case (x == x) != (first[i] == first[i]) || x == x && x != first[i]:
						t.Fatalf("%s, %s: row %d is %v in steps of %d, %v in others", text, c.what, row, x, chunk, first[i])
					}
				}
				// A rewind forgets it.
				c.x[c.at] = old
				r = f.runner(t, rows, chunk)
				if err := r.all(steps{chunk}.cut(bad)); err != nil {
					t.Fatal(err)
				}
				c.x[c.at] = c.v
				if err := r.step(1); err != nil {
					t.Fatal(err)
				}
				c.x[c.at] = old
				if err := r.st.Rewind(bad); err != nil {
					t.Fatal(err)
				}
				if err := r.all(steps{chunk}.cut(rows - bad)); err != nil {
					t.Fatal(err)
				}
				if err := sameBits(r.out, clean.out); err != nil {
					t.Fatalf("%s, %s, after a rewind: %v", text, c.what, err)
				}
			}
		}
	}
}

// TestLargeInF16: what f16 cannot hold is infinity, as Core.Run documents, and 65,519 is not.
func TestLargeInF16(t *testing.T) {
	for x, want := range map[float32]float32{65519: 65504, 65520: float32(math.Inf(1)), -1e9: float32(math.Inf(-1))} {
		f := newFixture(t, "kv=f16", Shape{Heads: 1, KVHeads: 1, Dim: 1}, 1, 1)
		f.v[0] = x
		r := f.runner(t, 1, 1)
		if err := r.step(1); err != nil || r.out[0] != want {
			t.Errorf("%v comes back as %v, want %v (%v)", x, r.out[0], want, err)
		}
	}
}

// TestUnseen: a query that sees nothing gets zeros, with and without a sink logit.
func TestUnseen(t *testing.T) {
	for _, sinks := range []bool{false, true} {
		f := newFixture(t, "span=sinks(3) layout=ring", Shape{Heads: 1, KVHeads: 1, Dim: 2}, 5, 1).withScore(0, sinks)
		f.layer.Span = []Span{nothing{}}
		r := f.runner(t, 5, 5)
		if err := r.all([]int{4, 1}); err != nil {
			t.Fatal(err)
		}
		if err := sameBits(r.out, make([]float32, len(r.out))); err != nil {
			t.Error(err)
		}
	}
}

// nothing is a span that sees nothing.
type nothing struct{}

func (nothing) Sees(q, k seq.Pos) bool                      { return false }
func (nothing) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run { return dst }
func (nothing) Reach() (first, back seq.Pos)                { return 0, 0 }
func (nothing) String() string                              { return "nothing" }

// TestDecodeDoesNotAllocate: a token more costs no allocation, whatever the plan.
func TestDecodeDoesNotAllocate(t *testing.T) {
	pool := par.NewPool(2)
	defer pool.Close()
	team, leave := pool.Pass(context.Background())
	defer leave()
	i := 0
	for _, span := range spanTexts() {
		for _, pos := range posTexts() {
			if i++; i%11 != 0 {
				continue
			}
			text := fmt.Sprintf("span=%s pos=%s %s", span, pos, kvTexts()[i%len(kvTexts())])
			f := newFixture(t, text, Shape{Heads: 6, KVHeads: 2, Dim: 16}, 700, 1).withScore(float32(i%2), i%3 == 0)
			r := f.runner(t, 700, 64)
			r.team = []seq.Team{par.Serial(), team}[i%2]
			if err := r.all(steps{64}.cut(600)); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the arena and the lists of runs reach their size
				if err := r.step(1); err != nil {
					t.Fatal(err)
				}
			}
			if n := testing.AllocsPerRun(20, func() {
				if err := r.step(1); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s: %v allocations per token", text, n)
			}
		}
	}
}

// TestRefused: steps, sessions and shapes that are not possible are errors, and change nothing.
func TestRefused(t *testing.T) {
	sh := Shape{Heads: 2, KVHeads: 1, Dim: 4}
	f := newFixture(t, "span=window(9) layout=ring", sh, 20, 1)
	r := f.runner(t, 20, 5)
	for what, at := range map[string]seq.Step{
		"a gap": {First: 1, N: 1}, "a long step": {N: 6}, "short positions": {N: 2, Pos: []seq.Pos{0}},
	} {
		at.Team, at.Mem = par.Serial(), &r.mem
		if err := r.c.Run(r.out, f.q, f.k, f.v, r.st, &at); err == nil || r.st.Len() != 0 {
			t.Errorf("%s: %v, %d rows", what, err, r.st.Len())
		}
	}
	at := seq.Step{N: 2, Team: par.Serial(), Mem: &r.mem}
	for i := range 4 {
		in := [][]float32{r.out, f.q, f.k, f.v}
		in[i] = in[i][:3]
		if err := r.c.Run(in[0], in[1], in[2], in[3], r.st, &at); err == nil {
			t.Error("a short slice was taken")
		}
	}
	if err := r.c.Run(r.out, f.q, f.k, f.v, f.runner(t, 20, 5).st, &at); err == nil {
		t.Error("another layer's state was taken")
	}
	for _, env := range []seq.Env{{}, {MaxLen: -1}, {MaxLen: 1<<30 + 1}} {
		if _, err := r.c.NewState(&env); err == nil || r.c.Bytes(&env) != -1 {
			t.Errorf("%+v: %v", env, err)
		}
	}
	full := errors.New("no memory")
	env := seq.Env{MaxLen: 10, Alloc: func(int) ([]byte, error) { return nil, full }}
	if _, err := r.c.NewState(&env); !errors.Is(err, full) {
		t.Error(err)
	}
	for _, bad := range []Shape{{}, {Heads: 3, KVHeads: 2, Dim: 4}, {Heads: 1, KVHeads: 1}, {Heads: 1, KVHeads: 1, Dim: 1 << 20}, {Heads: -1, KVHeads: -1, Dim: 4}} {
		if err := f.layer.Check(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	nan := float32(math.NaN())
	for _, bad := range []Score{{Scale: nan}, {Softcap: nan}, {Softcap: -1}, {Sinks: []float32{1}}, {Sinks: []float32{nan, 1}}} {
		if err := (Layer{Score: bad}).Check(sh); !errors.Is(err, ErrCompose) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := (Layer{Span: []Span{Full{}, Full{}, Full{}}}).Check(sh); !errors.Is(err, ErrCompose) {
		t.Error("three spans for one head:", err)
	}
}
