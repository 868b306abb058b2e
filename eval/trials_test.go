package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/seq"
)

// TestHeadBound: heads that lose the least for what they save have less, as long as the sum, their number and what is read allow; the
// text is a plan.
func TestHeadBound(t *testing.T) {
	heads := []HeadTrial{{Layer: 1, Head: 0, KL: 0.05}, {Layer: 1, Head: 1, KL: 0.01}, {Layer: 2, Head: 0, KL: 0.03}, {Layer: 2, Head: 1, KL: -1e-9},
		{Layer: 4, Head: 0, KL: 0.2}, {Layer: 4, Head: 1, KL: 0.011}, {Layer: 5, Head: 0, KL: 0.3}, {Layer: 5, Head: 1, KL: 0.4}}
	for i := range heads {
		heads[i].Reads, heads[i].Saves = 1, 0.5
	}
	near := func(x, y float64) bool { return math.Abs(x-y) < 1e-12 }
	if loss, reads := (HeadBound{Loss: 0.1}).Give(heads); !near(loss, 0.051) || !near(reads, 0.75) {
		t.Errorf("%v nats, %v read", loss, reads)
	}
	w := HeadTrials{Less: HeadWindow{64}}
	want := "1,4: span=[full,sinks(4)+window(64)]; 2: span=sinks(4)+window(64)"
	if text := w.Edits(heads); text != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	p, err := attention.ParsePlan(w.Edits(heads), 6)
	if err != nil {
		t.Fatal(err)
	}
	if wide := p.WideLayers(); !slices.Equal(wide, []int{0, 1, 3, 4, 5}) {
		t.Errorf("layers %v see everything", wide)
	}
	given := func() (list []int) {
		for i, h := range heads {
			if h.Less {
				list = append(list, i)
			}
		}
		return list
	}
	all := math.Inf(1)
	for _, c := range []struct {
		HeadBound
		want  []int
		loss  float64
		reads float64
	}{
		{HeadBound{}, []int{3}, 0, 0.9375},
		{HeadBound{Loss: all, Heads: 2}, []int{1, 3}, 0.01, 0.875},
		{HeadBound{Loss: all, Reads: 0.82}, []int{1, 3, 5}, 0.021, 0.8125},
		{HeadBound{Loss: all, Reads: 0.1}, []int{0, 1, 2, 3, 4, 5, 6, 7}, 1.001, 0.5},
		{HeadBound{Loss: 0.35}, []int{0, 1, 2, 3, 4, 5}, 0.301, 0.625},
	} {
		loss, reads := c.Give(heads)
		if !near(loss, c.loss) || !near(reads, c.reads) || !slices.Equal(given(), c.want) {
			t.Errorf("%+v: %v nats, %v read, heads %v", c.HeadBound, loss, reads, given())
		}
	}
	// Who saves more comes first, although it loses more; who saves nothing gets nothing; and one that is too dear is passed over.
	heads = []HeadTrial{{KL: 0.02, Reads: 1, Saves: 0.9}, {KL: 0.01, Reads: 1, Saves: 0.1}, {KL: 0, Reads: 0.3}, {KL: 0.005, Reads: 1, Saves: 0.01}}
	if loss, reads := (HeadBound{Loss: 0.025}).Give(heads); !near(loss, 0.025) || !near(reads, (3.3-0.91)/4) || !slices.Equal(given(), []int{0, 3}) {
		t.Errorf("%v nats, %v read, heads %v", loss, reads, given())
	}
}

// TestPick: the first and the last tiles in any case, the largest of the others that the row sees, and so many at least.
func TestPick(t *testing.T) {
	shares := []float32{0, 0.1, 0.4, 0, 0.3, 0.1, 0.1}
	b := attention.Budget{P: 0.45, Sink: 1, Local: 2}
	tiles := func(set []bool) (list []int) {
		for i, is := range set {
			if is {
				list = append(list, i)
			}
		}
		return list
	}
	all := slices.Repeat([]bool{true}, 8)
	if got := tiles(pick(b, shares, all)); !slices.Equal(got, []int{0, 2, 6}) {
		t.Errorf("less than half of it: %v", got)
	}
	if b.Least = 3; !slices.Equal(tiles(pick(b, shares, all)), []int{0, 1, 2, 4, 6}) {
		t.Errorf("three at least: %v", tiles(pick(b, shares, all)))
	}
	b.Least, b.P, all[0], all[2] = 0, 0.6, false, false
	if got := tiles(pick(b, shares, all)); !slices.Equal(got, []int{4, 6}) {
		t.Errorf("of what it sees: %v", got)
	}
}

