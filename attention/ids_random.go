package attention

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/godwit-ai/godwit/seq"
)

func init() {
	numberings.add("random", func(a *args, _ Numbering) (Numbering, error) {
		return Random{a.whole("max", 0), a.whole("len", 0), a.whole("seed", 0)}, nil
	}, "random(max=1000,len=150,seed=1)")
}

// Random gives Len rows as many of the positions from 0 to Max − 1, ascending, so that a model that was trained like this meets
// no positions in a long text that short ones did not have (arXiv 2305.16843). They are drawn for all Len rows at once: what
// the first rows get does not depend on how many follow. Rows beyond Len continue one by one.
type Random struct{ Max, Len, Seed int }

// Fit implements Numbering.
func (r Random) Fit() (Numbers, error) {
	const most = 1 << 18 // 50 ms
	if err := checkDraw(r.Max, r.Len); err != nil {
		return nil, err
	}
	if r.Len > most || r.Seed < 0 {
		return nil, fmt.Errorf("len=%d, seed=%d: the largest len is %d", r.Len, r.Seed, most)
	}
	drawn.Lock()
	defer drawn.Unlock()
	if drawn.by != r {
		drawn.by, drawn.draw = r, r.draw()
	}
	return drawn.draw, nil
}

// drawn is the last draw: the layers of a model share it.
var drawn struct {
	sync.Mutex
	by   Random
	draw draw
}

func (r Random) draw() draw {
	// Floyd's algorithm: every set of Len positions is as likely.
	src, taken := rand.NewPCG(uint64(r.Seed), 0), make(map[seq.Pos]bool, r.Len)
	d := draw{r.Max, make([]seq.Pos, 0, r.Len)}
	for last := r.Max - r.Len; last < r.Max; last++ {
		hi, _ := bits.Mul64(src.Uint64(), uint64(last+1)) // of 2³⁰ positions none is likelier than others by 2⁻³⁴
		p := seq.Pos(hi)
		if taken[p] {
			p = seq.Pos(last)
		}
		taken[p] = true
		d.of = append(d.of, p)
	}
	slices.Sort(d.of)
	return d
}

func (r Random) String() string {
	return term("random", optInt("max", r.Max), optInt("len", r.Len), optInt("seed", r.Seed))
}

// draw is what was drawn.
type draw struct {
	max int
	of  []seq.Pos // [Len] ascending
}

// At implements Numbers.
func (d draw) At(row seq.Pos) seq.Pos {
	if int(row) >= len(d.of) {
		return beyond(d.max, len(d.of), row)
	}
	return d.of[row]
}
