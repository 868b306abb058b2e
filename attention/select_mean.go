package attention

import "github.com/godwit-ai/godwit/internal/vec"

func init() {
	selectors.add("mean", func(a *args, _ Selector) (Selector, error) {
		m := Mean{a.budget(Budget{K: 32})}
		return m, m.Reading.check()
	}, "mean(k=1,local=1,dense=64)", "mean(share=0.5,local=1,dense=0,every=8)")
}

// Mean rates a tile by the means of windows of 32 keys, one beginning at every 16th row (InfLLM-V2, arXiv 2509.24663): a softmax over
// all windows for each query head, added up over the group, and of those that touch a tile the largest.
type Mean struct{ Reading Budget }

// Fit implements Selector.
func (m Mean) Fit(dim int) (Index, error) { return means(dim), nil }

// Budget implements Selector.
func (m Mean) Budget() Budget { return m.Reading }

func (m Mean) String() string { return term("mean", m.Reading.text(Budget{K: 32})...) }

// means is the width of a key. A tile has the means of its quarters, halves of windows.
type means int

const (
	quarters = 4
	quarter  = Tile / quarters
)

func (d means) Size() (vectors, width int) { return quarters, int(d) }

func (d means) Put(dst, keys []float32) {
	for v := range quarters {
		for i := range int(d) {
			dst[v*int(d)+i] = vec.Sum(keys[i*Tile+v*quarter:][:quarter]) / quarter
		}
	}
}

func (d means) Ask(dst, q []float32) { copy(dst, q) }

func (d means) Rate(share []float32, p *Products) {
	for g := range p.Group {
		p.windows(g)
		p.Softmax(g)
		for v := range quarters {
			if g > 0 {
				vec.Add(p.Of(0, v), p.Of(g, v))
			}
		}
	}
	for v := range quarters {
		for t, x := range p.Of(0, v) {
			if share[t] = max(share[t], x); v == quarters-1 && t+1 < len(share) {
				share[t+1] = max(share[t+1], x) // its window ends there
			}
		}
	}
}

// windows makes products with the means of quarters those with the means of the windows that begin with them. The last one, whose end is
// not complete, is of one quarter.
func (p *Products) windows(g int) {
	for t := range p.Tiles {
		for v := range quarters {
			x, next := p.Of(g, v), p.Of(g, (v+1)%quarters)
			switch {
			case v < quarters-1:
				x[t] = (x[t] + next[t]) / 2
			case t+1 < p.Tiles:
				x[t] = (x[t] + next[t+1]) / 2
			}
		}
	}
}