// late sees all up to a row, and from then on a window.
type late struct {
	from   seq.Pos
	window attention.Span
}

func (s late) Sees(q, k seq.Pos) bool { return q < s.from || s.window.Sees(q, k) }

func (s late) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	if q < s.from {
		return append(dst, seq.Run{Hi: hi})
	}
	return s.window.Runs(dst, q, hi)
}

func (s late) String() string { return "late" }

// byItself is a text that a model reads by a plan from its beginning.
type byItself struct {
	t    *testing.T
	text []int32
	plan string // edits
}

// logits returns those of rows from first on, and the tiles that were read and seen.
func (b byItself) logits(first int, edits string, change func(attention.Plan) (attention.Plan, error)) (rows [][]float32, read, seen int64) {
	b.t.Helper()
	m := tinyModel(b.t, 1, b.plan+";"+edits, change)
	s, err := m.NewSession(godwit.SessionOptions{Context: len(b.text), Exact: true})
	if err != nil {
		b.t.Fatal(err)
	}
	defer s.Close()
	err = s.Each(context.Background(), b.text[:len(b.text)-1], func(i int, logits []float32) error {
		if i >= first {
			rows = append(rows, slices.Clone(logits))
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	st := s.Stats()
	return rows, st.TilesRead, st.TilesSeen
}

// trialCase is what heads have less of, in which plan.
type trialCase struct {
	less   HeadLess
	plan   string
	layers []int
}

// from makes a plan by which a head has less from a row on.
func (c trialCase) from(head HeadTrial, row int) (edits string, change func(attention.Plan) (attention.Plan, error)) {
	switch less := c.less.(type) {
	case HeadChoices:
		less.Dense = row
		both := []string{"all", "all"}
		_, _, both[head.Head] = less.words()
		return fmt.Sprintf("%d: select=[%s,%s]", head.Layer, both[0], both[1]), nil
	case HeadWindow:
		return "", func(p attention.Plan) (attention.Plan, error) {
			p.Layers = slices.Clone(p.Layers)
			l := &p.Layers[head.Layer]
			l.Layout, l.Span = attention.Grow{}, []attention.Span{attention.Full{}, attention.Full{}}
			l.Span[head.Head] = late{seq.Pos(row), less.span()}
			return p, nil
		}
	}
	panic("neither")
}

// tiles returns the parts of the tiles that a head reads, and saves.
func (c trialCase) tiles(own byItself, head HeadTrial) (reads, saves float64) {
	past, n := 0.0, len(own.text)-1
	every, _ := c.less.rows()
	see := func(span attention.Span) (part float64) {
		past = 0
		for row := range n {
			from := row - row%every // the row that chooses
			past += float64(row/attention.Tile + 1)
			seen := map[int]bool{}
			for k := range from + 1 {
				if span.Sees(seq.Pos(from), seq.Pos(k)) {
					seen[k/attention.Tile] = true
				}
			}
			part += float64(len(seen))
		}
		return part / past
	}
	p, err := attention.ParsePlan(c.plan, 2)
	if err != nil {
		own.t.Fatal(err)
	}
	span := attention.Span(attention.Full{})
	if list := p.Layers[head.Layer].Span; len(list) > 0 {
		span = list[head.Head%len(list)]
	}
	reads = see(span)
	if w, ok := c.less.(HeadWindow); ok {
		return reads, reads - see(w.span())
	}
	edits, _ := c.from(head, c.less.(HeadChoices).Dense)
	_, less, seen := own.logits(n, edits, nil)
	_, all, _ := own.logits(n, fmt.Sprintf("%d: select=recycle(share=1,every=%d)", head.Layer, every), nil)
	if seen != 2*int64(past) {
		own.t.Errorf("%d tiles of two heads, not %v", seen, 2*past)
	}
	return reads, float64(all-less) / past
}

// TestHeadTrials: what a head is said to lose and to read is what a model loses and reads in which it alone has less from the same row on;
// the same at any number of threads. Choices are made within the windows of a plan, too.
func TestHeadTrials(t *testing.T) {
	const ctx, score = 900, 100
	ids := tinyTokens(t, ctx)
	text := slices.Concat(ids[:ctx-score/2], ids[ctx/2:][:score/2])
	for _, c := range []trialCase{
		{HeadWindow{64}, "", nil},
		{HeadChoices{P: 0.5, Every: 32, Dense: 64}, "0: span=[full,sinks(4)+window(500)]", []int{0, 1}},
		{HeadChoices{P: 0.7, Every: 8, Dense: 100}, "kv=f32", []int{1, 0}}, // the last trials change what the first heads ask for
	} {
		var heads []HeadTrial
		for threads := 2; threads > 0; threads-- {
			w := &HeadTrials{Context: ctx, Score: score, KVHeads: 2, Less: c.less, Layers: c.layers}
			m := tinyModel(t, threads, c.plan, w.Plan)
			done, total := 0, 0
			got, err := w.Run(context.Background(), m, ids, func(d, n int) {
				if d < done || total > 0 && n != total {
					t.Errorf("progress goes from %d of %d to %d of %d", done, total, d, n)
				}
				done, total = d, n
			})
			if err != nil {
				t.Fatal(err)
			}
			if done != total || len(got) != 4 || got[1].Head != 1 || got[2].Layer != 1-got[0].Layer {
				t.Errorf("%+v: %d of %d, %+v", c.less, done, total, got)
			}
			if heads == nil {
				heads = got
			}
			if !slices.Equal(heads, got) {
				t.Errorf("%+v, %d threads: %+v, then %+v", c.less, threads, heads, got)
			}
		}
		own := byItself{t, text, c.plan}
		every, _ := c.less.rows()
		first := ctx - 1 - score
		start := first - first%every
		dense, _, _ := own.logits(first, "", nil)
		for _, head := range heads[1:] {
			kl := 0.0
			for at := start; at < ctx-1; at += attention.Tile {
				edits, change := c.from(head, at)
				less, _, _ := own.logits(first, edits, change)
				for row := max(at, first); row < min(at+attention.Tile, ctx-1); row++ {
					kl += KL(dense[row-first], less[row-first]) / score
				}
			}
			if math.Abs(kl-head.KL) > 1e-8+1e-3*kl || kl < 1e-5 {
				t.Errorf("%+v, head %d of layer %d: %v, and by itself %v", c.less, head.Head, head.Layer, head.KL, kl)
			}
			reads, saves := c.tiles(own, head)
			if math.Abs(reads-head.Reads) > 1e-9 || math.Abs(saves-head.Saves) > 1e-9 || saves < 0.01 {
				t.Errorf("%+v, head %d of layer %d: reads %v, saves %v; by itself %v and %v", c.less, head.Head, head.Layer, head.Reads, head.Saves, reads, saves)
			}
		}
	}
}

// TestHeadTrialsErrors: who sees less than everything is left alone, and a plan, a text or heads may be missing.
func TestHeadTrialsErrors(t *testing.T) {
	ids := tinyTokens(t, 450)
	w := &HeadTrials{Context: 450, Score: 100, KVHeads: 2, Less: HeadWindow{64}}
	run := func(m *godwit.Model, ids []int32) error {
		_, err := w.Run(context.Background(), m, ids, nil)
		return err
	}
	if err := run(nil, ids); !errors.Is(err, ErrChanged) {
		t.Errorf("another plan: %v", err)
	}
	p, err := attention.ParsePlan("span=window(64); 1: span=strided(8)", 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Plan(p); err != nil || len(w.trials) != 0 {
		t.Errorf("%d heads, %v", len(w.trials), err)
	}
	if err := run(nil, ids); !errors.Is(err, ErrHeads) {
		t.Errorf("nothing to measure: %v", err)
	}
	m := tinyModel(t, 1, "", w.Plan)
	for what, spoil := range map[string]func(){
		"tokens":  func() { ids = ids[:449] },
		"score":   func() { w.Score = 1 },
		"part":    func() { w.Score = 113 },
		"windows": func() { w.Less = HeadWindow{226} },
		"dense":   func() { w.Less = HeadChoices{P: 0.5, Every: 8, Dense: 195} },
	} {
		before, all := *w, ids
		if spoil(); !errors.Is(run(m, ids), ErrShort) {
			t.Errorf("%s: %v", what, run(m, ids))
		}
		*w, ids = before, all
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = w.Run(ctx, m, ids, func(done, _ int) {
		if done > 349+64 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || w.trying || w.trials[0].on {
		t.Errorf("cancelled: %v", err)
	}
	if w.Less = nil; !errors.Is(func() error { _, err := w.Plan(p); return err }(), ErrChanged) {
		t.Error("nothing is tried")
	}
}
