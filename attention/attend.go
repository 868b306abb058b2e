package attention

import (
	"math"

	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// The loop. A row's softmax is defined over tiles of 64 keys at fixed positions, in order, within blocks of 8 tiles that
// start from nothing and are merged in order. Threads, chunks, rings and rewinds change who computes a block and when,
// never what it is.

const (
	block    = 8       // tiles merged by log-sum-exp at once
	slimRows = 32      // query rows of one KV head up to which blocks, not query tiles, are shared out
	wave     = 128     // most blocks shared out at once
	waveSize = 1 << 18 // floats of their results, if that is 16 blocks or more: bounds the scratch at any depth
	few      = 8       // query rows up to which a tile is multiplied as it is stored
)

var minusInf = float32(math.Inf(-1))

// job is one step of one session. It is the team's task, in one of three phases.
type job struct {
	s       *state
	at      *seq.Step
	phase   phase
	out     []float32 // [N, Heads, VDim]
	q       []float32 // [N, Heads, Dim]
	k       []float32 // [N, KVHeads, Dim]
	v       []float32 // [N, KVHeads, VDim]
	turn    []float32 // [N, width] what each row's positions contribute, see turns
	width   int
	staged  []byte    // [tiles, KVHeads] near tiles of a large step; nil: they are in the ring
	stageAt int       // the first of them
	items   []item    // [wave] the blocks being shared out
	parts   []softmax // [wave] their results
	heads   []head    // [KVHeads]

	done    int      // the first tile that the step completes
	choices []uint64 // [KVHeads, rows that choose, words] what they have chosen
	words   int
	rated   []int32 // rows whose queries are multiplied with all keys by all workers, nil: by one. [≤ pickRows/group]
	rating  int     // their KV head
}

type phase int

const (
	storing  phase = iota // items are rows
	sealing               // items are (tile that became full, KV head)
	tiling                // items are (query tile, KV head), the last tile first
	blocking              // items are j.items
	summing               // items are (complete tile, KV head)
	picking               // items are (batch of rows that choose, KV head)
	listing               // items are rows
	rating                // items are tiles
)

// item is a block of one KV head.
type item struct{ head, block int }

// softmax is the state of some query rows' softmax.
type softmax struct {
	max []float32 // [rows] largest logit; −∞: none yet
	sum []float32 // [rows] Σ e^(logit − max)
	out []float32 // [rows, VDim] Σ e^(logit − max)·value
	f   []float32 // [rows] scratch: what out is to be multiplied with
}

// head is one KV head of a step of few rows.
type head struct {
	queries
	all softmax // the results so far
}

// queries are what keys are multiplied with.
type queries struct {
	q     []float32 // [rows, Dim] positions applied, scaled
	near  []float32 // [rows, Dim] the same for the near store's window; nil: q
	codes []int8    // [rows, padded Dim] the same quantised; nil: keys are not multiplied as integers
	meta  []i8.Meta // [rows, padded Dim/32]
}

// worker is the scratch of one worker. A tile's rows are its queries × the heads of the group.
type worker struct {
	queries
	s      []float32 // [rows, Tile] logits, then their exponentials
	bias   []float32 // [Width, Tile] what positions contribute to a query's biases
	key    []float32 // [Dim, Tile]
	val    []float32 // [Tile, VDim]
	one    []float32 // [Dim] a key that is normalised as it is read
	part   softmax   // of the block
	sum    softmax   // of the blocks so far
	row0   int       // the first query's row of the step
	far    sight     // what the queries see in the store of all rows
	near   sight     // what they see in the near store instead
	first  sight     // what of that they read as far rows
	*sight           // one of these, in the present tile
	ints             // of integer tiles
	picks            // of a selector
}

func (s *state) run(j job, at *seq.Step) error {
	c, sh := s.core, s.core.shape
	j.s, j.at = s, at
	j.items, j.parts, j.heads = s.job.items, s.job.parts, s.job.heads
	// What belongs to the caller is not kept beyond the step.
	defer func() { s.job = job{items: s.job.items, parts: s.job.parts, heads: s.job.heads} }()
	if c.pos != nil {
		j.width = c.turnWidth()
		j.turn = seq.Take[float32](at.Mem, at.N*j.width)
	}
	s.job = j
	s.extend(s.n + at.N)
	s.job.scratch()
	s.job.stage()
	if at.N < 8 {
		s.job.Do(0, 0, at.N) // less work than waking anyone
	} else if err := at.Team.Run(at.N, 32, &s.job); err != nil {
		return err
	}
	if at.Heads != nil {
		if err := s.job.tell(); err != nil {
			return err
		}
	}
	if err := s.job.seals(); err != nil {
		return err
	}
	if c.sel != nil {
		if err := s.job.choose(); err != nil {
			return err
		}
	}
	if at.N*c.group <= slimRows && (c.infused == nil || at.N <= c.height && c.infused.alike(at)) {
		if err := s.job.blocks(); err != nil {
			return err
		}
	} else {
		s.job.phase = tiling
		most := 0
		for h := range sh.KVHeads {
			most = max(most, s.job.queryTiles(h))
		}
		if err := at.Team.Run(most*sh.KVHeads, 1, &s.job); err != nil {
			return err
		}
	}
	s.job.unstage()
	return nil
}

// scratch takes every worker's memory.
func (j *job) scratch() {
	s, c, sh, mem := j.s, j.s.core, j.s.core.shape, j.at.Mem
	for len(s.work) < j.at.Team.Workers() {
		w := worker{far: sight{see: make([]view, c.height)}}
		if c.near != nil {
			w.near.see = make([]view, c.height)
		}
		if c.far != nil {
			w.first.see = make([]view, c.height)
		}
		s.work = append(s.work, w)
	}
	rows := min(c.height, j.at.N) * c.group
	for i := range s.work[:j.at.Team.Workers()] {
		w := &s.work[i]
		w.queries = j.takeQueries(rows)
		w.s = seq.Take[float32](mem, rows*Tile)
		if c.bias != nil {
			w.bias = seq.Take[float32](mem, c.bias.Width()*Tile)
		}
		w.key = seq.Take[float32](mem, sh.Dim*Tile)
		w.val = seq.Take[float32](mem, sh.VDim*Tile)
		if c.infused != nil {
			w.one = seq.Take[float32](mem, sh.Dim)
		}
		w.part = takeSoftmax(mem, rows, sh.VDim)
		w.sum = takeSoftmax(mem, rows, sh.VDim)
		if !j.at.Exact {
			w.ints = c.takeInts(mem, rows)
		}
		if c.sel != nil {
			j.takePicks(w)
		}
	}
}

func (j *job) takeQueries(rows int) (q queries) {
	c, mem := j.s.core, j.at.Mem
	q.q = seq.Take[float32](mem, rows*c.shape.Dim)
	if c.far != nil {
		q.near = seq.Take[float32](mem, rows*c.shape.Dim)
	}
	if c.keyInts != nil && !j.at.Exact {
		q.codes, q.meta = seq.Take[int8](mem, rows*c.padded()), i8.Metas(seq.Take[uint64](mem, rows*c.padded()/i8.Group))
	}
	return q
}

func takeSoftmax(mem *seq.Arena, rows, dim int) softmax {
	m := seq.Take[float32](mem, rows*(dim+3))
	return softmax{max: m[:rows], sum: m[rows : 2*rows], f: m[2*rows : 3*rows], out: m[3*rows:]}
}

// seals encodes the tiles that the step made full, where codecs encode whole tiles.
func (j *job) seals() error {
	c := j.s.core
	if c.keySeal == nil && c.valSeal == nil {
		return nil
	}
	j.phase = sealing
	return j.at.Team.Run((j.s.n/Tile-j.at.First/Tile)*c.shape.KVHeads, 1, j)
}

// blocks serves steps of few rows: the blocks of all heads are shared out, and their results merged in order.
func (j *job) blocks() error {
	c, sh, n := j.s.core, j.s.core.shape, j.at.N
	if j.heads == nil {
		most := c.blocksOf(j.s.maxLen)
		j.items, j.parts, j.heads = make([]item, 0, most), make([]softmax, most), make([]head, sh.KVHeads)
	}
	most := c.together(n, j.s.maxLen)
	for i := range most {
		j.parts[i] = takeSoftmax(j.at.Mem, n*c.group, sh.VDim)
	}
	w := &j.s.work[0]
	for h := range j.heads {
		j.heads[h] = head{j.takeQueries(n * c.group), takeSoftmax(j.at.Mem, n*c.group, sh.VDim)}
		c.begin(j.heads[h].all, h)
		j.load(&j.heads[h].queries, w, h, 0, n)
	}
	j.phase, j.items = blocking, j.items[:0]
	heads := sh.KVHeads // that see the same rows
	if len(c.layer.Span) > 1 || heads > most || c.sel != nil || !j.s.alike() {
		heads = 1 // one after the other
	}
	for h := 0; h < sh.KVHeads; h += heads {
		j.look(w, h, 0, n)
		for t := w.next(n, 0); t >= 0; t = w.next(n, (t/block+1)*block) {
			if len(j.items)+heads > most {
				if err := j.flush(); err != nil {
					return err
				}
				j.look(w, h, 0, n) // the worker was in use
			}
			for i := range heads { // as they lie in memory
				j.items = append(j.items, item{h + i, t / block})
			}
		}
	}
	if err := j.flush(); err != nil {
		return err
	}
	for h := range j.heads {
		j.finish(j.heads[h].all, h, 0)
	}
	return nil
}

// blocksOf is the most blocks of all heads that a session of maxLen rows shares out at once.
func (c *Core) blocksOf(maxLen int) int {
	return min(wave, (tiles(maxLen)+block-1)/block*c.shape.KVHeads)
}

// together is how many blocks a step of n rows shares out at once.
func (c *Core) together(n, maxLen int) int {
	return min(c.blocksOf(maxLen), max(16, waveSize/(n*c.group*(c.shape.VDim+3))))
}

// flush computes the items and merges their results.
func (j *job) flush() error {
	if err := j.at.Team.Run(len(j.items), 1, j); err != nil {
		return err
	}
	for i, it := range j.items {
		j.heads[it.head].all.merge(j.parts[i])
	}
	j.items = j.items[:0]
	return nil
}

// Do implements seq.Task.
func (j *job) Do(worker, lo, hi int) {
	sh := j.s.core.shape
	if j.phase == rating {
		j.exact(&j.s.work[worker], j.s.work[0].prod, j.rating, j.rated, lo, hi)
		return
	}
	for i := lo; i < hi; i++ {
		switch j.phase {
		case storing:
			j.store(&j.s.work[worker], i)
		case sealing:
			j.seal(&j.s.work[worker], j.at.First/Tile+i/sh.KVHeads, i%sh.KVHeads)
		case tiling:
			if head := i % sh.KVHeads; i/sh.KVHeads < j.queryTiles(head) {
				j.attend(&j.s.work[worker], head, j.queryTiles(head)-1-i/sh.KVHeads)
			}
		case blocking:
			w, it := &j.s.work[worker], j.items[i]
			j.look(w, it.head, 0, j.at.N)
			w.queries = j.heads[it.head].queries
			j.block(w, j.parts[i], it.head, j.at.N, w.next(j.at.N, it.block*block))
		case summing:
			j.sum(&j.s.work[worker], j.done+i/sh.KVHeads, i%sh.KVHeads)
		case picking:
			j.pick(&j.s.work[worker], i%sh.KVHeads, i/sh.KVHeads)
		case listing:
			for h, sel := range j.s.core.sel {
				if sel != nil && sel.turns() {
					j.turnsAway(&j.s.work[worker], i, h)
				}
			}
		}
	}
}

// queryTiles is the number of the step's query tiles of a KV head.
func (j *job) queryTiles(head int) int {
	height, before := j.height(head)
	return (before + j.at.N + height - 1) / height
}

// attend computes the i-th query tile of one KV head.
func (j *job) attend(w *worker, head, i int) {
	c := j.s.core
	height, before := j.height(head)
	r0 := max(0, i*height-before)
	n := min((i+1)*height-before, j.at.N) - r0
	rows := n * c.group
	all, part := w.sum.first(rows), w.part.first(rows)
	j.look(w, head, r0, n)
	j.load(&w.queries, w, head, r0, n)
	c.begin(all, head)
	for t := w.next(n, 0); t >= 0; {
		if j.at.Team.Err() != nil {
			return // Team.Run returns it
		}
		t = j.block(w, part, head, n, t)
		all.merge(part)
	}
	j.finish(all, head, r0)
}

// load copies n queries of a KV head from row r0 of the step on, applies their positions and scales them. w is scratch.
func (j *job) load(q *queries, w *worker, head, r0, n int) {
	c := j.s.core
	if c.far == nil {
		j.loadAt(q.q, w, head, r0, n, 0)
	} else {
		j.loadAt(q.q, w, head, r0, n, 2*c.pos.Width())
		if q.near != nil {
			j.loadAt(q.near, w, head, r0, n, 0)
		}
	}
	if q.codes != nil {
		c.quantize(q, w.row, n*c.group)
	}
}

// loadAt is load of queries at one of the positions of their rows, which begins at in their turns.
func (j *job) loadAt(q []float32, w *worker, head, r0, n, at int) {
	c, sh := j.s.core, j.s.core.shape
	width := c.group * sh.Dim
	for i := range n {
		dst := q[i*width:][:width]
		copy(dst, j.q[(r0+i)*sh.Heads*sh.Dim+head*width:])
		if c.pos != nil {
			for g := range c.group {
				c.pos.Apply(dst[g*sh.Dim:][:sh.Dim], j.turn[(r0+i)*j.width+at:])
			}
		}
		for g := 0; c.keyTurn != nil && g < c.group; g++ {
			own := dst[g*sh.Dim:][:sh.Dim]
			c.keyTurn.Meet(own, w.key[:copy(w.key, own)], head)
		}
		scale := w.part.f[:c.group]
		for g := range scale {
			scale[g] = c.scale
			if c.layer.Temp != nil {
				scale[g] *= c.layer.Temp.Factor(head*c.group+g, j.pos(r0+i))
			}
		}
		vec.ScaleRows(dst, scale, sh.Dim)
	}
}

// begin empties a softmax over all blocks of a KV head.
func (c *Core) begin(m softmax, head int) {
	m.clear()
	if sinks := c.layer.Score.Sinks; sinks != nil {
		for i := range m.max {
			m.max[i], m.sum[i] = sinks[head*c.group+i%c.group], 1
		}
	}
}

// block computes the softmax of n queries over the tiles of t's block, from t on, and returns the next tile.
func (j *job) block(w *worker, m softmax, head, n, t int) int {
	m.clear()
	for end := (t/block + 1) * block; t >= 0 && t < end; t = w.next(n, t+1) {
		if w.far.tile == t {
			key, value := j.s.tile(t, head)
			w.sight = &w.far
			j.tile(w, m, &j.s.core.coded, w.q, key, value, head, n, t)
		}
		if w.first.tile == t {
			key, value := j.s.nearTile(t, head)
			w.sight = &w.first
			j.tile(w, m, j.s.core.near, w.q, key, value, head, n, t)
		}
		if w.near.tile == t {
			key, value := j.s.nearTile(t, head)
			q := w.q
			if j.s.core.far != nil {
				q = w.queries.near
			}
			w.sight = &w.near
			j.tile(w, m, j.s.core.near, q, key, value, head, n, t)
		}
	}
	return t
}

// tile adds one tile of keys and values, which are multiplied with q.
func (j *job) tile(w *worker, m softmax, d *coded, q []float32, key, value []byte, head, n, t int) {
	c, sh, g := j.s.core, j.s.core.shape, j.s.core.group
	from, to, last := 0, n, Tile
	if w.full = w.all(t); !w.full {
		from, to, last = w.visit(n, t)
	}
	rows := (to - from) * g
	j.products(w, d, q, w.s[from*g*Tile:to*g*Tile], key, head, t, from*g, rows, last)
	if !w.full || c.layer.Score.Softcap != 0 || c.bias != nil {
		j.shape(w, head, from, to, t)
	}
	m.add(w.s, from*g, to*g, sh.VDim)
	if d.valInts != nil && !j.at.Exact {
		j.intValues(d, w, m, value, from, to, t)
		return
	}
	if d.valMul == nil || rows > few {
		d.value.Get(w.val, value, last)
		value = nil
	}
	if w.full {
		j.values(w, m, d, value, 0, n, 0, Tile)
		return
	}
	for i := from; i < to; {
		v := &w.see[i]
		lo, hi, e := v.lo, v.hi, i+1
		for lo == 0 && hi == Tile && !v.holes && e < to && w.see[e].lo == 0 && w.see[e].hi == Tile && !w.see[e].holes {
			e++
		}
		// Rows that a query does not see may hold anything, NaN too, so the product leaves them out.
		if v.holes {
			for _, r := range w.runs[v.next:v.end] {
				if int(r.Lo) >= (t+1)*Tile {
					break
				}
				j.values(w, m, d, value, i, e, max(int(r.Lo)-t*Tile, 0), min(int(r.Hi)-t*Tile, Tile))
			}
		} else {
			j.values(w, m, d, value, i, e, lo, hi)
		}
		i = e
	}
}

// shape turns the products of a tile's keys into the logits of queries [from, to).
func (j *job) shape(w *worker, head, from, to, t int) {
	c, g := j.s.core, j.s.core.group
	for i := from; i < to; i++ {
		v := &w.see[i]
		if w.full {
			v.lo, v.hi, v.holes = 0, Tile, false
		}
		if c.bias != nil && v.lo < v.hi {
			c.bias.Row(w.bias, j.placed(w.row0+i), j.s.marks(t)[v.lo:v.hi])
		}
		for r := i * g; r < (i+1)*g; r++ {
			row := w.s[r*Tile:][:Tile]
			if v.lo < v.hi {
				c.logits(row, v, w.bias, head*g+r-i*g)
			}
			if v.hi-v.lo < Tile || v.holes {
				w.mask(row, v, t)
			}
		}
	}
}

// values adds the weighted values of the tile's rows [lo, hi) to the results of queries [i, e). A nil tile is in w.val.
func (j *job) values(w *worker, m softmax, d *coded, tile []byte, i, e, lo, hi int) {
	g, dim := j.s.core.group, j.s.core.shape.VDim
	out, p := m.out[i*g*dim:], w.s[i*g*Tile+lo:]
	switch {
	case lo >= hi:
	case tile != nil:
		d.valMul.MulAdd(out, p, tile, lo, (e-i)*g, hi-lo, d.valDim, Tile, dim)
	default:
		vec.MulAdd(out, p, w.val[lo*dim:], (e-i)*g, hi-lo, d.valDim, Tile, dim, dim)
	}
}

func (m softmax) clear() {
	for i := range m.max {
		m.max[i] = minusInf
	}
	clear(m.sum)
	clear(m.out)
}

// first is the softmax of the first rows.
func (m softmax) first(rows int) softmax {
	dim := len(m.out) / len(m.max)
	return softmax{max: m.max[:rows], sum: m.sum[:rows], out: m.out[:rows*dim], f: m.f[:rows]}
}

// add takes the tile's logits of rows [from, to), all but their values: it turns them into exponentials.
func (m softmax) add(s []float32, from, to, dim int) {
	vec.SoftTile(s[from*Tile:], m.max[from:to], m.sum[from:to], m.f[from:to])
	vec.ScaleRows(m.out[from*dim:], m.f[from:to], dim)
}

// merge adds a block's softmax of the same rows.
func (m softmax) merge(b softmax) {
	for r, high := range b.max {
		high = max(high, m.max[r])
		shift := high
		if high == minusInf {
			shift = 0 // −∞ − −∞ is not a number
		}
		m.f[r], b.f[r] = m.max[r]-shift, b.max[r]-shift
		m.max[r] = high
	}
	vec.Exp(m.f, m.f)
	vec.Exp(b.f, b.f)
	dim := len(m.out) / len(m.max)
	for r, f := range b.f {
		if b.max[r] == minusInf && b.sum[r] == 0 {
			m.f[r] = 1 // the row saw nothing
			continue
		}
		m.sum[r] = float32(m.sum[r]*m.f[r]) + float32(b.sum[r]*f)
	}
	vec.ScaleRows(m.out, m.f, dim)
	for r, f := range b.f {
		if b.max[r] != minusInf || b.sum[r] != 0 {
			vec.Axpy(m.out[r*dim:][:dim], f, b.out[r*dim:])
		}
	}
}

// finish divides by the sums and writes the step's rows. A query that saw nothing gets zeros.
func (j *job) finish(all softmax, head, r0 int) {
	c, sh := j.s.core, j.s.core.shape
	for r, sum := range all.sum {
		i, h := r0+r/c.group, head*c.group+r%c.group
		dst, from := j.out[(i*sh.Heads+h)*sh.VDim:][:sh.VDim], all.out[r*sh.VDim:][:sh.VDim]
		if sum != 0 {
			all.f[0] = 1 / sum
			vec.ScaleRows(from, all.f[:1], sh.VDim)
		}
		if c.valTurn != nil {
			c.valTurn.Back(dst, from, head)
		} else {
			copy(dst, from)
		}
	}
}
