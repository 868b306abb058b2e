package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// Selector says which tiles of what a query may see are worth reading. It frees nothing: a tile that one query passes over may
// be what the next one needs.
//
// A choice at row q depends on nothing but the query of q and the tiles that are complete at q, and what is known of a tile is
// computed from its rows as they are stored. So chunks, threads and rewinds change no choice.
type Selector interface {
	// Fit makes it for keys of dim values.
	Fit(dim int) (Index, error)
	Budget() Budget
	String() string
}

// Index is what a Selector knows of every complete tile: some vectors, which queries are multiplied with.
type Index interface {
	// Size returns the number of vectors of a tile and their width. No vectors: queries are multiplied with the tile's keys.
	Size() (vectors, width int)
	// Put computes the vectors dst[vectors, width] of a tile of keys[dim, Tile].
	Put(dst, keys []float32)
	// Ask returns in dst[width] what the vectors are multiplied with for the query q[dim].
	Ask(dst, q []float32)
	// Rate adds to share[tiles] how much each tile is worth to the query heads of a group, from the products with their
	// vectors, which it may overwrite. What is no number makes the queries read all.
	Rate(share []float32, p *Products)
}

// Products are those of the vectors of tiles with the queries of one row of a group.
type Products struct {
	Group, Vectors, Tiles int
	x                     []float32 // [Group, Vectors, stride]
	stride                int
}

// Of returns the products [Tiles] of a head of the group with a vector of each tile: logits, of whatever the vector stands for.
func (p *Products) Of(head, vector int) []float32 {
	return p.x[(head*p.Vectors+vector)*p.stride:][:p.Tiles]
}

// Softmax makes a head's logits shares of their sum of exponentials, over all tiles and vectors.
func (p *Products) Softmax(head int) {
	high := float32(math.Inf(-1))
	for v := range p.Vectors {
		high = max(high, vec.Max(p.Of(head, v)))
	}
	sum := float32(0)
	for v := range p.Vectors {
		x := p.Of(head, v)
		sum += vec.ExpSum(x, x, high)
	}
	for v := range p.Vectors {
		vec.Scale(p.Of(head, v), 1/sum)
	}
}

// addShares adds up the shares of the heads of a group, of one vector a tile.
func (p *Products) addShares(share []float32) {
	for g := range p.Group {
		p.Softmax(g)
		vec.Add(share, p.Of(g, 0))
	}
}

// Budget is what all selectors have in common. Of the tiles that a query sees it reads the first Sink and the last Local,
// its own included, and the best K others, or as many as make Share of all.
type Budget struct {
	K     int     // tiles
	Share float64 // 0 to 1
	P     float64 // fewer, when these have this part of the estimated attention; 0: no fewer
	Least int     // with P: tiles to choose at least
	Sink  int     // tiles
	Local int     // tiles, from 1 on
	Dense int     // rows of a session's beginning that read all
	Every int     // rows, a divisor of Tile, that read what the first of them has chosen; the first: a multiple of Every
}

// most is how many of the candidates may be chosen when so many tiles are seen, needed of them in any case.
func (b *Budget) most(seen, needed int) int {
	return max(b.K, int(math.Ceil(b.Share*float64(seen)))-needed)
}

// adapts tells whether the number of tiles follows from the estimated attention.
func (b *Budget) adapts() bool { return b.P > 0 && b.P < 1 }

// usual returns the budget that a text without arguments means, given what is peculiar to the selector.
func usual(of Budget) Budget {
	of.Sink, of.Local, of.Dense, of.Every, of.Least = 1, 4, 2048, max(of.Every, 1), 4
	return of
}

// budget reads the arguments that all selectors have. A count alone or a share alone is not helped by the usual one of the other.
func (a *args) budget(of Budget) Budget {
	b := usual(of)
	share := a.number("share", -1)
	k := a.whole("k", -1)
	if share >= 0 || k >= 0 {
		b.Share, b.K = max(share, 0), max(k, 0)
	}
	b.Sink, b.Local = a.whole("sink", b.Sink), a.whole("local", b.Local)
	b.Dense, b.Every = a.whole("dense", b.Dense), a.whole("every", b.Every)
	b.P, b.Least = a.number("p", b.P), a.whole("least", b.Least)
	return b
}

