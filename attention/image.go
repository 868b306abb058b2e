package attention

import (
	"github.com/godwit-ai/godwit/seq"
)

// Image implements seq.Imager: the rows that are held, with all that follows from them for later ones. Rows that were rewound may be in it.
func (s *state) Image(m *seq.Image) {
	c := s.core
	m.Int(&s.n, 0, s.maxLen)
	m.Int(&s.high, s.n, s.maxLen)
	m.Int64(&s.reads)
	m.Int64(&s.sees)
	if s.groups != nil {
		s.groups.image(m, s.n, s.place.Slots())
	}
	if m.Err() != nil {
		return
	}
	used := s.used()
	for i := range s.shelves {
		sh := &s.shelves[i]
		m.Int(&sh.low, 0, s.maxLen)
		mem := sh.mem[:sh.size(min(used, sh.place.Slots()), &c.coded)]
		if i == 0 && s.spill != nil && m.Reads() {
			if err := s.spill.Reserve(len(mem)); err != nil {
				m.Fail(err)
				return
			}
		}
		switch {
		case !m.Outline() || c.fold != nil || s.moves(m): // a fold overwrites its tiles in the middle
			seq.Numbers(m, mem)
		case s.groups != nil:
			m.StaysIn(func(add func([]byte)) { add(mem) })
		}
	}
	seq.Numbers(m, s.places[:min(min(used, s.place.Slots())*Tile, len(s.places))])
	if c.near != nil {
		m.Int(&s.near.low, 0, s.maxLen)
		seq.Numbers(m, s.near.mem)
	}
	vectors := panels(tiles(s.n)) * c.panelSize() * 2
	if s.index != nil {
		if s.indexSpill != nil && m.Reads() {
			if err := s.indexSpill.Reserve(vectors); err != nil {
				m.Fail(err)
				return
			}
		}
		if full := s.whole(panel) * c.panelSize() * 2; m.Outline() {
			m.Stays(&s.indexSum, s.index[:full])
			seq.Numbers(m, s.index[full:vectors])
		} else {
			seq.Numbers(m, s.index[:vectors])
		}
	}
	for h := range s.choices {
		s.choices[h].image(m, s.n, s.maxLen)
	}
	if s.kept != nil {
		s.kept.image(m, s.n, s.place.Slots()*c.shape.KVHeads)
	}
	if m.Outline() && m.Err() == nil && c.fold == nil && s.groups == nil && !s.moves(m) {
		s.outline(m)
	}
}

// moves reports whether an outline has all tiles, since a keeper is going to move their rows.
func (s *state) moves(m *seq.Image) bool { return s.kept != nil && m.IsWhole() }

// whole is how many whole times so many tiles are complete.
func (s *state) whole(tiles int) int { return s.n / (tiles * Tile) }

// outline is what an outline has of tiles: of complete ones that are still needed their checksum, and of those that rows will be added to all.
func (s *state) outline(m *seq.Image) {
	c := s.core
	front := 0 // tiles of the first shelf that are in its sum
	if c.growing && s.kept == nil {
		front = s.whole(block) * block
		m.Stays(&s.sum, s.shelves[0].mem[:s.shelves[0].size(front, &c.coded)])
	}
	s.spare(m, 0, front)
	for i := 1; i < len(s.shelves); i++ {
		s.spare(m, i, 0)
	}
	m.StaysIn(func(add func([]byte)) {
		s.needed(front, func(t, h int, full bool) {
			if full {
				key, value := s.tile(t, h)
				add(key)
				add(value)
			}
		})
	})
	s.needed(front, func(t, h int, full bool) {
		if !full {
			key, value := s.tile(t, h)
			seq.Numbers(m, key)
			seq.Numbers(m, value)
		}
	})
}

// spare is what an outline has of the tiles, from tile front on, that only a rewind would need: a checksum each. In a ring, steps behind the outline may
// have overwritten them; then they are not there any more.
func (s *state) spare(m *seq.Image, shelf, front int) {
	sh := &s.shelves[shelf]
	kept, _ := sh.place.Held(0)
	for t := max(front, kept, tiles(sh.low)); t < sh.needs(s.n)/Tile; t++ {
		ok := m.MayStay(func(add func([]byte)) {
			for h := range sh.heads {
				key, value := sh.tile(&s.core.coded, t, h)
				add(key)
				add(value)
			}
		})
		if !ok {
			sh.low = max(sh.low, (t+1)*Tile)
		}
	}
}

