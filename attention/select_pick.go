package attention

import (
	"math"
	"math/bits"
	"slices"

	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// The choice. A choice is a set of tiles, one bit each, of one row and KV head: those it reads, if the span sees them.

// pickRows is how many query rows are multiplied with vectors at once.
const pickRows = 48

// picks is a worker's scratch for choices.
type picks struct {
	bits    []uint64  // [2·words] tiles that one of the present queries has chosen, and those that all have
	ask     []float32 // [pickRows, width]
	rows    []float32 // [pickRows, Dim] queries
	prod    []float32 // [pickRows, vectors, panels·panel]
	share   []float32 // [panels·panel]
	order   []uint32  // [panels·panel] shares that are being sorted
	wide    []float32 // [width, panel]
	vectors []float32 // [vectors, width] of a tile
	halves  []uint16  // [vectors, width] the same
	seek    seek      // of a Finder
	pair    []float32 // [2, group·Dim] queries of a row and of that before
	half    []uint16  // [group·Dim]
	asked   queries   // what is being asked; here, so that it is not allocated
	of      Products  // likewise
	reads   int64     // of the step
	sees    int64     // of the step
}

// takePicks takes what a worker needs to choose from the tiles of the session so far.
func (j *job) takePicks(w *worker) {
	c, mem := j.s.core, j.at.Mem
	words, stride, ask := choiceWords(tiles(j.s.n)), j.stride(), c.asking(j.at.N)
	looked := w.seek.looked
	w.picks = picks{bits: seq.Take[uint64](mem, 2*words), rows: seq.Take[float32](mem, ask.rows*c.shape.Dim),
		prod: seq.Take[float32](mem, ask.products*stride), share: seq.Take[float32](mem, stride), order: seq.Take[uint32](mem, stride),
		vectors: seq.Take[float32](mem, ask.numbers), halves: seq.Take[uint16](mem, ask.numbers),
		ask: seq.Take[float32](mem, ask.wide), wide: seq.Take[float32](mem, ask.width*panel)}
	if n := c.group * c.shape.Dim; c.turns() {
		w.pair, w.half = seq.Take[float32](mem, 2*n), seq.Take[uint16](mem, n)
	}
	if c.finds() {
		w.seek = takeSeek(mem, c.group, stride, looked)
	}
}

// asking is what the scratch for choices has to hold for any of the KV heads.
type asking struct{ rows, products, numbers, wide, width int }

func (c *Core) asking(n int) (most asking) {
	for _, s := range c.sel {
		if s == nil {
			continue
		}
		rows := s.batch(n, c.group) * c.group
		most.rows, most.products = max(most.rows, rows), max(most.products, rows*s.products)
		most.numbers = max(most.numbers, s.vectors*s.width)
		most.wide, most.width = max(most.wide, rows*s.width), max(most.width, s.width)
	}
	return most
}

// stride is the number of tiles that have products.
func (j *job) stride() int { return panels(tiles(j.s.n)) * panel }

// batch is the number of rows of a step of n that are asked at once.
func (s *selection) batch(n, group int) int {
	return min(max(1, pickRows/group), s.choosing(n))
}

// choosing is how many choices a step of n rows makes at most.
func (s *selection) choosing(n int) int { return (n-1)/s.spacing() + 1 }

// shared is from how many rows with the same choice on query tiles go by choices.
const shared = 4

// height returns the number of queries of a query tile of a KV head, and how many rows before the step belong to its first one. Where so
// many rows share a choice that products are still long, it divides their number, and tiles lie as choices do, so that all queries of a
// tile read the same and nothing is masked. Other tiles begin with the step.
func (j *job) height(head int) (height, before int) {
	c := j.s.core
	if s := c.selects(head); s != nil && s.Every >= shared && !s.turns() {
		every := s.Every
		if j.at.First+j.at.N <= s.From {
			every = Tile
		}
		height = min(every, 1<<(bits.Len(uint(c.height))-1))
		return height, j.at.First % height
	}
	if c.infused != nil {
		return c.height, j.at.First % c.height
	}
	return c.height, 0
}

// choose computes what is known of the tiles that the step completes, and then what its rows read.
func (j *job) choose() error {
	c, heads := j.s.core, j.s.core.shape.KVHeads
	j.done = j.at.First / Tile
	if n := j.s.n/Tile - j.done; n > 0 {
		j.phase = summing
		if err := j.at.Team.Run(n*heads, 1, j); err != nil {
			return err
		}
	}
	j.words = choiceWords(tiles(j.s.n))
	j.choices = seq.Take[uint64](j.at.Mem, c.choosing(j.at.N)*j.words)
	if err := j.list(); err != nil {
		return err
	}
	batches, each := 0, 1 // of all heads, of the head with the most
	for h, s := range c.sel {
		if s != nil {
			most := s.batch(j.at.N, c.group)
			n := (len(j.s.choices[h].rows) + most - 1) / most
			batches, each = batches+n, max(each, n)
		}
	}
	j.phase = picking
	if batches < j.at.Team.Workers() {
		for h := range heads {
			if err := j.pickTogether(h); err != nil {
				return err
			}
		}
	} else if err := j.at.Team.Run(each*heads, 1, j); err != nil {
		return err
	}
	for i := range j.s.work[:j.at.Team.Workers()] {
		j.s.reads += j.s.work[i].reads
		j.s.sees += j.s.work[i].sees
	}
	j.remember()
	return nil
}

// rateTiles is how many tiles a worker multiplies on end with the queries of one batch.
const rateTiles = 64

// pickTogether makes a KV head's choices where there are fewer batches than workers: these share the tiles if the queries are multiplied with all keys,
// as one layer's only head that chooses does in a session of 1,000,000 rows, where it takes 0.2 ms a row.
func (j *job) pickTogether(head int) error {
	sel, w := j.s.core.sel[head], &j.s.work[0]
	if sel == nil {
		j.pick(w, head, 0)
		return nil
	}
	rows := j.s.choices[head].rows
	most := sel.batch(j.at.N, j.s.core.group)
	for batch := range max(1, (len(rows)+most-1)/most) {
		if sel.vectors == 0 {
			j.rated = rows[min(batch*most, len(rows)):min((batch+1)*most, len(rows))]
			if err := j.rate(head); err != nil {
				return err
			}
		}
		j.pick(w, head, batch)
	}
	j.rated = nil
	return nil
}

// rate multiplies the queries of the rated rows with all keys, unless none of them may leave something out.
func (j *job) rate(head int) error {
	sel := j.s.core.sel[head]
	if !slices.ContainsFunc(j.rated, func(q int32) bool {
		_, _, k := j.candidates(&j.s.work[0], sel, head, int(q))
		return k >= 0 && !sel.blind(int(q))
	}) {
		return nil
	}
	j.phase, j.rating = rating, head
	defer func() { j.phase = picking }()
	return j.at.Team.Run(int(j.rated[len(j.rated)-1])/Tile, rateTiles, j)
}

// choosing is how many choices a step of n rows makes at most.
func (c *Core) choosing(n int) (most int) {
	for _, s := range c.sel {
		if s != nil {
			most += s.choosing(n)
		}
	}
	return most
}

// choice returns what row q of the session reads of a KV head that has a selector.
func (j *job) choice(q, head int) []uint64 {
	k := &j.s.choices[head]
	if i := k.by[q-j.at.First]; i > 0 {
		return j.made(k, int(i)-1)
	}
	return k.old
}

// made returns the i-th choice of the step for a KV head.
func (j *job) made(k *choices, i int) []uint64 {
	return j.choices[(k.at+i)*j.words:][:choiceWords(int(k.rows[i])/Tile)]
}

// pick makes a batch of choices.
func (j *job) pick(w *worker, head, batch int) {
	c, sel := j.s.core, j.s.core.sel[head]
	if sel == nil {
		if batch == 0 {
			j.countAll(w, head)
		}
		return
	}
	h, most := &j.s.choices[head], sel.batch(j.at.N, c.group)
	if batch == 0 && h.by[0] == 0 {
		before := j.s.n
		if len(h.rows) > 0 {
			before = int(h.rows[0])
		}
		row := h.of[len(h.of)-1]
		j.candidates(w, sel, head, row)
		j.count(w, h.old, row, before-j.at.First)
	}
	rows := h.rows[min(batch*most, len(h.rows)):min((batch+1)*most, len(h.rows))]
	asked := j.rated != nil // most rows of a short session read all, and those that all workers have rated are asked
	for i, row := range rows {
		q, choice := int(row), j.made(h, batch*most+i)
		for k := range choice {
			choice[k] = math.MaxUint64
		}
		lo, hi, k := j.candidates(w, sel, head, q)
		if k >= 0 && sel.blind(q) {
			clearBits(choice, lo, hi)
		} else if k >= 0 {
			if !asked {
				j.ask(w, head, rows)
				asked = true
			}
			p := &w.of
			*p = Products{Group: c.group, Vectors: sel.products, Tiles: q / Tile, Head: head, Row: q, stride: j.stride()}
			p.x = w.prod[i*c.group*p.Vectors*p.stride:]
			share := w.share[:p.Tiles]
			clear(share)
			sel.Rate(share, p)
			if sel.finder != nil {
				j.find(w, sel, rows[i:i+1], lo, hi, k)
			}
			if sum := vec.Sum(share); sum-sum == 0 {
				w.keep(choice, share, lo, hi, k, sel)
			}
		}
		end := j.s.n
		if next := batch*most + i + 1; next < len(h.rows) {
			end = int(h.rows[next])
		}
		j.count(w, choice, q, end-q)
	}
}

// candidates returns which tiles [lo, hi) row q may leave out if the span sees them, and how many of those it reads; −1: all. The worker
// keeps what the row sees.
func (j *job) candidates(w *worker, sel *selection, head, q int) (lo, hi, k int) {
	c := j.s.core
	spans := c.layer.Span
	w.far.runs = spans[head%len(spans)].Runs(w.far.runs[:0], seq.Pos(q), seq.Pos(q+1))
	lo, hi = sel.Sink, q/Tile+1-sel.Local
	if q < sel.Dense || lo >= hi {
		return 0, 0, -1
	}
	seen := w.count(0, q/Tile+1)
	from := w.count(lo, hi)
	if k = sel.most(seen, seen-from); sel.blind(q) {
		k = 0
	}
	if k >= from && !sel.adapts() {
		return 0, 0, -1
	}
	return lo, hi, min(k, from)
}

// count returns how many of tiles [lo, hi) the row sees.
func (w *worker) count(lo, hi int) (n int) {
	for _, r := range w.far.runs {
		a, b := max(lo, int(r.Lo)/Tile), min(hi, tiles(int(r.Hi)))
		if b > a {
			n, lo = n+b-a, b
		}
	}
	return n
}

// count adds the choice of row q, by which so many rows go, to the statistics.
func (j *job) count(w *worker, choice []uint64, q, rows int) {
	w.sees += int64((q/Tile + 1) * rows)
	next := 0
	for _, r := range w.far.runs {
		lo, hi := max(next, int(r.Lo)/Tile), tiles(int(r.Hi))
		if lo >= hi {
			continue
		}
		next = hi
		for i := lo / 64; i*64 < hi; i++ {
			b := choice[i]
			if i == lo/64 {
				b &= math.MaxUint64 << (lo % 64)
			}
			if hi < i*64+64 {
				b &= 1<<(hi%64) - 1
			}
			w.reads += int64(bits.OnesCount64(b) * rows)
		}
	}
}

// countAll adds the step's rows of a KV head without a selector, which read all that they see.
func (j *job) countAll(w *worker, head int) {
	spans := j.s.core.layer.Span
	for q := j.at.First; q < j.s.n; q++ {
		w.far.runs = spans[head%len(spans)].Runs(w.far.runs[:0], seq.Pos(q), seq.Pos(q+1))
		n := int64(w.count(0, q/Tile+1))
		w.reads, w.sees = w.reads+n, w.sees+int64(q/Tile+1)
	}
}

// ask multiplies the queries of rows of the session that choose with the vectors of all tiles before the last one's.
func (j *job) ask(w *worker, head int, choose []int32) {
	c, sel := j.s.core, j.s.core.sel[head]
	dim, stride, vectors := c.shape.Dim, j.stride(), sel.vectors
	rows, last := len(choose)*c.group, int(choose[len(choose)-1])/Tile
	if sel.vectors == 0 {
		j.exact(w, w.prod, head, choose, 0, last)
		return
	}
	for i, q := range choose {
		w.asked = queries{q: w.rows[i*c.group*dim:]}
		j.load(&w.asked, w, head, int(q)-j.at.First, 1)
	}
	clear(w.prod[:rows*vectors*stride])
	for r := range rows {
		sel.Ask(w.ask[r*sel.width:][:sel.width], w.rows[r*dim:][:dim])
	}
	for p := range (last + panel - 1) / panel {
		for v := range sel.vectors {
			half := j.s.vectorsOf(p, head, v)
			prod := w.prod[v*stride+p*panel:]
			if rows <= few {
				vec.MulAddF16(prod, w.ask, half, rows, sel.width, panel, sel.width, panel, vectors*stride)
				continue
			}
			vec.F16ToF32(w.wide, half)
			vec.MulAdd(prod, w.ask, w.wide, rows, sel.width, panel, sel.width, panel, vectors*stride)
		}
	}
}

// exact computes the largest logit m of each of tiles [lo, hi), and the sum of e^(logit − m), in prods[rows, 2, stride].
func (j *job) exact(w *worker, prods []float32, head int, choose []int32, lo, hi int) {
	stride, g := j.stride(), j.s.core.group
	j.loadFor(w, head, choose)
	m := w.part.first(len(choose) * g)
	// What a bounded span does not see may be gone; a tile between has no logits.
	reach := j.s.core.reaches[head]
	for t := lo; t < hi; t++ {
		if !reach.tile(t, int(choose[0])) {
			for i := range m.sum {
				prod := prods[2*i*stride+t:]
				prod[0], prod[stride] = minusInf, 0
			}
			continue
		}
		j.sums(w, m, head, choose, t)
		for r, sum := range m.sum {
			prod := prods[2*r*stride+t:]
			if prod[0], prod[stride] = m.max[r], sum; !reach.tile(t, int(choose[r/g])) {
				prod[0], prod[stride] = minusInf, 0 // whoever is asked beside it
			}
		}
	}
}

// loadFor loads the queries of rows of the session that choose as the worker's.
func (j *job) loadFor(w *worker, head int, choose []int32) {
	c, g := j.s.core, j.s.core.group
	for i, q := range choose {
		w.asked = queries{q: w.q[i*g*c.shape.Dim:]}
		if w.codes != nil {
			w.asked.codes, w.asked.meta = w.codes[i*g*c.padded():], w.meta[i*g*c.padded()/i8.Group:]
		}
		j.load(&w.asked, w, head, int(q)-j.at.First, 1)
	}
}

// sums is exact of one tile.
func (j *job) sums(w *worker, m softmax, head int, choose []int32, t int) {
	c, g := j.s.core, j.s.core.group
	s := w.s[:len(choose)*g*Tile]
	key, _ := j.s.tile(t, head)
	j.products(w, &c.coded, w.q, s, key, head, t, 0, len(choose)*g, Tile)
	for i := 0; i < len(choose) && (c.layer.Score.Softcap != 0 || c.bias != nil); i++ {
		if c.bias != nil {
			c.bias.Row(w.bias, j.placed(int(choose[i])-j.at.First), j.s.marks(t))
		}
		for r := range g {
			c.logits(s[(i*g+r)*Tile:][:Tile], &view{hi: Tile}, w.bias, head*g+r)
		}
	}
	for r := range m.sum {
		m.max[r], m.sum[r] = minusInf, 0
	}
	vec.SoftTile(s, m.max, m.sum, m.f)
}

// keep leaves the best k of the candidates [lo, hi) that the row sees, with equal shares the first ones, and clears the bits of the others.
func (w *worker) keep(choice []uint64, share []float32, lo, hi, k int, sel *selection) {
	order := w.order[:0]
	next := lo
	sum, rest := float32(0), float32(0) // of the candidates, of all that is seen
	for _, r := range w.far.runs {
		for t := max(next, int(r.Lo)/Tile); t < min(hi, tiles(int(r.Hi))); t++ {
			order = append(order, math.Float32bits(share[t]))
			next = t + 1
			sum += share[t]
		}
	}
	if sel.adapts() {
		next = 0
		for _, r := range w.far.runs {
			for t := max(next, int(r.Lo)/Tile); t < min(len(share), tiles(int(r.Hi))); t++ {
				rest += share[t]
				next = t + 1
			}
		}
		next = lo
		// What is read in any case has its part already.
		want := float32(sel.P)*rest - (rest - sum)
		k = min(k, max(sel.Least, enough(order, want)))
	}
	least, equal := largest(order, k)
	next = lo
	for _, r := range w.far.runs {
		for t := max(next, int(r.Lo)/Tile); t < min(hi, tiles(int(r.Hi))); t++ {
			next = t + 1
			switch x := math.Float32bits(share[t]); {
			case x > least:
			case x == least && equal > 0:
				equal--
			default:
				choice[t/64] &^= 1 << (t % 64)
			}
		}
	}
}

// largest returns the k-th largest of x, and how many of those equal to it belong to the k largest. It reorders x.
func largest(x []uint32, k int) (least uint32, equal int) {
	if k <= 0 {
		return math.MaxUint32, 0
	}
	for {
		pivot := middle(x)
		above, same := partition(x, pivot)
		switch {
		case k <= above:
			x = x[:above]
		case k <= above+same:
			return pivot, k - above
		default:
			x, k = x[above+same:], k-above-same
		}
	}
}

// enough returns how many of x, the largest first, have the sum want. It reorders x. Sums of parts of x are rounded in an order that
// depends on nothing but x.
func enough(x []uint32, want float32) (k int) {
	for len(x) > 0 && want > 0 {
		pivot := middle(x)
		above, same := partition(x, pivot)
		sum := float32(0)
		for _, b := range x[:above] {
			sum += math.Float32frombits(b)
		}
		if sum >= want {
			x = x[:above]
			continue
		}
		want -= sum
		p := math.Float32frombits(pivot)
		if all := float32(p * float32(same)); all >= want {
			return k + above + min(same, int(math.Ceil(float64(want/p))))
		} else {
			want -= all
		}
		k, x = k+above+same, x[above+same:]
	}
	return k
}

// middle is the median of three.
func middle(x []uint32) uint32 {
	a, b, c := x[0], x[len(x)/2], x[len(x)-1]
	return max(min(a, b), min(max(a, b), c))
}

// partition moves what is larger than the pivot to the front and what equals it behind that.
func partition(x []uint32, pivot uint32) (above, same int) {
	end := len(x)
	for i := 0; i < end; {
		switch v := x[i]; {
		case v > pivot:
			x[i], x[above] = x[above], v
			above++
			i++
		case v < pivot:
			end--
			x[i], x[end] = x[end], v
		default:
			i++
		}
	}
	return above, end - above
}

// narrow finds what the present n queries have chosen.
func (j *job) narrow(w *worker, head, n int) {
	first := j.at.First + w.row0
	words := choiceWords((first + n - 1) / Tile)
	f := &w.far
	f.any, f.each = w.bits[:words], w.bits[words:2*words]
	by := j.s.choices[head].by[w.row0:]
	for i := range n {
		v := &f.see[i]
		if i > 0 && by[i] == by[i-1] {
			v.pick = f.see[i-1].pick
			continue
		}
		v.pick = j.choice(first+i, head)
		for k := range words {
			b := uint64(0)
			if k < len(v.pick) {
				b = v.pick[k]
			}
			if i == 0 {
				f.any[k], f.each[k] = b, b
			} else {
				f.any[k], f.each[k] = f.any[k]|b, f.each[k]&b
			}
		}
	}
}

// chosen returns the first tile from t on that one of n queries has chosen and sees, or −1.
func (w *sight) chosen(n, t int) int {
	for t = nextBit(w.any, t); t >= 0; t = nextBit(w.any, t+1) {
		if w.all(t) {
			return t
		}
		seen := false
		for i := range w.see[:n] {
			v := &w.see[i]
			for v.next < v.end && int(w.runs[v.next].Hi) <= t*Tile {
				v.next++
			}
			seen = seen || v.next < v.end && int(w.runs[v.next].Lo) < (t+1)*Tile && has(v.pick, t)
		}
		if seen {
			return t
		}
	}
	return -1
}

func has(set []uint64, t int) bool { return t/64 < len(set) && set[t/64]>>(t%64)&1 != 0 }

func nextBit(set []uint64, t int) int {
	for i := t / 64; i < len(set); i++ {
		b := set[i]
		if i == t/64 {
			b &= math.MaxUint64 << (t % 64)
		}
		if b != 0 {
			return i*64 + bits.TrailingZeros64(b)
		}
	}
	return -1
}

// last is the end of the runs of which the query sees anything in the present tile.
func (v *view) last() int {
	if v.lo == v.hi {
		return v.next
	}
	return v.end
}
