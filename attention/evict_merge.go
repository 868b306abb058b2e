package attention

import (
	"math"
	"slices"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// With KeepBudget.Merge, rows that go are merged into rows that stay, as in D2O (arXiv 2406.13035): each into the one whose key is most
// like its own by the cosine, unless even that one is less like it than the mean of all such pairs. A row that stays becomes the
// mean of itself, with the weight e, and of what is merged into it, with the weights e^cosine, keys and values alike. The first rows and
// the newest do not change.

// merging is a worker's scratch.
type merging struct {
	gone   []int32   // [slots] slots that go
	keys   []float32 // [slots, Dim] their keys
	values []float32 // [slots, VDim]
	unit   []float32 // [slots, Dim] normalised keys
	best   []float32 // [slots] the largest cosine
	order  []uint64  // [slots] (slot that it is like, which of those that go)
	dots   []float32 // [slots, Tile]
	tile   []float32 // [max(Dim, VDim), Tile]
	inv    []float32 // [Tile] 1/norm of its keys
	sum    []float32 // [max(Dim, VDim)]
}

func takeMerging(mem *seq.Arena, slots, dim, vdim int) merging {
	f := func(n int) []float32 { return seq.Take[float32](mem, n) }
	return merging{gone: seq.Take[int32](mem, slots), keys: f(slots * dim), values: f(slots * vdim), unit: f(slots * dim), best: f(slots),
		order: seq.Take[uint64](mem, slots), dots: f(slots * Tile), tile: f(max(dim, vdim) * Tile), inv: f(Tile), sum: f(max(dim, vdim))}
}

// sizeMerging counts what takeMerging takes.
func sizeMerging(mem *seq.Sizer, slots, dim, vdim int) {
	seq.Size[int32](mem, slots)
	for _, n := range []int{slots * dim, slots * vdim, slots * dim, slots, slots * Tile, max(dim, vdim) * Tile, Tile, max(dim, vdim)} {
		seq.Size[float32](mem, n)
	}
	seq.Size[uint64](mem, slots)
}

// merge merges a KV head's rows that go. stay are the slots that do not.
func (k *evict) merge(m *merging, head int, stay []int32) {
	s, c := k.s, k.s.core
	b, n := k.s.kept.KeepBudget, s.slot(int(k.ev.End), head)
	first := int(s.kept.from(seq.Pos(b.Sinks), head))
	targets := stay[min(first, len(stay)):max(min(first, len(stay)), len(stay)-b.Recent)]
	gone := m.gone[:0]
	for slot, i := int32(0), 0; int(slot) < n; slot++ {
		if i < len(stay) && stay[i] == slot {
			i++
			continue
		}
		gone = append(gone, slot)
	}
	if len(gone) == 0 || len(targets) == 0 {
		return
	}
	m.load(s, head, gone, n)
	m.match(s, head, gone, targets, n)
	least := vec.Sum(m.best[:len(gone)]) / float32(len(gone))
	order := m.order[:0]
	for i, o := range m.order[:len(gone)] {
		if m.best[i] >= least {
			order = append(order, o)
		}
	}
	slices.Sort(order)
	for len(order) > 0 {
		slot := int(order[0] >> 32)
		e := 1
		for e < len(order) && int(order[e]>>32) == slot {
			e++
		}
		key, value := s.tile(slot/Tile, head)
		c.key.Get(m.tile, key, Tile)
		for d := range c.shape.Dim {
			m.sum[d] = m.tile[d*Tile+slot%Tile]
		}
		m.mean(m.sum[:c.shape.Dim], m.keys, order[:e])
		c.key.Put(key, slot%Tile, m.sum)
		c.value.Get(m.tile, value, Tile)
		copy(m.sum, m.tile[slot%Tile*c.shape.VDim:][:c.shape.VDim])
		m.mean(m.sum[:c.shape.VDim], m.values, order[:e])
		c.value.Put(value, slot%Tile, m.sum)
		order = order[e:]
	}
}

// load decodes the rows that go.
func (m *merging) load(s *state, head int, gone []int32, n int) {
	dim, vdim := s.core.shape.Dim, s.core.shape.VDim
	for i := 0; i < len(gone); {
		t := int(gone[i]) / Tile
		key, value := s.tile(t, head)
		e := i
		s.core.key.Get(m.tile, key, min(Tile, n-t*Tile))
		for ; e < len(gone) && int(gone[e])/Tile == t; e++ {
			x, sum := m.keys[e*dim:][:dim], float32(0)
			for d := range x {
				x[d] = m.tile[d*Tile+int(gone[e])%Tile]
				sum += float32(x[d] * x[d])
			}
			unit := m.unit[e*dim:][:dim]
			copy(unit, x)
			vec.Scale(unit, inverse(sum))
		}
		s.core.value.Get(m.tile, value, min(Tile, n-t*Tile))
		for ; i < e; i++ {
			copy(m.values[i*vdim:][:vdim], m.tile[int(gone[i])%Tile*vdim:])
		}
	}
}

// inverse returns 1/√square, 0 for 0.
func inverse(square float32) float32 {
	if square == 0 {
		return 0
	}
	return float32(1 / math.Sqrt(float64(square)))
}

// match finds for each row that goes the most like of the targets, the first of several.
func (m *merging) match(s *state, head int, gone, targets []int32, n int) {
	dim := s.core.shape.Dim
	for i := range gone {
		m.best[i], m.order[i] = minusInf, uint64(targets[0])<<32|uint64(i)
	}
	for len(targets) > 0 {
		t := int(targets[0]) / Tile
		key, _ := s.tile(t, head)
		s.core.key.Get(m.tile, key, min(Tile, n-t*Tile))
		clear(m.inv)
		for d := range dim {
			for i, x := range m.tile[d*Tile:][:Tile] {
				m.inv[i] += float32(x * x)
			}
		}
		clear(m.dots[:len(gone)*Tile])
		vec.MulAdd(m.dots, m.unit, m.tile, len(gone), dim, Tile, dim, Tile, Tile)
		for ; len(targets) > 0 && int(targets[0])/Tile == t; targets = targets[1:] {
			at := int(targets[0]) % Tile
			inv := inverse(m.inv[at])
			for i := range gone {
				if cos := m.dots[i*Tile+at] * inv; cos > m.best[i] {
					m.best[i], m.order[i] = cos, uint64(targets[0])<<32|uint64(i)
				}
			}
		}
	}
}

// mean makes x the weighted mean of itself and of rows that go.
func (m *merging) mean(x, rows []float32, of []uint64) {
	var w [1]float32
	sum := float32(math.E)
	vec.Scale(x, math.E)
	for _, o := range of {
		i := int(uint32(o))
		w[0] = m.best[i]
		vec.Exp(w[:], w[:])
		sum += w[0]
		vec.Axpy(x, w[0], rows[i*len(x):][:len(x)])
	}
	vec.Scale(x, 1/sum)
}