func (b *Budget) check() error {
	switch {
	case b.Share > 1 || b.P > 1:
		return fmt.Errorf("share=%v and p=%v are not parts of 1", b.Share, b.P)
	case b.Local < 1:
		return fmt.Errorf("local=%d: the tile of a query itself is always read", b.Local)
	case b.Every < 1 || Tile%b.Every != 0:
		return fmt.Errorf("every=%d does not divide %d", b.Every, Tile)
	}
	return nil
}

// text prints what is not usual.
func (b *Budget) text(of Budget) []string {
	u := usual(of)
	opt := func(key string, x, usual float64) string {
		if x == usual {
			return ""
		}
		return key + "=" + num(x)
	}
	share, k := "", ""
	if b.K != u.K || b.Share != u.Share {
		share, k = optNum("share", b.Share), opt("k", float64(b.K), 0)
		if share+k == "" {
			k = "k=0"
		}
	}
	return []string{k, share, opt("p", b.P, u.P), opt("least", float64(b.Least), float64(u.Least)), opt("sink", float64(b.Sink), float64(u.Sink)),
		opt("local", float64(b.Local), float64(u.Local)), opt("dense", float64(b.Dense), float64(u.Dense)), opt("every", float64(b.Every), float64(u.Every))}
}

// selection is a layer's Selector made ready.
type selection struct {
	Index
	Budget
	vectors int
	width   int
}

// selection makes the layer's selector ready; nil: all is read.
func (l Layer) selection(dim int) (*selection, error) {
	if l.Select == nil {
		return nil, nil
	}
	s := &selection{Budget: l.Select.Budget()}
	if err := s.check(); err != nil {
		return nil, err
	}
	var err error
	if s.Index, err = l.Select.Fit(dim); err != nil {
		return nil, err
	}
	s.vectors, s.width = s.Size()
	return s, nil
}

// panel is the number of tiles whose vectors are multiplied at once.
const panel = Tile

// indexSize is the bytes of the vectors of a session's tiles as halves, [panels, KVHeads, vectors, width, panel], and of the choices that
// later rows go by, which lie behind them.
func (c *Core) indexSize(maxLen int) (vectors, choices int) {
	if c.sel == nil {
		return 0, 0
	}
	most := tiles(maxLen)
	vectors = (most + panel - 1) / panel * c.panelSize()
	if c.sel.Every > 1 {
		choices = 8 * c.choiceAt(most, 0, 0)
	}
	return vectors, choices
}

// panelSize is the bytes of a panel of all heads.
func (c *Core) panelSize() int { return c.shape.KVHeads * c.sel.vectors * c.sel.width * panel * 2 }

// choiceAt is the first word of the choice of the i-th rows of tile t that choose for a KV head. A choice has a bit for every tile up to t.
func (c *Core) choiceAt(t, i, head int) int {
	per, full := choiceWords(t), t/64
	before := 32*full*(full+1) + t%64*per // words of one choice of each tile before
	return (before*(Tile/c.sel.Every)+i*per)*c.shape.KVHeads + head*per
}

func choiceWords(t int) int { return t/64 + 1 }

// vectorsOf returns the vector of a panel's tiles, [width, panel].
func (s *state) vectorsOf(p, head, vector int) []uint16 {
	c := s.core.sel
	n := c.width * panel
	return floats[uint16](s.index)[((p*s.core.shape.KVHeads+head)*c.vectors+vector)*n:][:n]
}

// sum computes what is known of a KV head's tile, which is complete.
func (j *job) sum(w *worker, t, head int) {
	c := j.s.core
	if c.sel.vectors == 0 {
		return
	}
	key, _ := j.s.tile(t, head)
	c.key.Get(w.key, key, Tile)
	c.sel.Put(w.vectors, w.key)
	half := w.halves[:len(w.vectors)]
	vec.F32ToF16(half, w.vectors)
	for v := range c.sel.vectors {
		column := j.s.vectorsOf(t/panel, head, v)[t%panel:]
		for i, h := range half[v*c.sel.width:][:c.sel.width] {
			column[i*panel] = h
		}
	}
}

// Reads implements seq.Reader.
func (s *state) Reads() (read, seen int64) { return s.reads, s.sees }

var _ seq.Reader = (*state)(nil)
