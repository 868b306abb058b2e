package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

func init() {
	selectors.add("clusters", func(a *args, _ Selector) (Selector, error) {
		c := Clusters{Of: a.whole("of", usualClusters), Reading: a.budget(Budget{K: 32})}
		if c.Of < 1 || c.Of > maxClusters {
			return c, fmt.Errorf("of=%d: a tile has from 1 to %d clusters", c.Of, maxClusters)
		}
		return c, c.Reading.check()
	}, "clusters(k=1,local=1,dense=64)", "clusters(of=2,share=0.5,local=1,dense=0,every=8)")
}

const (
	usualClusters = 4
	maxClusters   = 16
	clusterRounds = 3
)

// Clusters rates a tile by the means c of Of clusters of its keys and their sizes n, as if all keys of a cluster were alike (Squeezed
// Attention, arXiv 2411.09688): Σ n·e^(q·c).
type Clusters struct {
	Of      int // clusters of a tile
	Reading Budget
}

// Fit implements Selector.
func (c Clusters) Fit(dim int) (Index, error) { return clusters{of: c.Of, dim: dim}, nil }

// Budget implements Selector.
func (c Clusters) Budget() Budget { return c.Reading }

func (c Clusters) String() string {
	return term("clusters", append([]string{unlessUsual("of", c.Of, usualClusters)}, c.Reading.text(Budget{K: 32})...)...)
}

// clusters has a vector for each cluster: the mean, and the logarithm of the size.
type clusters struct{ of, dim int }

func (c clusters) Size() (vectors, width int) { return c.of, c.dim + 1 }

// none is the logarithm of the size of an empty cluster: no attention, and no infinity.
const none = -1e4

// Put begins with keys that are far from the mean and each other, and moves the means to their clusters' a few times.
func (c clusters) Put(dst, keys []float32) {
	var far, norm [Tile]float32 // distances from the nearest center so far; squared lengths
	for d := range c.dim {
		column := keys[d*Tile:][:Tile]
		dst[d] = vec.Sum(column) / Tile
		for i, x := range column {
			norm[i] += float32(x * x)
		}
	}
	for i := range far {
		far[i] = math.MaxFloat32
	}
	var dots [maxClusters * Tile]float32
	last := dst[:c.dim] // the mean, which is no center
	for v := range c.of {
		clear(dots[:Tile])
		vec.MulAdd(dots[:], last, keys, 1, c.dim, Tile, c.dim, Tile, Tile)
		length, best := vec.Dot(last, last), 0
		for i, dot := range dots[:Tile] {
			if far[i] = min(far[i], norm[i]-2*dot+length); far[i] > far[best] {
				best = i
			}
		}
		if v == 0 {
			for i := range far {
				far[i] = math.MaxFloat32 // from the mean
			}
		}
		last = dst[v*(c.dim+1):][:c.dim]
		for d := range last {
			last[d] = keys[d*Tile+best]
		}
	}
	for range clusterRounds {
		c.round(dst, keys, dots[:c.of*Tile])
	}
}

// round assigns every key to the nearest center and makes the centers means. dots[of, Tile] is scratch.
func (c clusters) round(dst, keys, dots []float32) {
	var of [Tile]int
	var n [maxClusters]float32
	var half [maxClusters]float32
	clear(dots)
	vec.MulAdd(dots, dst, keys, c.of, c.dim, Tile, c.dim+1, Tile, Tile)
	for v := range c.of {
		center := dst[v*(c.dim+1):][:c.dim]
		half[v] = vec.Dot(center, center) / 2
	}
	for i := range of {
		for v := 1; v < c.of; v++ {
			if dots[v*Tile+i]-half[v] > dots[of[i]*Tile+i]-half[of[i]] {
				of[i] = v
			}
		}
		n[of[i]]++
	}
	for d := range c.dim {
		var sum [maxClusters]float32
		for i, x := range keys[d*Tile:][:Tile] {
			sum[of[i]] += x
		}
		for v := range c.of {
			if n[v] > 0 {
				dst[v*(c.dim+1)+d] = sum[v] / n[v]
			}
		}
	}
	for v := range c.of {
		if size := &dst[v*(c.dim+1)+c.dim]; n[v] > 0 {
			*size = float32(ln(float64(n[v])))
		} else {
			*size = none
		}
	}
}

func (c clusters) Ask(dst, q []float32) {
	copy(dst, q)
	dst[c.dim] = 1
}

func (c clusters) Rate(share []float32, p *Products) {
	for g := range p.Group {
		p.Softmax(g)
		for v := range p.Vectors {
			vec.Add(share, p.Of(g, v))
		}
	}
}
