package attention

import (
	"fmt"
	"math"
	"math/bits"

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
	asked   queries   // what is being asked; here, so that it is not allocated
	of      Products  // likewise
	reads   int64     // of the step
	sees    int64     // of the step
}

// takePicks takes what a worker needs to choose from the tiles of the session so far.
func (j *job) takePicks(w *worker) {
	c, mem := j.s.core, j.at.Mem
	words, stride, ask := choiceWords(tiles(j.s.n)), j.stride(), c.asking(j.at.N)
	w.picks = picks{bits: seq.Take[uint64](mem, 2*words), rows: seq.Take[float32](mem, ask.rows*c.shape.Dim),
		prod: seq.Take[float32](mem, ask.products*stride), share: seq.Take[float32](mem, stride), order: seq.Take[uint32](mem, stride),
		vectors: seq.Take[float32](mem, ask.numbers), halves: seq.Take[uint16](mem, ask.numbers),
		ask: seq.Take[float32](mem, ask.wide), wide: seq.Take[float32](mem, ask.width*panel)}
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
	return min(max(1, pickRows/group), (n-1)/s.Every+1)
}

// choosers returns the first row of the session, in this step, that chooses for a KV head, and how many there are.
func (j *job) choosers(s *selection) (first, n int) {
	first = (j.at.First + s.Every - 1) / s.Every * s.Every
	return first, max(0, (j.s.n-first+s.Every-1)/s.Every)
}

// shared is from how many rows with the same choice on query tiles go by choices.
const shared = 4

