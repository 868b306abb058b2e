package attention

import (
	"errors"
	"fmt"
	"math"
	"slices"

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
	// Size returns the number of vectors of a tile and their width. No vectors: queries are multiplied with the tile's keys, and two
	// numbers of a tile stand for products: its largest logit m, and Σ e^(logit − m).
	Size() (vectors, width int)
	// Put computes the vectors dst[vectors, width] of a tile of keys[dim, Tile].
	Put(dst, keys []float32)
	// Ask returns in dst[width] what the vectors are multiplied with for the query q[dim].
	Ask(dst, q []float32)
	// Rate adds to share[tiles] how much each tile is worth to the query heads of a group, from the products with their
	// vectors, which it may overwrite. What is no number makes the queries read all.
	Rate(share []float32, p *Products)
}

// Finder is an Index that looks at the keys of a few tiles, after Rate, instead of rating all.
type Finder interface {
	Index
	// Find adds to share[tiles] how much the k best tiles of those in from are worth, and those in also, as far as it finds them.
	Find(share []float32, from, also []int32, k int, p *Products)
	// Looks returns at how many tiles Find looks at most, to find k of n.
	Looks(n, k int) int
}

// Products are those of the vectors of tiles with the queries of one row of a group.
type Products struct {
	Group, Vectors, Tiles int
	Head, Row             int       // the KV head, and the row of the session
	x                     []float32 // [Group, Vectors, stride]
	stride                int
	find                  finding // for a Finder
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

// AddSums adds to share[Tiles] the shares of the heads of a group, of the sums over the tiles' own keys.
func (p *Products) AddSums(share []float32) {
	for g := range p.Group {
		x, sums := p.Of(g, 0), p.Of(g, 1)
		vec.ExpSum(x, x, vec.Max(x))
		for t, sum := range sums {
			x[t] *= sum
		}
		vec.Scale(x, 1/vec.Sum(x))
		vec.Add(share, x)
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
	From  int     // with Every: rows before this one go by choices of one row in Tile, for a question at the end of a long text; 0: none do
	Blind bool    // with From: rows before it choose nothing, so that a text costs no more the longer it is
	Tau   float64 // with Every: rows whose queries are less like those before than that choose anew; 0: none do
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
	b.Dense, b.Tau = a.whole("dense", b.Dense), a.number("tau", b.Tau)
	b.Every, b.From, b.Blind = a.whole("every", b.usualEvery()), a.whole("from", 0), a.flag("blind")
	b.P, b.Least = a.number("p", b.P), a.whole("least", b.Least)
	return b
}

// usualEvery is 64 rows where there are others that choose anew.
func (b *Budget) usualEvery() int {
	if b.Tau > 0 && b.Every == 1 {
		return Tile
	}
	return b.Every
}

// turns reports whether the queries of rows tell which of them choose.
func (b *Budget) turns() bool { return b.Tau > 0 && b.Every > 1 }

// chooses reports whether a row chooses whatever its query is.
func (b *Budget) chooses(row int) bool { return b.choiceOf(row) == row }

// choiceOf returns the last row up to this one that chooses whatever its query is.
func (b *Budget) choiceOf(row int) int {
	if of := row - row%b.Every; of >= b.From {
		return of
	}
	return row - row%Tile
}

// blind reports whether a row chooses nothing, so that nothing has to be known of the tiles before it.
func (b *Budget) blind(row int) bool { return b.Blind && row < b.From }

func (b *Budget) check() error {
	switch {
	case b.From > 0 && (b.Every == 1 || b.Tau > 0):
		return fmt.Errorf("from=%d: rows from there on have to choose at equal distances, from every=2 on", b.From)
	case b.Blind && b.From == 0:
		return errors.New("blind: from which row on others choose is not said, from=n")
	case b.Tau > 1:
		return fmt.Errorf("tau=%v is not a cosine: 1 is that of queries that are alike", b.Tau)
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
	every := Budget{Tau: b.Tau, Every: u.Every}
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
		opt("local", float64(b.Local), float64(u.Local)), opt("dense", float64(b.Dense), float64(u.Dense)), opt("tau", b.Tau, u.Tau),
		opt("every", float64(b.Every), float64(every.usualEvery())), unlessUsual("from", b.From, 0), optFlag("blind", b.Blind)}
}

// selection is a KV head's Selector made ready.
type selection struct {
	Index
	Budget
	finder   Finder // the Index, if it is one
	vectors  int
	width    int
	products int // numbers that rate a tile for a query head
	at       int // where the head's vectors begin among those of a panel, in halves
}

// selection makes the layer's selectors ready, one for each KV head; none: all is read.
func (l Layer) selection(sh Shape) (heads []*selection, err error) {
	if n := len(l.Select); n > 1 && n != sh.KVHeads {
		return nil, fmt.Errorf("%d selectors for %d KV heads", n, sh.KVHeads)
	}
	at := 0
	for h := range min(len(l.Select), 1) * sh.KVHeads {
		of := l.Select[h%len(l.Select)]
		if of == nil {
			heads = append(heads, nil)
			continue
		}
		s := &selection{Budget: of.Budget(), at: at}
		if err := s.check(); err != nil {
			return nil, err
		}
		if s.Index, err = of.Fit(sh.Dim); err != nil {
			return nil, err
		}
		if s.vectors, s.width = s.Size(); s.vectors > 0 {
			s.products = s.vectors
		} else {
			s.products = 2
		}
		s.finder, _ = s.Index.(Finder)
		at += s.vectors * s.width * panel
		heads = append(heads, s)
	}
	return heads, nil
}

// selects returns what chooses for a KV head; nil: it reads all.
func (c *Core) selects(head int) *selection {
	if c.sel == nil {
		return nil
	}
	return c.sel[head]
}

// choosesAhead reports whether there is one for which rows go by the choice of an earlier one.
func (c *Core) choosesAhead() bool {
	return slices.ContainsFunc(c.sel, func(s *selection) bool { return s != nil && s.Every > 1 })
}

// panel is the number of tiles whose vectors are multiplied at once.
const panel = Tile

// indexSize is the bytes of the vectors of a session's tiles as halves, [panels, KVHeads, vectors, width, panel], and of the choices that
// later rows may go by, [KVHeads, kept, words], with the queries that may tell that they do not.
func (c *Core) indexSize(maxLen int) (vectors, choices int) {
	for _, s := range c.sel {
		if s != nil && maxLen > 0 {
			vectors += panels(tiles(maxLen)) * s.vectors * s.width * panel * 2
			choices += 8 * (s.kept()*choiceWords(tiles(maxLen)) + s.recentWords(c.group*c.shape.Dim))
		}
	}
	return vectors, choices
}

// panels is how many panels n tiles have.
func panels(n int) int { return (n + panel - 1) / panel }

// panelSize is the numbers of a panel of all heads.
func (c *Core) panelSize() (n int) {
	for _, s := range c.sel {
		if s != nil {
			n += s.vectors * s.width * panel
		}
	}
	return n
}

func choiceWords(t int) int { return t/64 + 1 }

// vectorsOf returns the vector of a panel's tiles, [width, panel].
func (s *state) vectorsOf(p, head, vector int) []uint16 {
	of := s.core.sel[head]
	n := of.width * panel
	return floats[uint16](s.index)[p*s.core.panelSize()+of.at+vector*n:][:n]
}

// sum computes what is known of a KV head's tile, which is complete.
func (j *job) sum(w *worker, t, head int) {
	c, sel := j.s.core, j.s.core.selects(head)
	if sel == nil || sel.vectors == 0 {
		return
	}
	key, _ := j.s.tile(t, head)
	c.key.Get(w.key, key, Tile)
	vectors := w.vectors[:sel.vectors*sel.width]
	sel.Put(vectors, w.key)
	half := w.halves[:len(vectors)]
	vec.F32ToF16(half, vectors)
	for v := range sel.vectors {
		column := j.s.vectorsOf(t/panel, head, v)[t%panel:]
		for i, h := range half[v*sel.width:][:sel.width] {
			column[i*panel] = h
		}
	}
}

// Reads implements seq.Reader.
func (s *state) Reads() (read, seen int64) { return s.reads, s.sees }

// Chooses implements seq.Reader.
func (s *state) Chooses() (chose, could int64) {
	for i := range s.choices {
		chose, could = chose+s.choices[i].chose, could+s.choices[i].could
	}
	return chose, could
}

var _ seq.Reader = (*state)(nil)
