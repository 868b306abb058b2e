package attention

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// foldTexts are the examples of every fold, and some with units and rings of other sizes.
func foldTexts() []string {
	return append(examples(&folds, "none"), "gist(r=1,sinks=0,window=3,chunk=2)", "gist(r=64,sinks=1,window=64,chunk=64)", "gist(r=5,sinks=300,window=64)", "gist(r=2,sinks=3,window=400)")
}

// rowsSpan sees what a fold's rows see, by a list of them that is made token by token.
type rowsSpan struct {
	g    Gist
	unit []int  // of each row; −1: a first token
	gist []bool // of each row
}

func newRowsSpan(g Gist, n int) *rowsSpan {
	s := &rowsSpan{g: g}
	for token, unit, in := 0, 0, 0; len(s.unit) < n; token++ {
		if token < g.Sinks {
			s.unit, s.gist = append(s.unit, -1), append(s.gist, false)
			continue
		}
		s.unit, s.gist = append(s.unit, unit), append(s.gist, false)
		if in++; in == g.R {
			s.unit, s.gist = append(s.unit, unit), append(s.gist, true)
			unit, in = unit+1, 0
		}
	}
	return s
}

func (s *rowsSpan) Sees(q, k seq.Pos) bool {
	return s.unit[k] < 0 || s.gist[k] || s.unit[k] >= s.unit[q]-s.g.Window/s.g.R
}

func (s *rowsSpan) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	for k := range hi {
		if s.Sees(q, k) {
			dst = append(dst, seq.Run{Lo: k, Hi: k + 1})
		}
	}
	return dst
}

func (s *rowsSpan) String() string { return s.g.String() }

// TestParted: a layer that drops tokens gives what one that keeps every row and masks it gives, by the oracle, with the same bits in any
// steps, by any workers and after rewinds; and holds no more rows than are to stay, those of its window and those of a step.
func TestParted(t *testing.T) {
	t.Parallel()
	const rows = 430
	shapes := []Shape{{Heads: 3, KVHeads: 1, Dim: 16}, {Heads: 2, KVHeads: 2, Dim: 32, VDim: 20}, {Heads: 4, KVHeads: 2, Dim: 16, VDim: 7}}
	poses, kvs := ownPosTexts(), keptTexts()
	i := 0
	for _, fold := range foldTexts() {
		if !strings.HasPrefix(fold, "gist") {
			continue
		}
		for range 5 {
			i++
			kv, pos := kvs[i*5%len(kvs)], poses[i*3%len(poses)]
			text := fmt.Sprintf("pos=%s %s%s fold=%s", pos, tempText(i), kv, fold)
			f := newFixture(t, text, shapes[i%3], rows, uint64(i)).withScore(float32(i/3%2*3), i%5 == 0)
			g := f.layer.Fold.(Gist)
			masked := *f
			masked.layer.Fold, masked.layer.Near, masked.layer.Span = nil, Nothing{}, []Span{newRowsSpan(g, rows)}
			masked.text = "span=rows " + text // which no oracle has a rule for, so that it asks the span
			want := masked.oracle(t)
			whole := f.runner(t, rows, rows)
			if err := whole.all([]int{rows}); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			err := f.close(whole.out, want)
			if keys, values := f.integers(); keys || values { // weights share scales with others of their slots, in the oracle with those of their rows
				err = differ(whole.out, want, 0.1)
			}
			if err != nil {
				t.Fatalf("%s, %v: %v", text, f.shape, err)
			}
			f.inChunks(t, i, whole, 1, 7, 64, 100)
			r := f.runner(t, rows, 40)
			if err := r.wander(rand.New(rand.NewPCG(uint64(i), 3)), min(40, r.c.Until(0))); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if err := sameBits(r.out, whole.out); err != nil {
				t.Fatalf("%s, after rewinds: %v", text, err)
			}
			units := (rows - g.Sinks + g.R) / (g.R + 1)
			window := (g.Window/g.R + 1) * (g.R + 1)
			step := r.c.Until(0)
			for _, length := range []int{rows, 100_000} {
				s, err := r.c.size(&seq.Env{MaxLen: length, MaxChunk: 40})
				if err != nil {
					t.Fatal(err)
				}
				if length > rows {
					units = (length - g.Sinks + g.R) / (g.R + 1)
				}
				if most := g.Sinks + units + window + step; s.place.Slots() > tiles(most)+2 {
					t.Errorf("%s: %d tiles for %d rows, want at most %d rows", text, s.place.Slots(), length, most)
				}
				if ring, stay := r.c.fold.used(rows); ring+stay > g.Sinks+units+window+step {
					t.Errorf("%s: %d rows are held", text, ring+stay)
				}
			}
		}
	}
}

