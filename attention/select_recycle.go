package attention

func init() {
	selectors.add("recycle", func(a *args, _ Selector) (Selector, error) {
		r := Recycle{a.budget(usualRecycle)}
		return r, r.Reading.check()
	}, "recycle(k=1,local=1,dense=64)", "recycle(share=0.5,local=1,dense=0,every=8)", "recycle(k=1,local=1,dense=0,every=4,from=150)", "recycle(k=2,local=1,dense=0,every=4,from=150,blind)")
}

var usualRecycle = Budget{K: 32, Every: 16}

// Recycle multiplies every 16th query with all keys, and lets it and the others up to the next one read the tiles on which most of its
// attention falls (Recycled Attention, arXiv 2411.05787, which has every 50th read all). It needs no memory but that of choices.
type Recycle struct{ Reading Budget }

// Fit implements Selector.
func (r Recycle) Fit(int) (Index, error) { return recycle{}, nil }

// Budget implements Selector.
func (r Recycle) Budget() Budget { return r.Reading }

func (r Recycle) String() string { return term("recycle", r.Reading.text(usualRecycle)...) }

// recycle has no vectors.
type recycle struct{}

func (recycle) Size() (vectors, width int)        { return 0, 0 }
func (recycle) Put(dst, keys []float32)           {}
func (recycle) Ask(dst, q []float32)              {}
func (recycle) Rate(share []float32, p *Products) { p.AddSums(share) }
