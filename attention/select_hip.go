package attention

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/godwit-ai/godwit/internal/vec"
)

func init() {
	selectors.add("hip", func(a *args, _ Selector) (Selector, error) {
		h := HiP{Beam: a.whole("beam", usualBeam), Reading: a.budget(Budget{K: 32})}
		if h.Beam < 1 {
			return h, fmt.Errorf("beam=%d: at least one interval is followed", h.Beam)
		}
		return h, h.Reading.check()
	}, "hip(k=1,local=1,dense=64)", "hip(beam=1,k=1,local=1,dense=0,every=4)", "hip(beam=2,p=0.7,share=0.5,local=1,dense=0,every=8)")
}

const usualBeam = 32

// HiP finds tiles as in a binary tree (HiP Attention, arXiv 2406.09827). It cuts the tiles into Beam intervals, or as many as it is to
// choose if those are more; halves them; rates each half by the attention that the tile in its middle gets; goes on with the best Beam
// halves, until each is one tile. So a choice multiplies queries with the keys of at most 2·Beam·⌈log₂(tiles/Beam)⌉ tiles, and finds what
// lies beside tiles that get attention too.
type HiP struct {
	Beam    int // intervals
	Reading Budget
}

// Fit implements Selector.
func (h HiP) Fit(int) (Index, error) { return hip(h.Beam), nil }

// Budget implements Selector.
func (h HiP) Budget() Budget { return h.Reading }

func (h HiP) String() string {
	return term("hip", append([]string{unlessUsual("beam", h.Beam, usualBeam)}, h.Reading.text(Budget{K: 32})...)...)
}

// hip is the beam. A tile has one vector, of one number: 0, or NaN if a key is no finite one, so that a choice notices also what it would
// not look at.
type hip int

func (hip) Size() (vectors, width int) { return 1, 1 }

func (hip) Put(dst, keys []float32) {
	dst[0] = 0
	for i := 0; i < len(keys); i += Tile {
		if x := vec.Sum(keys[i:][:Tile]); x-x != 0 {
			dst[0] = float32(math.NaN())
		}
	}
}

func (hip) Ask(dst, q []float32) { dst[0] = 0 }

func (hip) Rate(share []float32, p *Products) { vec.Add(share, p.Of(0, 0)) }

// Find implements Finder.
func (h hip) Find(share []float32, from, also []int32, k int, p *Products) {
	s := &p.find.w.seek
	lo, hi, tiles := s.nodes[:p.stride], s.nodes[p.stride:][:p.stride], s.nodes[2*p.stride:]
	beam := min(max(int(h), k), len(from))
	n := beam
	for i := range n {
		lo[i], hi[i] = int32(i*len(from)/n), int32((i+1)*len(from)/n)
	}
	for halve(lo, hi, &n) {
		for i := range n {
			tiles[i] = from[(lo[i]+hi[i])/2]
		}
		p.Shares(s.rate[:n], tiles[:n])
		n = best(lo, hi, s.rate[:n], p.find.w.order[:n], beam)
	}
	for i := range n {
		tiles[i] = from[lo[i]]
	}
	n += copy(tiles[n:], also)
	p.Shares(s.rate[:n], tiles[:n])
	for i, t := range tiles[:n] {
		share[t] += s.rate[i]
	}
}

// halve makes two of every one of n intervals that is longer than 1, in their order; false: none is.
func halve(lo, hi []int32, n *int) bool {
	all := *n
	for i := range *n {
		if hi[i]-lo[i] > 1 {
			all++
		}
	}
	if all == *n {
		return false
	}
	to := all
	for i := *n - 1; i >= 0; i-- {
		a, b := lo[i], hi[i]
		if mid := (a + b) / 2; mid > a {
			to--
			lo[to], hi[to] = mid, b
			b = mid
		}
		to--
		lo[to], hi[to] = a, b
	}
	*n = all
	return true
}

// best leaves the k intervals with the highest rates, with equal ones the first, in their order, and returns how many there are. order is
// scratch.
func best(lo, hi []int32, rate []float32, order []uint32, k int) (n int) {
	for i, x := range rate {
		order[i] = math.Float32bits(x)
	}
	least, equal := largest(order, min(k, len(rate)))
	for i, x := range rate {
		switch b := math.Float32bits(x); {
		case b > least:
		case b == least && equal > 0:
			equal--
		default:
			continue
		}
		lo[n], hi[n] = lo[i], hi[i]
		n++
	}
	return n
}

// Looks implements Finder.
func (h hip) Looks(n, k int) int {
	beam := max(int(h), k)
	if n <= beam {
		return n
	}
	return min(n, 2*beam*bits.Len(uint((n+beam-1)/beam-1)))
}