// TestPartedAll: when every row is one of the first tokens, results are those of a cache that keeps everything, bit for bit.
func TestPartedAll(t *testing.T) {
	sh := Shape{Heads: 4, KVHeads: 2, Dim: 16}
	for _, kv := range []string{"kv=f32", "kv=q8_0"} {
		f := newFixture(t, "pos=rope "+kv+" fold=gist(sinks=700)", sh, 700, 1)
		g := newFixture(t, "pos=rope "+kv, sh, 700, 1)
		a, b := f.runner(t, 5000, 700), g.runner(t, 700, 700)
		if err := errors.Join(a.all(steps{90}.cut(700)), b.all([]int{700})); err != nil {
			t.Fatal(err)
		}
		if err := sameBits(a.out, b.out); err != nil {
			t.Errorf("%s: %v", f.text, err)
		}
	}
}

// TestPartedRewinds: a rewind fails exactly when a token is needed that was overwritten, and after it everything is as before.
func TestPartedRewinds(t *testing.T) {
	f := newFixture(t, "pos=rope fold=gist(r=4,sinks=6,window=20,chunk=10)", Shape{Heads: 2, KVHeads: 1, Dim: 16}, 600, 1)
	whole := f.runner(t, 600, 600)
	if err := whole.all([]int{600}); err != nil {
		t.Fatal(err)
	}
	ring := whole.c.fold.ring
	failed, went := 0, 0
	for to := range 600 {
		r := f.runner(t, 600, 60)
		if err := r.all(steps{31}.cut(600)); err != nil {
			t.Fatal(err)
		}
		// Tokens behind the first: the query at row to sees those of its unit and of the five before it; the last ring of them are there.
		span, kept := newRowsSpan(f.layer.Fold.(Gist), 600), map[seq.Pos]bool{}
		for k, left := seq.Pos(599), ring; k >= 0 && left > 0; k-- {
			if span.unit[k] >= 0 && !span.gist[k] {
				kept[k], left = true, left-1
			}
		}
		lost := false
		for k := range seq.Pos(to) {
			lost = lost || span.unit[k] >= 0 && !span.gist[k] && !kept[k] && span.Sees(seq.Pos(to), k)
		}
		err := r.st.Rewind(to)
		if lost {
			failed++
		} else {
			went++
		}
		if lost != errors.Is(err, seq.ErrRewind) {
			t.Fatalf("to row %d: %v, lost: %v", to, err, lost)
		}
		if lost || to%7 != 0 {
			continue
		}
		if err := r.all(steps{17}.cut(600 - to)); err != nil {
			t.Fatal(err)
		}
		if err := sameBits(r.out, whole.out); err != nil {
			t.Fatalf("from row %d again: %v", to, err)
		}
	}
	if failed < 100 || went < 30 {
		t.Errorf("%d rewinds failed, %d did not", failed, went)
	}
}

// TestFoldings: rows, units and passes by counting.
func TestFoldings(t *testing.T) {
	for _, text := range foldTexts() {
		p, err := ParsePlan("fold="+text, 1)
		if err != nil {
			t.Fatal(err)
		}
		f := p.Layers[0].Fold.Folding()
		rows := []int{0}
		for n, held := 0, 0; n < 700; n++ {
			switch {
			case f.Drops && n%f.Unit == 0:
				held = f.Before
			case !f.Drops && n > f.First && (n-f.First)%f.Unit == 0:
				held += f.After
			}
			held++
			rows = append(rows, held)
			of := n + 1
			if f.Drops {
				of = n%f.Unit + 1
			}
			if got := f.Rows(of); got != held {
				t.Fatalf("%s: %d rows of %d tokens, want %d", text, got, n+1, held)
			}
			if most := f.MaxRows(n + 1); !f.Drops && most != held || f.Drops && most < slices.Max(rows)+f.After {
				t.Fatalf("%s: at most %d rows of %d tokens", text, most, n+1)
			}
		}
		for n := 1; n < 100 && !f.Drops; n++ {
			most := 0
			for from := range 500 {
				most = max(most, rows[from+n]-rows[from])
			}
			if got := f.StepRows(n); got < most || got > most+f.After {
				t.Fatalf("%s: a pass of %d tokens has %d rows, at most %d are possible", text, n, got, most)
			}
		}
		if again, err := ParsePlan(p.String(), 1); err != nil || again.String() != p.String() {
			t.Errorf("%s reads as %s, %v", p, again, err)
		}
	}
}
