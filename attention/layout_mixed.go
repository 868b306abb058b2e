package attention

func init() {
	layouts.add("mixed", func(a *args, _ Layout) (Layout, error) { return Mixed{a.whole("step", 0)}, nil }, "mixed", "mixed(step=40)")
}

// Mixed gives every KV head what its own span needs: a ring where the span is bounded, and elsewhere all rows. So heads that look at their
// neighbours only take the memory of a window, as in DuoAttention (arXiv 2410.10819).
type Mixed struct {
	Step int // that of the rings; 0: chunks are not cut
}

// ByHead is a Layout that places the rows of each KV head by the reach of its own span.
type ByHead interface {
	Layout
	byHead()
}

// Place implements Layout.
func (l Mixed) Place(r Reach, maxLen, maxChunk int) (Placement, error) {
	if r.Bounded {
		return Ring(l).Place(r, maxLen, maxChunk)
	}
	return grow(tiles(maxLen)), nil
}

func (Mixed) byHead() {}

// Cut implements Cutter.
func (l Mixed) Cut() int { return l.Step }

func (l Mixed) String() string { return term("mixed", optInt("step", l.Step)) }
