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
	a       *app
	o       *benchFlags
	models  []*benchModel  // one for each plan
	cells   []benchCell    // in the order of the rows
	tps     [][]float64    // [cells, repetitions so far]
	ttft    [][]float64    // milliseconds, [cells, repetitions so far]
	peerTPS [][]float64    // [cells, repetitions so far]
	peerCPU [][]float64    // percent, [cells, repetitions so far]
	tokens  []int32        // of no meaning: no step depends on what they are, [most that are read at once]
	facts   []benchFacts   // [cells], of the last repetition
	meter   *limitMeter    // nil: no limits are measured
	beside  [][]limitRates // [cells, repetitions so far]; nothing without a meter

	measured func(cell int) // told of every measurement; nil: nobody is
}

// benchModel is a model with one plan, and its sessions.
type benchModel struct {
	*godwit.Model
	edits    string
	startup  time.Duration
	peer     *peer             // nil: none is compared
	sessions []*godwit.Session // [depths]; nil: not begun, or closed
}

// benchFacts are what a row tells beside times.
type benchFacts struct {
	godwit.Stats
	perToken godwit.Cost
}

// open opens the model once for each plan; the pages of the file are shared.
func (b *benchRun) open(ctx context.Context, path string) error {
	if b.a.threads == 0 { // the first opening measures how many; that is not start-up
		if m, err := b.a.openPlan(path, b.o.edits(b.a.plan)[0]); err == nil {
			m.Close()
		}
	}
	for _, edits := range b.o.edits(b.a.plan) {
		m := &benchModel{edits: edits, sessions: make([]*godwit.Session, len(b.o.depths))}
		err := b.ready(m, path)
		if m.Model != nil {
			b.models = append(b.models, m)
		}
		if b.o.plans != "" && errors.Is(err, attention.ErrCompose) {
			return usage("--plans: %w", err)
		}
		if err != nil {
			return err
		}
	}
	b.tokens = make([]int32, max(slices.Max(b.o.depths), b.o.prompt, b.o.gen))
	for i := range b.tokens {
		b.tokens[i] = int32((i*7919 + 11) % b.models[0].Info().Vocab)
	}
	b.cells = b.o.cells(len(b.models))
	b.tps, b.ttft = make([][]float64, len(b.cells)), make([][]float64, len(b.cells))
	b.peerCPU, b.beside = make([][]float64, len(b.cells)), make([][]limitRates, len(b.cells))
	b.peerTPS, b.facts = make([][]float64, len(b.cells)), make([]benchFacts, len(b.cells))
	if b.o.peer != "" {
		if err := b.startPeers(ctx, path); err != nil {
			return err
		}
	}
	for _, m := range b.models {
		if err := b.warm(ctx, m); err != nil {
			return err
		}
	}
	if !b.o.noLimits {
		var err error
		if b.meter, err = newLimitMeter(ctx, b.models[0].Threads()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ready opens a model up to where it could take text, and takes the time.
func (b *benchRun) ready(m *benchModel, path string) (err error) {
	start := time.Now()
	if m.Model, err = b.a.openPlan(path, m.edits); err != nil {
		return err
	}
	if _, err := m.Tokenizer(); err != nil && !errors.Is(err, godwit.ErrNoTokenizer) {
		return err
	}
	s, err := m.NewSession(b.options(slices.Max(b.o.depths)))
	if err != nil {
		return err
	}
	m.startup = time.Since(start)
	return s.Close()
}

// warm runs a model once untimed: the first passes read the file and touch memory.
func (b *benchRun) warm(ctx context.Context, m *benchModel) error {
	o := b.a.sessionOptions()
	o.Context = 17
	s, err := m.NewSession(o)
	if err != nil {
		return err
	}
	defer s.Close()
	bar := b.a.bar("warming up", false)
	defer bar.done()
	tokens := make([]int32, 16) // [tokens]
	if err := s.Feed(ctx, tokens, bar.tokens); err != nil {
		return err
	}
	return s.Feed(ctx, tokens[:1], nil)
}

// options are those of the session of a depth.
func (b *benchRun) options(depth int) godwit.SessionOptions {
	o := b.a.sessionOptions()
	if o.Context == 0 {
		o.Context = depth + max(b.o.prompt, b.o.gen)
	}
	return o
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
	if b.meter != nil {
		b.meter.close()
	}
	for _, m := range b.models {
		for d := range m.sessions {
			m.end(d)
		}
		if m.peer != nil {
			m.peer.close()
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

// run measures every cell once, then every one again. With a peer, which holds one context, so it goes for each depth by itself.
func (b *benchRun) run(ctx context.Context) error {
	parts := [][]int{nil}
	for i, c := range b.cells {
		if b.o.peer != "" && c.depth == len(parts) {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], i)
	}
	for _, part := range parts {
		for rep := range b.o.reps {
			for k, i := range part {
				if err := b.once(ctx, i, rep); err != nil {
					return err
				}
				d := b.cells[i].depth
				if last := k+1 == len(part) || b.cells[part[k+1]].depth != d; last && rep+1 == b.o.reps {
					for _, m := range b.models { // nothing comes back to these
						m.end(d)
					}
				}
			}
		}
	}
	return nil
}

// once measures a cell for the rep-th time, together with the peer if there is one.
func (b *benchRun) once(ctx context.Context, i, rep int) (err error) {
	label := b.label(rep, b.cells[i])
	if b.o.peer != "" {
		err = b.pair(ctx, i, rep, label)
	} else {
		err = b.measure(ctx, i, label)
	}
	if err == nil && b.measured != nil {
		b.measured(i)
	}
	return err
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
		var err error
		if s, err = m.NewSession(b.options(depth)); err != nil {
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

// measure takes a cell's times once, and the machine's limits right before and after it.
func (b *benchRun) measure(ctx context.Context, i int, label string) error {
	c := b.cells[i]
	s, err := b.session(ctx, c, label)
	if err != nil {
		return err
	}
	if b.meter == nil {
		return b.timed(ctx, i, s, label)
	}
	before, err := b.meter.beside(ctx)
	if err != nil {
		return err
	}
	if err := b.timed(ctx, i, s, label); err != nil {
		return err
	}
	after, err := b.meter.beside(ctx)
	b.beside[i] = append(b.beside[i], before.mean(after))
	return err
}

// timed takes a cell's times once, from its session as it stands.
func (b *benchRun) timed(ctx context.Context, i int, s *godwit.Session, label string) error {
	c := b.cells[i]
	m, depth, n := b.models[c.plan], b.o.depths[c.depth], b.o.prompt
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
		return err
	}
	took := time.Since(start)
	logits, err := s.Logits()
	if err != nil {
		return err
	}
	best := 0
	for i, x := range logits {
		if x > logits[best] {
			best = i
		}
	}
	ttft := time.Since(start)
	b.tps[i] = append(b.tps[i], float64(n)/took.Seconds())
	b.ttft[i] = append(b.ttft[i], 1e3*ttft.Seconds())
	b.facts[i] = benchFacts{Stats: s.Stats(), perToken: perToken(m.Model, depth, n, c.gen, b.a.exact)}
	for _, bytes := range []*int64{&b.facts[i].PeakRSS, &b.facts[i].Anon} { // 0 where the system does not tell
		*bytes = max(0, *bytes-b.meter.bytes())
	}
	return nil
}

// perToken is the mean cost of a token: read in one go, or each one alone.
func perToken(m *godwit.Model, depth, n int, gen, exact bool) (sum godwit.Cost) {
	if gen {
		for i := range n {
			sum.Add(m.Cost(depth+i, 1, exact))
		}
	} else {
		sum = m.Cost(depth, n, exact)
	}
	k := int64(n)
	return godwit.Cost{Weights: sum.Weights / k, Cache: sum.Cache / k, IntOps: sum.IntOps / k, FloatOps: sum.FloatOps / k}
}

// rows sums up the repetitions.
func (b *benchRun) rows(name string) []benchRow {
	rows := []benchRow{}
	for i, c := range b.cells {
		m, f, s := b.models[c.plan], b.facts[i], spreadOf(b.tps[i])
		r := benchRow{Model: name, Depth: b.o.depths[c.depth], TPS: s.max, TPSMedian: s.median, TPSMin: s.min, Reps: len(b.tps[i]),
			Threads: m.Threads(), ThreadsBy: string(m.ThreadsBy()), Plan: m.Plan(), Edits: m.edits, Hash: f.LogitsHash, Startup: 1e3 * m.startup.Seconds(),
			PeakRSS: f.PeakRSS, Anon: f.Anon, KV: f.KVBytes, Spilled: f.SpillWritten, Share: f.ReadShare(), Ops: s.median * float64(f.perToken.IntOps+f.perToken.FloatOps) / 1e9}
		if c.gen {
			r.Gen, r.GBps = b.o.gen, s.max*float64(f.WeightBytes)/1e9
			r.Read = s.median * float64(f.perToken.Weights+f.perToken.Cache) / 1e9
		} else {
			r.Prompt, r.TTFT = b.o.prompt, spreadOf(b.ttft[i]).median
		}
		if b.o.peer != "" {
			r.Peer = newBenchPeer(b.tps[i], b.peerTPS[i], b.peerCPU[i])
		}
		if b.meter != nil {
			read, ops := shares(b.beside[i], f.perToken, b.tps[i])
			if !c.gen {
				read = 0 // a chunk shares what it reads
			}
			r.ReadPart, r.OpsPart = &read, &ops
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
