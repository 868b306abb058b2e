package attention

import "github.com/godwit-ai/godwit/internal/vec"

func init() {
	selectors.add("mass", func(a *args, _ Selector) (Selector, error) {
		m := Mass{a.budget(usualMass)}
		return m, m.Reading.check()
	}, "mass(k=1,local=1,dense=64)", "mass(p=0.5,least=1,local=1,dense=0,every=8)")
}

var usualMass = Budget{Share: 1, P: 0.9}

// Mass estimates how much of a query's attention falls on a tile, and reads tiles, the largest first, until they have the part p of all
// that is estimated (FlexPrefill's cumulative share, arXiv 2502.20766, for each row instead of each prompt). k or share cap their
// number, p=1 leaves it to these.
//
// Were a tile's keys normally distributed, each dimension by itself, with means μ and variances σ², the sum of e^(q·k) over them would
// be Tile·e^(q·μ + ½ Σ q²σ²).
type Mass struct{ Reading Budget }

// Fit implements Selector.
func (m Mass) Fit(dim int) (Index, error) { return mass(dim), nil }

// Budget implements Selector.
func (m Mass) Budget() Budget { return m.Reading }

func (m Mass) String() string { return term("mass", m.Reading.text(usualMass)...) }

// mass is the width of a key. A tile has one vector: means, then variances.
type mass int

func (d mass) Size() (vectors, width int) { return 1, 2 * int(d) }

func (d mass) Put(dst, keys []float32) {
	for i := range int(d) {
		column := keys[i*Tile:][:Tile]
		mean, variance := vec.Sum(column)/Tile, float32(0)
		for _, x := range column {
			variance += float32((x - mean) * (x - mean))
		}
		dst[i], dst[int(d)+i] = mean, variance/Tile
	}
}

func (d mass) Ask(dst, q []float32) {
	for i, x := range q {
		dst[i], dst[int(d)+i] = x, x*x/2
	}
}

func (d mass) Rate(share []float32, p *Products) { p.addShares(share) }
