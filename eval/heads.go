package eval

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
)

// Heads measures where the KV heads of a model look, to find how long each can go by a choice of what it reads (attention.Recycle). Most
// heads read the same few tiles for many rows on end. Some look for what the present token is about, and look elsewhere a token
// later: a model that copies or continues what it has read does it by them (induction heads, arXiv 2209.11895; retrieval heads,
// 2404.15574), and what they miss costs far more than what is missed elsewhere.
type Heads struct {
	Context int     // tokens of the text that are read
	P       float64 // what a choice has of the attention; see attention.Budget
	Choose  float64 // what the choices of the plan have of it; 0: P. Where far keys are at coarse positions less will do
	Rows    int     // how many rows may go by one choice at most; 0: twice the last of HeadLags
	Most    float64 // what a choice may have less of it, for the mean row that goes by it, than a choice of the row's own
}

// Head is what was measured of one KV head, means over rows of the last three quarters of the text.
type Head struct {
	Layer, Head int
	Reads       float64                // the part of its tiles that make P of its attention
	Lost        [len(HeadLags)]float64 // how much less of its attention a choice has that is so many rows old
	Every       int                    // how many rows can go by a choice without losing more than Most, twice one of HeadLags; 1: all has to be read
}

// HeadLags are the ages of choices that are compared with a row's own, in rows.
var HeadLags = [...]int{2, 4, 8, 16}

// Run reads a text with m, whose plan it must have from HeadWatch. Progress counts tokens.
func (h Heads) Run(ctx context.Context, m *godwit.Model, watch *HeadWatch, tokens []int32, progress godwit.Progress) ([]Head, error) {
	if len(tokens) < h.Context || h.Context < 8*attention.Tile {
		return nil, fmt.Errorf("heads: %d tokens of a text of %d, and %d are the least: %w", h.Context, len(tokens), 8*attention.Tile, ErrShort)
	}
	if len(watch.layers) == 0 {
		return nil, ErrHeads
	}
	s, err := m.NewSession(godwit.SessionOptions{Context: h.Context})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.Feed(ctx, tokens[:h.Context], progress); err != nil {
		return nil, err
	}
	var heads []Head
	for _, l := range watch.layers {
		for i := range l.heads {
			heads = append(heads, h.measure(l, i))
		}
	}
	return heads, nil
}

// measure compares each watched row's own choice with older ones.
func (h Heads) measure(l *watched, head int) Head {
	r := Head{Layer: l.layer, Head: head, Every: 1}
	of := l.heads[head]
	rows := 0
	chosen := make([][]bool, len(of))
	part := func(shares []float32, chosen []bool) (sum float64) {
		for t, x := range shares {
			if t >= len(chosen) || chosen[t] { // complete since, and so near
				sum += float64(x)
			}
		}
		return sum
	}
	for i, shares := range of {
		chosen[i] = h.choose(shares)
		if i < max(len(of)/4, HeadLags[len(HeadLags)-1]/watchEvery) || len(shares) < 4 {
			continue
		}
		rows++
		own := part(shares, chosen[i])
		for k, lag := range HeadLags {
			r.Lost[k] += own - part(shares, chosen[i-lag/watchEvery])
		}
		for _, c := range chosen[i] {
			if c {
				r.Reads += 1 / float64(len(shares))
			}
		}
	}
	if rows == 0 {
		return r
	}
	r.Reads /= float64(rows)
	lost := false
	for k, lag := range HeadLags {
		r.Lost[k] /= float64(rows)
		if lost = lost || r.Lost[k] > h.Most || h.Rows > 0 && 2*lag > h.Rows; !lost {
			r.Every = 2 * lag
		}
	}
	return r
}

// choose tells which tiles make P of the shares: the largest ones, and the first and the last in any case.
func (h Heads) choose(shares []float32) []bool {
	return pick(attention.Budget{P: h.P, Sink: 1, Local: headLocal}, shares, slices.Repeat([]bool{true}, len(shares)))
}

// Choices are those of the plan, for so many rows each.
func (h Heads) Choices(every int) HeadChoices {
	return HeadChoices{P: cmp.Or(h.Choose, h.P), Every: every, Dense: headDense}
}

// Edits is the plan that follows: as many rows of a head go by one choice as can.
func (h Heads) Edits(heads []Head) string {
	return headEdits("select", "all", len(heads), func(i int) (layer int, text string) {
		if text = "all"; heads[i].Every > 1 {
			_, _, text = h.Choices(heads[i].Every).words()
		}
		return heads[i].Layer, text
	})
}

// HeadWatch is a selector that reads all, and keeps what parts of the attention of heads fall on which tiles.
type HeadWatch struct {
	Layers []int // whose heads; nil: the layers that see everything
	layers []*watched
}

// watchEvery is which rows are watched: as often as the least of HeadLags.
const watchEvery = 2

// Plan returns a plan with it.
func (w *HeadWatch) Plan(p attention.Plan) (attention.Plan, error) {
	p.Layers = slices.Clone(p.Layers)
	w.layers = nil
	list := w.Layers
	if list == nil {
		list = p.WideLayers()
	}
	for _, i := range list {
		l := &watched{layer: i}
		p.Layers[i].Select = []attention.Selector{l}
		w.layers = append(w.layers, l)
	}
	return p, nil
}

// watched is what is known of a layer.
type watched struct {
	layer int
	mu    sync.Mutex
	heads [][][]float32 // [KVHeads, rows/watchEvery, tiles] shares, which add up to 1
}

// Fit implements attention.Selector.
func (l *watched) Fit(int) (attention.Index, error) { return l, nil }

// Budget implements attention.Selector: all is read, and shares are asked for nevertheless.
func (l *watched) Budget() attention.Budget {
	return attention.Budget{Share: 1, P: 0.5, Least: 1 << 30, Local: 1, Every: watchEvery}
}

func (l *watched) String() string { return "watch" }

// Size implements attention.Index: the tiles' keys themselves are asked.
func (l *watched) Size() (vectors, width int) { return 0, 0 }

// Put implements attention.Index.
func (l *watched) Put(dst, keys []float32) {}

// Ask implements attention.Index.
func (l *watched) Ask(dst, q []float32) {}

// Rate implements attention.Index.
func (l *watched) Rate(share []float32, p *attention.Products) {
	p.AddSums(share)
	row := make([]float32, len(share))
	for t, x := range share {
		row[t] = x / float32(p.Group)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heads = set(l.heads, p.Head, set(at(l.heads, p.Head), p.Row/watchEvery, row))
}

// at is s[i], or the zero value beyond the end.
func at[E any](s []E, i int) (e E) {
	if i < len(s) {
		e = s[i]
	}
	return e
}

// set is s with s[i] = e, longer if need be.
func set[E any](s []E, i int, e E) []E {
	if i >= len(s) {
		s = append(s, make([]E, i+1-len(s))...)
	}
	s[i] = e
	return s
}
