package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
)

// benchCell is one thing that is measured: with which plan, after how many tokens, reading or generating.
type benchCell struct {
	plan, depth int // indices
	gen         bool
}

// benchRun is one run of `bench`.
type benchRun struct {
	a      *app
	o      *benchFlags
	models []*benchModel // one for each plan
	cells  []benchCell   // in the order of the rows
	tps    [][]float64   // [cells, repetitions so far]
	tokens []int32       // of no meaning: no step depends on what they are, [most that are read at once]
	facts  []benchFacts  // [cells], of the last repetition

	measured func(cell int) // told of every measurement; nil: nobody is
}

// benchModel is a model with one plan, and its sessions.
type benchModel struct {
	*godwit.Model
	edits    string
	sessions []*godwit.Session // [depths]; nil: not begun, or closed
}

// benchFacts are what a row tells beside times.
type benchFacts struct {
	hash        string
	weightBytes int64
}

// open opens the model once for each plan; the pages of the file are shared.
func (b *benchRun) open(ctx context.Context, path string) error {
	for _, edits := range b.o.edits(b.a.plan) {
		m, err := b.a.openPlan(path, edits)
		if b.o.plans != "" && errors.Is(err, attention.ErrCompose) {
			return usage("--plans: %w", err)
		}
		if err != nil {
			return err
		}
		b.models = append(b.models, &benchModel{Model: m, edits: edits, sessions: make([]*godwit.Session, len(b.o.depths))})
	}
	b.tokens = make([]int32, max(slices.Max(b.o.depths), b.o.prompt, b.o.gen))
	for i := range b.tokens {
		b.tokens[i] = int32((i*7919 + 11) % b.models[0].Info().Vocab)
	}
	b.cells = b.o.cells(len(b.models))
	b.tps = make([][]float64, len(b.cells))
	b.facts = make([]benchFacts, len(b.cells))
	return ctx.Err()
}

// cells lists what is measured, in the order of the rows.
func (f *benchFlags) cells(plans int) (cells []benchCell) {
	for d := range f.depths {
		for p := range plans {
			if f.prompt > 0 {
				cells = append(cells, benchCell{plan: p, depth: d})
			}
			if f.gen > 0 {
				cells = append(cells, benchCell{plan: p, depth: d, gen: true})
			}
		}
	}
	return cells
}

func (b *benchRun) close() {
	for _, m := range b.models {
		for d := range m.sessions {
			m.end(d)
		}
		m.Close()
	}
}

// end closes the session of a depth.
func (m *benchModel) end(depth int) {
	if s := m.sessions[depth]; s != nil {
		s.Close()
		m.sessions[depth] = nil
	}
}

// run measures every cell once, then every one again.
func (b *benchRun) run(ctx context.Context) error {
	for rep := range b.o.reps {
		for i, c := range b.cells {
			tps, err := b.measure(ctx, i, b.label(rep, c))
			if err != nil {
				return err
			}
			b.tps[i] = append(b.tps[i], tps)
			if b.measured != nil {
				b.measured(i)
			}
			if last := i+1 == len(b.cells) || b.cells[i+1].depth != c.depth; last && b.o.reps == 1 {
				for _, m := range b.models { // nothing comes back to these
					m.end(c.depth)
				}
			}
		}
	}
	return nil
}

// label is what a progress bar says of a measurement.
func (b *benchRun) label(rep int, c benchCell) string {
	text := fmt.Sprintf("%d of %d, depth %d", rep+1, b.o.reps, b.o.depths[c.depth])
	if b.o.plans != "" {
		text += ", " + planName(b.models[c.plan].edits)
	}
	return text
}

// session returns a cell's session with as many tokens in it as its depth; it computes again what a ring no longer holds.
func (b *benchRun) session(ctx context.Context, c benchCell, label string) (*godwit.Session, error) {
	m, depth := b.models[c.plan], b.o.depths[c.depth]
	s := m.sessions[c.depth]
	if s == nil {
		o := b.a.sessionOptions()
		if o.Context == 0 {
			o.Context = depth + max(b.o.prompt, b.o.gen)
		}
		var err error
		if s, err = m.NewSession(o); err != nil {
			return nil, err
		}
		m.sessions[c.depth] = s
	}
	bar := b.a.bar(label+": filling the cache", false)
	defer bar.done()
	if s.Len() == 0 {
		return s, s.Feed(ctx, b.tokens[:depth], bar.tokens)
	}
	return s, s.Rewind(ctx, depth, bar.tokens)
}

// measure takes a cell's tokens per second once.
func (b *benchRun) measure(ctx context.Context, i int, label string) (tps float64, err error) {
	c := b.cells[i]
	s, err := b.session(ctx, c, label)
	if err != nil {
		return 0, err
	}
	n := b.o.prompt
	step := func(bar *bar) error { return s.Feed(ctx, b.tokens[:n], bar.tokens) }
	kind := "reading"
	if c.gen {
		n, kind = b.o.gen, "generating"
		step = func(bar *bar) error {
			for i := range n {
				if err := s.Feed(ctx, b.tokens[i:i+1], nil); err != nil {
					return err
				}
				bar.tokens(i+1, n)
			}
			return nil
		}
	}
	bar := b.a.bar(label+": "+kind, false)
	defer bar.done()
	start := time.Now()
	if err := step(bar); err != nil {
		return 0, err
	}
	took := time.Since(start)
	st := s.Stats()
	b.facts[i] = benchFacts{hash: st.LogitsHash, weightBytes: st.WeightBytes}
	return float64(n) / took.Seconds(), nil
}

// rows sums up the repetitions.
func (b *benchRun) rows(name string) []benchRow {
	rows := []benchRow{}
	for i, c := range b.cells {
		m, f, s := b.models[c.plan], b.facts[i], spreadOf(b.tps[i])
		r := benchRow{Model: name, Depth: b.o.depths[c.depth], TPS: s.max, TPSMedian: s.median, TPSMin: s.min, Reps: len(b.tps[i]),
			Threads: m.Threads(), Plan: m.Plan(), Edits: m.edits, Hash: f.hash}
		if c.gen {
			r.Gen, r.GBps = b.o.gen, s.max*float64(f.weightBytes)/1e9
		} else {
			r.Prompt = b.o.prompt
		}
		rows = append(rows, r)
	}
	return rows
}

// spread is the median and the ends of some measurements.
type spread struct{ min, median, max float64 }

// spreadOf takes at least one value; of an even number the median is the mean of the two in the middle.
func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return spread{v[0], (v[(n-1)/2] + v[n/2]) / 2, v[n-1]}
}

// short prints a number with three significant digits, or all those before the point.
func short(x float64) string {
	switch {
	case x >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}
