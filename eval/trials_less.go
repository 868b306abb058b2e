package eval

import (
	"cmp"
	"math"
	"slices"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/seq"
)

// What heads have less of in their trials, and who is to have it.

// HeadWindow is the first four tokens and the last N. Heads that can do with it have caches as small (attention.Mixed), and read no more.
// DuoAttention (arXiv 2410.10819) and RazorAttention (2407.15891) divide heads so.
type HeadWindow struct{ N int }

// windowSinks is how many first tokens every head sees (StreamingLLM, arXiv 2309.17453).
const windowSinks = 4

func (w HeadWindow) span() attention.Span {
	return attention.NewUnion(attention.Sinks{N: windowSinks}, attention.Window{N: int32(w.N)})
}

func (w HeadWindow) words() (key, usual, less string) {
	return "span", attention.Full{}.String(), w.span().String()
}

// split leaves alone layers of which a head sees less than everything.
func (w HeadWindow) split(l *attention.Layer, heads []*trial) bool {
	if slices.ContainsFunc(l.Span, func(s attention.Span) bool { return s != attention.Span(attention.Full{}) }) {
		return false
	}
	l.Layout, l.Span = attention.Grow{}, nil
	for _, t := range heads {
		l.Span = append(l.Span, &switchedSpan{w.span(), t})
	}
	return true
}

func (w HeadWindow) rows() (every, least int) { return 1, 2 * w.N }

func (w HeadWindow) tiles(t *trial, row int) (all, less int) {
	return count(sight(t.span, row)), count(sight(w.span(), row))
}

// switchedSpan sees everything, or a window.
type switchedSpan struct {
	window attention.Span
	*trial
}

func (s *switchedSpan) now() attention.Span {
	if s.on {
		return s.window
	}
	return s.span
}

// Sees implements attention.Span.
func (s *switchedSpan) Sees(q, k seq.Pos) bool { return s.now().Sees(q, k) }

// Runs implements attention.Span.
func (s *switchedSpan) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run { return s.now().Runs(dst, q, hi) }

func (s *switchedSpan) String() string { return "switched" }

// HeadChoices are the tiles that have the part P of the attention of one row of Every, 4 to 64, by which the others go too
// (attention.Recycle).
type HeadChoices struct {
	P     float64
	Every int
	Dense int // rows of the beginning that read all
}

// headDense is how many rows of the beginning read all by a plan for heads, and headLocal how many tiles are read in any case, a row's own
// included, beside the first.
const (
	headDense = 512
	headLocal = 2
)

func (c HeadChoices) selector() attention.Recycle {
	return attention.Recycle{Reading: attention.Budget{Share: 1, P: c.P, Least: 4, Sink: 1, Local: headLocal, Dense: c.Dense, Every: c.Every}}
}

func (c HeadChoices) words() (key, usual, less string) { return "select", "all", c.selector().String() }

func (c HeadChoices) split(l *attention.Layer, heads []*trial) bool {
	l.Select = nil
	for _, t := range heads {
		l.Select = append(l.Select, &switchedChoices{c.selector(), t})
	}
	return true
}

// rows has those of a text's end, of which a quarter may be scored, behind the dense ones.
func (c HeadChoices) rows() (every, least int) { return max(c.Every, 1), c.Dense + 4*attention.Tile }

func (c HeadChoices) tiles(t *trial, row int) (all, less int) {
	all = count(sight(t.span, row))
	return all, all - int(t.saved[row/max(c.Every, 1)])
}

// switchedChoices goes by choices, or reads all and counts what choices would pass over.
type switchedChoices struct {
	attention.Recycle
	trial *trial
}

// Fit implements attention.Selector.
func (s *switchedChoices) Fit(dim int) (attention.Index, error) {
	of, err := s.Recycle.Fit(dim)
	return &switchedIndex{of, s}, err
}

func (s *switchedChoices) String() string { return "switched" }

type switchedIndex struct {
	attention.Index
	of *switchedChoices
}

// Rate implements attention.Index. Rows choose beside each other, each has a place of its own.
func (x *switchedIndex) Rate(share []float32, p *attention.Products) {
	t := x.of.trial
	if t.on || !t.of.trying {
		x.Index.Rate(share, p)
	}
	if t.on {
		return
	}
	if !t.of.trying {
		seen := sight(t.span, p.Row)
		t.saved[p.Row/x.of.Reading.Every] = int32(count(seen) - 1 - count(pick(x.of.Reading, share, seen))) // the row's own tile is none of those
	}
	share[0] = float32(math.NaN()) // all is read
}

// sight tells which tiles a row sees, up to its own.
func sight(span attention.Span, row int) []bool {
	seen := make([]bool, row/attention.Tile+1)
	for _, r := range span.Runs(nil, seq.Pos(row), seq.Pos(row+1)) {
		for t := int(r.Lo) / attention.Tile; t*attention.Tile < int(r.Hi); t++ {
			seen[t] = true
		}
	}
	return seen
}

func count(set []bool) (n int) {
	for _, is := range set {
		if is {
			n++
		}
	}
	return n
}

// pick tells which complete tiles a row reads by a budget of a part P of the shares, of those that it sees: the first and the last ones,
// and of the others those with the largest shares. It is what attention does, in the simplest way. seen may be longer than shares.
func pick(b attention.Budget, shares []float32, seen []bool) []bool {
	chosen, order, sum, all := make([]bool, len(shares)), []int(nil), 0.0, 0.0
	for t, x := range shares {
		if !seen[t] {
			continue
		}
		all += float64(x)
		if t < b.Sink || t > len(shares)-b.Local {
			chosen[t] = true
			sum += float64(x)
		} else {
			order = append(order, t)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(shares[b], shares[a]) })
	for i, t := range order {
		if i >= b.Least && sum >= b.P*all {
			break
		}
		chosen[t] = true
		sum += float64(shares[t])
	}
	return chosen
}

// HeadBound says how many heads are to have less. The zero value allows what costs nothing.
type HeadBound struct {
	Loss  float64 // the sum of their KL is no more than that; +Inf: whatever it is
	Heads int     // no more heads than that; 0: all
	Reads float64 // only until all heads read no more than this part of their tiles
}

// Give marks the heads that are to have less, first those that lose the least for what they save, and returns the sum of their KL and the
// part of the tiles that all heads then read.
func (b HeadBound) Give(heads []HeadTrial) (loss, reads float64) {
	order := make([]int, len(heads))
	for i, h := range heads {
		order[i] = i
		reads += h.Reads / float64(len(heads))
		heads[i].Less = false
	}
	price := func(h HeadTrial) float64 { return max(h.KL, 0) / h.Saves }
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(price(heads[i]), price(heads[j])) })
	given := 0
	for _, i := range order {
		h := &heads[i]
		if reads <= b.Reads || b.Heads > 0 && given == b.Heads {
			break
		}
		if kl := max(h.KL, 0); h.Saves > 0 && loss+kl <= b.Loss {
			loss, reads, h.Less = loss+kl, reads-h.Saves/float64(len(heads)), true
			given++
		}
	}
	return loss, reads
}
