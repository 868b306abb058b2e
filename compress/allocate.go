package compress

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrSize says that a file cannot become as small as was asked for.
var ErrSize = errors.New("the size cannot be reached")

// curve is what a weight costs and loses at each rank.
type curve struct {
	step  int       // ranks are multiples of it
	most  int       // the largest rank that is smaller than the weight as it is
	unit  int64     // bytes of a step
	whole int64     // bytes of the weight as it is
	tail  []float64 // squared error by rank. [min(out, in) + 1]
}

// bytes are those of a rank; rank 0 is the weight as it is.
func (c *curve) bytes(rank int) int64 {
	if rank == 0 {
		return c.whole
	}
	return int64(rank/c.step) * c.unit
}

// loss is the part of the squares that a rank leaves out; rank 0 is the weight as it is.
func (c *curve) loss(rank int) float64 {
	if rank == 0 || c.tail[0] == 0 {
		return 0
	}
	return c.tail[min(rank, len(c.tail)-1)] / c.tail[0]
}

// up rounds a rank up to whole steps; 0, which leaves the weight as it is, if that is not smaller.
func (c *curve) up(rank int) int {
	rank = max(c.step, (rank+c.step-1)/c.step*c.step)
	if rank > c.most {
		return 0
	}
	return rank
}

// energy is the smallest rank that keeps a part of the squares.
func (c *curve) energy(part float64) int {
	rank, _ := slices.BinarySearchFunc(c.tail, (1-part)*c.tail[0], func(tail, want float64) int { return cmp.Compare(want, tail) })
	return c.up(rank)
}

// gain is a step of a weight's rank along the lower convex hull of its losses over its bytes.
type gain struct {
	weight, rank int // the rank after it
	bytes        int64
	rate         float64 // loss that it saves for a byte
}

// hull returns the steps from the smallest rank up to the weight as it is, the most profitable first.
func (c *curve) hull(weight int) (steps []gain) {
	ranks := []int{c.step}
	for r := 2 * c.step; r <= c.most; r += c.step {
		ranks = append(ranks, r)
	}
	ranks = append(ranks, 0)
	for at := 0; at < len(ranks)-1; {
		best, next := math.Inf(-1), at+1
		for to := at + 1; to < len(ranks); to++ {
			rate := (c.loss(ranks[at]) - c.loss(ranks[to])) / float64(c.bytes(ranks[to])-c.bytes(ranks[at]))
			if rate >= best {
				best, next = rate, to
			}
		}
		steps = append(steps, gain{weight, ranks[next], c.bytes(ranks[next]) - c.bytes(ranks[at]), best})
		at = next
	}
	return steps
}

// allocate chooses ranks for weights that have budget bytes together: all begin with the smallest rank, and the step that saves
// most of the loss for its bytes comes first. A rank of 0 leaves a weight as it is.
func allocate(curves []*curve, budget int64) ([]int, error) {
	ranks, least := make([]int, len(curves)), int64(0)
	var steps []gain
	for i, c := range curves {
		ranks[i] = c.step
		least += c.bytes(c.step)
		steps = append(steps, c.hull(i)...)
	}
	if least > budget {
		return nil, fmt.Errorf("%w: the weights that may be factorised take %d bytes at the smallest rank, and %d are left for them", ErrSize, least, budget)
	}
	left := budget - least
	// Rates fall along each hull, so the order of a weight's steps stays.
	slices.SortStableFunc(steps, func(a, b gain) int { return cmp.Compare(b.rate, a.rate) })
	full := make([]bool, len(curves))
	for _, s := range steps {
		if c := curves[s.weight]; full[s.weight] {
			continue
		} else if s.bytes <= left {
			ranks[s.weight], left = s.rank, left-s.bytes
			continue
		} else if n := min(int(left/c.unit), (c.most-ranks[s.weight])/c.step); n > 0 {
			ranks[s.weight] += n * c.step
			left -= int64(n) * c.unit
		}
		full[s.weight] = true
	}
	return ranks, nil
}
