package tokenizer

// A merger joins neighbouring symbols, cheapest pair first and leftmost among equals, until no pair can be joined: the
// whole of byte-pair encoding, for ranked merges as for scored pieces. Short words look for the minimum anew each time,
// which beats a heap up to some tens of symbols; longer ones keep a heap, so a megabyte of one letter costs n·log n.
type merger struct {
	text []byte
	syms []symbol
	heap []pair
	x    *lookup
	// ranked: the cost of joining two symbols is their merge's rank; else the lower, the higher the joined piece's score.
	ranked bool
}

// symbol is a stretch of text that is one token so far.
type symbol struct {
	lo, hi     int32  // bounds in text; hi == lo: joined to another one
	prev, next int32  // neighbours, -1 at the ends
	hash       uint64 // of the text, for ranked merges
	cost       uint32 // of joining with next, while short; noPair if they do not join
}

// pair is a heap entry: the join of the symbol at left with its next one, valid while the two end at hi.
type pair struct {
	cost uint32
	left int32
	mid  int32 // end of the left symbol when the pair was pushed
	hi   int32 // end of the right symbol
}

const (
	noPair    = ^uint32(0)
	shortWord = 24 // symbols; measured: heap and scan cost the same near 30
)

// link sets the neighbours of the symbols in m.syms.
func (m *merger) link() {
	for i := range m.syms {
		m.syms[i].prev, m.syms[i].next = int32(i)-1, int32(i)+1
	}
	if n := len(m.syms); n > 0 {
		m.syms[n-1].next = -1
	}
}

// run joins all that can be joined. The remaining symbols are those reached from the first by next.
func (m *merger) run() {
	if len(m.syms) < 2 {
		return
	}
	if len(m.syms) <= shortWord {
		m.runShort()
	} else {
		m.runHeap()
	}
}

func (m *merger) runShort() {
	s := m.syms
	for i := range s[:len(s)-1] {
		m.price(&s[i])
	}
	s[len(s)-1].cost = noPair
	for {
		best, at := noPair, int32(-1)
		for i := int32(0); i >= 0; i = s[i].next {
			if s[i].cost < best {
				best, at = s[i].cost, i
			}
		}
		if at < 0 {
			return
		}
		m.join(at)
		m.price(&s[at])
		if p := s[at].prev; p >= 0 {
			m.price(&s[p])
		}
	}
}

// price sets a's cost of joining with its next symbol.
func (m *merger) price(a *symbol) {
	a.cost = noPair
	if a.next >= 0 {
		if c, ok := m.cost(a, &m.syms[a.next]); ok {
			a.cost = min(c, noPair-1)
		}
	}
}

// cost of joining a and b, which follows it; false if they do not join.
func (m *merger) cost(a, b *symbol) (uint32, bool) {
	if m.ranked {
		return m.x.merges.find(a.hash, b.hash, m.text[a.lo:a.hi], m.text[b.lo:b.hi])
	}
	return m.x.score(m.text[a.lo:b.hi])
}

// join merges the symbol after i into it.
func (m *merger) join(i int32) {
	a := &m.syms[i]
	b := &m.syms[a.next]
	a.hi = b.hi
	b.lo = b.hi
	a.next = b.next
	if a.next >= 0 {
		m.syms[a.next].prev = i
	}
	if m.ranked {
		a.hash = hashBytes(m.text[a.lo:a.hi])
	}
}

func (m *merger) runHeap() {
	s := m.syms
	m.heap = m.heap[:0]
	for i := range s[:len(s)-1] {
		m.push(int32(i))
	}
	for len(m.heap) > 0 {
		p := m.pop()
		a := &s[p.left]
		if a.lo == a.hi || a.hi != p.mid || a.next < 0 || s[a.next].hi != p.hi {
			continue // one of the two has been joined since
		}
		m.join(p.left)
		if a.prev >= 0 {
			m.push(a.prev)
		}
		m.push(p.left)
	}
}

func (m *merger) push(left int32) {
	a := &m.syms[left]
	if a.next < 0 {
		return
	}
	b := &m.syms[a.next]
	c, ok := m.cost(a, b)
	if !ok {
		return
	}
	p := pair{min(c, noPair-1), left, a.hi, b.hi}
	h := append(m.heap, p)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !p.before(h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = p
	m.heap = h
}

// pop takes the least pair. The heap has four children per node: fewer levels to miss the cache on.
func (m *merger) pop() pair {
	h := m.heap
	top := h[0]
	last := h[len(h)-1]
	h = h[:len(h)-1]
	m.heap = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		c := 4*i + 1
		if c >= len(h) {
			break
		}
		least := c
		for k := c + 1; k < min(c+4, len(h)); k++ {
			if h[k].before(h[least]) {
				least = k
			}
		}
		if !h[least].before(last) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = last
	return top
}

func (p pair) before(q pair) bool {
	return p.cost < q.cost || p.cost == q.cost && p.left < q.left
}
