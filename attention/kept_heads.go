package attention

import (
	"slices"

	"github.com/godwit-ai/godwit/seq"
)

// Heads of one layer can share a budget (Ada-KV, arXiv 2407.11550): of all heads' rows those of the highest scores stay, but of
// each head at least KeepBudget.Ada of the equal share. Then a head's tiles lie anywhere in the layer's memory, and a table says where.

// heads is the table of a layer whose heads hold different numbers of rows.
type heads struct {
	pages []int32 // [KVHeads, perHead] where a head's tiles lie, in tiles of one head; nil: all hold as many, and there is no table
	per   int
}

// mostRows is the most rows that stay of one of so many KV heads.
func (b KeepBudget) mostRows(heads int) int {
	if b.Ada == 0 {
		return b.Rows
	}
	return heads*b.Rows - (heads-1)*b.safe()
}

// safe is the rows of each head that stay whatever other heads have.
func (b KeepBudget) safe() int { return max(int(b.Ada*float64(b.Rows)), b.Sinks+b.Recent) }

// deal gives each head the tiles that it needs until the next eviction: it keeps those that have rows.
func (k *kept) deal(mem *seq.Arena, all int) {
	mark := mem.Mark()
	defer mem.Release(mark)
	free := seq.Take[int32](mem, all)
	for i := range free {
		free[i] = int32(i)
	}
	for h, held := range k.held {
		for _, p := range k.pages[h*k.per:][:tiles(held)] {
			free[p] = -1
		}
	}
	next := 0
	for h, held := range k.held {
		for t := tiles(held); t < min(k.per, tiles(held+k.Every)); t++ {
			for free[next] < 0 {
				next++
			}
			k.pages[h*k.per+t] = free[next]
			next++
		}
	}
}

// empty gives each head of a state without rows its share of the tiles.
func (k *kept) empty() {
	n := tiles(min(k.maxLen, k.Rows+k.Every))
	for h := range k.held {
		for t := range n {
			if k.pages != nil {
				k.pages[h*k.per+t] = int32(h*n + t)
			}
		}
	}
}

// share says how many rows of each head stay: the highest scores of all heads, after the safe ones of each.
func (k *kept) share(s *state, mem *seq.Arena, end int) {
	mark := mem.Mark()
	defer mem.Release(mark)
	heads, left, total := len(k.held), 0, 0
	for h := range heads {
		total += s.slot(end, h)
	}
	order, n := seq.Take[uint64](mem, total), 0
	for h := range heads {
		held := s.slot(end, h)
		safe := min(k.safe(), held)
		k.count[h] = safe
		left += k.Rows - safe
		// Which rows are safe is picked with the others; here only scores count, of all but as many.
		part := order[n:n]
		first := int(k.from(seq.Pos(k.Sinks), h))
		for i := first; i < held-k.Recent; i++ {
			part = append(part, uint64(^rank(k.scores[h*k.most+i]))<<32|uint64(h))
		}
		slices.Sort(part)
		part = part[safe-first-k.Recent:]
		n += copy(order[n:], part)
	}
	order = order[:n]
	slices.Sort(order)
	for _, o := range order[:min(left, n)] {
		k.count[uint32(o)]++
	}
}