// needed visits the tiles of all KV heads that have rows which are still needed, those of the first shelf from tile front on.
func (s *state) needed(front int, visit func(t, head int, full bool)) {
	for h, home := range s.core.homes {
		sh := &s.shelves[home.shelf]
		n := s.slot(s.n, h)
		from := 0
		if home.shelf == 0 {
			from = front
		}
		kept, _ := sh.place.Held(0)
		for t := from; t < min(kept, tiles(n)); t++ {
			visit(t, h, (t+1)*Tile <= n)
		}
		if s.kept == nil { // slots are rows: those before are spare
			from = max(from, sh.needs(n)/Tile)
		}
		for t := max(from, kept); t < tiles(n); t++ {
			visit(t, h, (t+1)*Tile <= n)
		}
	}
}

// used is how many slots may have rows, in whole blocks.
func (s *state) used() int {
	n := tiles(s.high)
	switch {
	case s.groups != nil:
		n = s.groups.most
	case s.core.fold != nil || s.kept != nil && s.kept.pages != nil:
		return s.place.Slots()
	}
	return (n + block - 1) / block * block
}

func (h *choices) image(m *seq.Image, n, maxLen int) {
	for _, rows := range [][]int{h.of, h.recent.rows} {
		for i := range rows {
			m.Int(&rows[i], -1, n)
		}
	}
	for i := range h.recent.by { // of rows that were rewound it is what it was
		m.Int(&h.recent.by[i], -1, maxLen)
	}
	seq.Numbers(m, h.bits)
	seq.Numbers(m, h.recent.asked)
	m.Int64(&h.chose)
	m.Int64(&h.could)
}

// image has tables whose numbers are places in a memory of so many tiles.
func (k *kept) image(m *seq.Image, n, places int) {
	m.Int(&k.end, 0, n)
	m.Bool(&k.even)
	for h := range k.held {
		m.Int(&k.held[h], 0, min(k.stride, k.end))
	}
	seq.Numbers(m, k.rows)
	seq.Numbers(m, k.memory)
	seq.Numbers(m, k.pages)
	seq.Numbers(m, k.pos)
	seq.Numbers(m, k.queries)
	for i := range k.hide {
		lo, hi := int(k.hide[i].Lo), int(k.hide[i].Hi)
		m.Int(&lo, 0, k.maxLen)
		m.Int(&hi, lo, k.maxLen)
		k.hide[i] = seq.Run{Lo: seq.Pos(lo), Hi: seq.Pos(hi)}
	}
	if m.Err() != nil || !m.Reads() {
		return
	}
	for h, held := range k.held {
		before := seq.Pos(-1)
		for _, row := range k.rows[h*k.stride:][:held] {
			if row <= before || int(row) >= k.end {
				m.Bad("row %d is kept behind row %d, before %d", row, before, k.end)
				return
			}
			before = row
		}
		if slots := n - k.end + held; k.pages == nil && slots > places/len(k.held)*Tile || k.pages != nil && tiles(slots) > k.per {
			m.Bad("%d rows of a head are kept", slots)
			return
		}
	}
	for _, p := range k.pages {
		if p < 0 || int(p) >= places {
			m.Bad("a tile lies in place %d of %d", p, places)
			return
		}
	}
}

// image is of tiles in a memory of so many.
func (g *grouped) image(m *seq.Image, n, places int) {
	g.n = n
	m.Int(&g.blocks, 0, len(g.back))
	m.Int(&g.tiles, 0, min(places, g.blocks*block))
	m.Int(&g.most, g.tiles, max(g.tiles, min(places, len(g.pages))))
	m.Int(&g.count, 0, min(g.of.Most(), g.blocks))
	if m.Err() != nil {
		return
	}
	for _, x := range [][]int32{g.slots[:n], g.key[:2*g.blocks], g.back[:g.blocks], g.nth[:g.blocks], g.fill[:g.blocks], g.pages[:g.blocks*block]} {
		seq.Numbers(m, x)
	}
	if m.Err() == nil && m.Reads() {
		g.check(m)
	}
}

// check looks whether the rows that groups have are where they can be: those of a block in order, without a gap.
func (g *grouped) check(m *seq.Image) {
	rows := make([]int32, g.blocks)
	for _, at := range g.slots[:g.n] {
		b := int(at) / groupRows
		if at < 0 || b >= g.blocks || at%groupRows != rows[b] {
			m.Bad("a row of a group is in slot %d", at)
			return
		}
		rows[b]++
	}
	for b, back := range g.back[:g.blocks] {
		nth := int32(0)
		if back >= 0 && int(back) < b {
			nth = g.nth[back] + 1
		}
		if back < -1 || int(back) >= b || g.nth[b] != nth || g.fill[b] != rows[b] || back >= 0 && g.fill[back] != groupRows {
			m.Bad("block %d of a group is its %d-th, behind block %d, with %d rows", b, g.nth[b], back, g.fill[b])
			return
		}
		for _, p := range g.pages[b*block:][:tiles(int(rows[b]))] {
			if p < 0 || int(p) >= g.most {
				m.Bad("a tile of a group lies in place %d of %d", p, g.most)
				return
			}
		}
	}
}
