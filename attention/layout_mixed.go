package attention

func init() { layouts.add("mixed", plain[Layout](Mixed{}), "mixed") }

// Mixed gives every KV head what its own span needs: a ring where the span is bounded, and elsewhere all rows. So heads that look at their
// neighbours only take the memory of a window, as in DuoAttention (arXiv 2410.10819).
type Mixed struct{}

// ByHead is a Layout that places the rows of each KV head by the reach of its own span.
type ByHead interface {
	Layout
	byHead()
}

// Place implements Layout.
func (Mixed) Place(r Reach, maxLen, maxChunk int) (Placement, error) {
	if r.Bounded {
		return Ring{}.Place(r, maxLen, maxChunk)
	}
	return grow(tiles(maxLen)), nil
}

func (Mixed) byHead() {}

func (Mixed) String() string { return "mixed" }
