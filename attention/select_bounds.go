package attention

func init() {
	selectors.add("bounds", func(a *args, _ Selector) (Selector, error) {
		b := Bounds{a.budget(Budget{K: 32})}
		return b, b.Reading.check()
	}, "bounds(k=1,local=1,dense=64)", "bounds(p=0.7,share=1,local=1,dense=0,every=2)", "bounds(share=0.5,local=1,dense=0,every=8)")
}

// Bounds rates a tile by an upper bound of its products q·k, which the least and the greatest value of its keys in each dimension
// give (Quest, arXiv 2406.10774): Σ max(q·least, q·greatest).
type Bounds struct{ Reading Budget }

// Fit implements Selector.
func (b Bounds) Fit(dim int) (Index, error) { return bounds(dim), nil }

// Budget implements Selector.
func (b Bounds) Budget() Budget { return b.Reading }

func (b Bounds) String() string { return term("bounds", b.Reading.text(Budget{K: 32})...) }

// bounds is the width of a key. A tile has one vector: the greatest values, then the least.
type bounds int

func (d bounds) Size() (vectors, width int) { return 1, 2 * int(d) }

func (d bounds) Put(dst, keys []float32) {
	for i := range int(d) {
		column := keys[i*Tile:][:Tile]
		least, greatest := column[0], column[0]
		for _, x := range column {
			least, greatest = min(least, x), max(greatest, x)
		}
		dst[i], dst[int(d)+i] = greatest, least
	}
}

// Ask separates what multiplies greatest values from what multiplies least ones.
func (d bounds) Ask(dst, q []float32) {
	for i, x := range q {
		dst[i], dst[int(d)+i] = max(x, 0), min(x, 0)
	}
}

// Rate is the sum over the group of softmax(bounds): one head's order is that of its bounds, and heads have equal say.
func (d bounds) Rate(share []float32, p *Products) { p.addShares(share) }