// height returns the number of queries of a query tile of a KV head, and how many rows before the step belong to its first one. Where so
// many rows share a choice that products are still long, it divides their number, and tiles lie as choices do, so that all queries of a
// tile read the same and nothing is masked. Other tiles begin with the step.
func (j *job) height(head int) (height, before int) {
	c := j.s.core
	if s := c.selects(head); s != nil && s.Every >= shared {
		height = min(s.Every, 1<<(bits.Len(uint(c.height))-1))
		return height, j.at.First % height
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
	for h, s := range c.sel {
		if s == nil || s.Every == 1 || j.at.First%s.Every == 0 {
			continue
		}
		row := j.at.First - j.at.First%s.Every
		bits := j.s.choices[h].get(row)
		if bits == nil {
			return fmt.Errorf("attention layer %d: the choice of row %d is not kept", c.shape.Layer, row)
		}
		j.s.choices[h].put(row, s.Every, bits, true)
		w := &j.s.work[0]
		j.candidates(w, s, h, row)
		j.count(w, bits, row, min(row+s.Every, j.s.n)-j.at.First)
	}
	batches, each := 0, 0 // of all heads, of the head with the most
	for _, s := range c.sel {
		if s != nil {
			_, n := j.choosers(s)
			n = (n + s.batch(j.at.N, c.group) - 1) / s.batch(j.at.N, c.group)
			batches, each = batches+n, max(each, n)
		}
	}
	j.phase = picking
	if batches == 1 {
		j.Do(0, 0, heads)
	} else if err := j.at.Team.Run(each*heads, 1, j); err != nil {
		return err
	}
	for i := range j.s.work[:j.at.Team.Workers()] {
		j.s.reads += j.s.work[i].reads
		j.s.sees += j.s.work[i].sees
	}
	for h, s := range c.sel {
		if s == nil || s.Every == 1 {
			continue
		}
		first, n := j.choosers(s)
		for i := max(0, n-s.kept()+1); i < n; i++ {
			j.s.choices[h].put(first+i*s.Every, s.Every, j.choice(first+i*s.Every, h), false)
		}
	}
	return nil
}

// choosing is how many choices a step of n rows makes at most.
func (c *Core) choosing(n int) (most int) {
	for _, s := range c.sel {
		if s != nil {
			most += (n-1)/s.Every + 1
		}
	}
	return most
}

// choice returns what row q of the session reads of a KV head that has a selector.
func (j *job) choice(q, head int) []uint64 {
	c, sel := j.s.core, j.s.core.sel[head]
	row := q - q%sel.Every
	if row < j.at.First {
		return j.s.choices[head].get(row)
	}
	first, _ := j.choosers(sel)
	i := (row - first) / sel.Every
	for _, before := range c.sel[:head] {
		if before != nil {
			i += (j.at.N-1)/before.Every + 1
		}
	}
	return j.choices[i*j.words:][:choiceWords(row/Tile)]
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
	q0, n := j.choosers(sel)
	most := sel.batch(j.at.N, c.group)
	q0 += batch * most * sel.Every
	if n = min(n-batch*most, most); n <= 0 {
		return
	}
	last := q0 + (n-1)*sel.Every
	asked := false // most rows of a short session read all
	for i := range n {
		q := q0 + i*sel.Every
		choice := j.choice(q, head)
		for k := range choice {
			choice[k] = math.MaxUint64
		}
		lo, hi, k := j.candidates(w, sel, head, q)
		if k >= 0 {
			if !asked {
				j.ask(w, head, q0, n, last/Tile)
				asked = true
			}
			p := &w.of
			*p = Products{Group: c.group, Vectors: sel.products, Tiles: q / Tile, Head: head, Row: q, stride: j.stride()}
			p.x = w.prod[i*c.group*p.Vectors*p.stride:]
			share := w.share[:p.Tiles]
			clear(share)
			sel.Rate(share, p)
			if sum := vec.Sum(share); sum-sum == 0 {
				w.keep(choice, share, lo, hi, k, sel)
			}
		}
		j.count(w, choice, q, min(sel.Every, j.s.n-q))
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
	k = sel.most(seen, seen-from)
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

// ask multiplies the queries of n choosers from row q0 of the session on with all vectors up to those of tile last.
func (j *job) ask(w *worker, head, q0, n, last int) {
	c, sel := j.s.core, j.s.core.sel[head]
	dim, stride, vectors := c.shape.Dim, j.stride(), sel.vectors
	rows := n * c.group
	if sel.vectors == 0 {
		j.exact(w, head, q0, n, last)
		return
	}
	for i := range n {
		w.asked = queries{q: w.rows[i*c.group*dim:]}
		j.load(&w.asked, w, head, q0+i*sel.Every-j.at.First, 1)
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

// exact computes the largest logit m of each tile, and the sum of e^(logit − m).
func (j *job) exact(w *worker, head, q0, n, last int) {
	c, g, stride, every := j.s.core, j.s.core.group, j.stride(), j.s.core.sel[head].Every
	for i := range n {
		q := &w.asked
		*q = queries{q: w.q[i*g*c.shape.Dim:]}
		if w.codes != nil {
			q.codes, q.meta = w.codes[i*g*c.padded():], w.meta[i*g*c.padded()/i8.Group:]
		}
		j.load(q, w, head, q0+i*every-j.at.First, 1)
	}
	rows, m := n*g, w.part.first(n*g)
	s := w.s[:rows*Tile]
	// What a bounded span does not see may be gone; a tile between has no logits.
	r := c.reaches[head]
	sees := func(t, q int) bool { return !r.Bounded || t*Tile < int(r.First) || (t+1)*Tile > q-int(r.Back)+1 }
	for t := range last {
		if !sees(t, q0) {
			for r := range rows {
				prod := w.prod[2*r*stride+t:]
				prod[0], prod[stride] = minusInf, 0
			}
			continue
		}
		key, _ := j.s.tile(t, head)
		j.products(w, &c.coded, w.q, s, key, 0, rows, Tile)
		for i := 0; i < n && (c.layer.Score.Softcap != 0 || c.bias != nil); i++ {
			if c.bias != nil {
				c.bias.Row(w.bias, j.placed(q0+i*every-j.at.First), j.s.places[j.s.place.Slot(t)*Tile:][:Tile])
			}
			for r := range g {
				c.logits(s[(i*g+r)*Tile:][:Tile], &view{hi: Tile}, w.bias, head*g+r)
			}
		}
		for r := range rows {
			m.max[r], m.sum[r] = minusInf, 0
		}
		vec.SoftTile(s, m.max, m.sum, m.f)
		for r, sum := range m.sum {
			prod := w.prod[2*r*stride+t:]
			if prod[0], prod[stride] = m.max[r], sum; !sees(t, q0+r/g*every) {
				prod[0], prod[stride] = minusInf, 0 // whoever is asked beside it
			}
		}
	}
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
	every := j.s.core.sel[head].Every
	for i := range n {
		v := &f.see[i]
		if i > 0 && (first+i)%every != 0 {
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
