package attention

import "fmt"

func init() {
	selectors.add("louis", func(a *args, _ Selector) (Selector, error) {
		l := Louis{Of: a.whole("of", usualClusters), Reading: a.budget(usualLouis)}
		if l.Of < 0 || l.Of > maxClusters {
			return l, fmt.Errorf("of=%d: a tile has from 1 to %d clusters, 0: its keys", l.Of, maxClusters)
		}
		return l, l.Reading.check()
	}, "louis(k=1,local=1,dense=64)", "louis(of=0,tau=0.1,share=0.5,local=1,dense=0)", "louis(of=2,tau=0.02,p=0.6,k=4,local=1,dense=70,every=16)")
}

var usualLouis = Budget{K: 32, Every: Tile, Tau: 0.7}

// Louis lets rows go by the last choice for as long as their queries are like those before, and at most until the next tile begins (LouisKV,
// arXiv 2510.11292, which chooses anew only where they are not). It rates a tile by Of clusters of its keys, as Clusters does, or by its
// keys themselves.
type Louis struct {
	Of      int // clusters of a tile; 0: queries are multiplied with the keys
	Reading Budget
}

// Fit implements Selector.
func (l Louis) Fit(dim int) (Index, error) {
	if l.Of == 0 {
		return recycle{}, nil
	}
	return clusters{of: l.Of, dim: dim}, nil
}

// Budget implements Selector.
func (l Louis) Budget() Budget { return l.Reading }

func (l Louis) String() string {
	return term("louis", append([]string{unlessUsual("of", l.Of, usualClusters)}, l.Reading.text(usualLouis)...)...)
}
