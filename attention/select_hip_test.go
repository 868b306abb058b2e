package attention

import (
	"math"
	"math/bits"
	"slices"
	"testing"
)

// TestHiPLooks: a choice multiplies queries with the keys of no more tiles than a tree of so many intervals has nodes, which is less and less
// of a text that grows, and with those that are read in any case where a part of the attention is asked for.
func TestHiPLooks(t *testing.T) {
	t.Parallel()
	const rows = 150 * Tile
	for _, c := range []struct {
		text            string
		beam, k, always int
	}{
		{"hip(beam=4,k=2,sink=0,local=1,dense=0,every=64)", 4, 2, 0},
		{"hip(beam=4,k=6,sink=2,local=3,dense=0,every=64)", 6, 6, 0},
		{"hip(beam=1,k=1,sink=0,local=1,dense=0,every=64)", 1, 1, 0},
		{"hip(beam=5,k=5,p=0.5,sink=2,local=3,dense=0,every=64)", 5, 5, 4},
	} {
		f := newFixture(t, "kv=f32 select="+c.text, Shape{Heads: 2, KVHeads: 1, Dim: 4}, rows, 3)
		r := f.runner(t, rows, Tile)
		before, most := 0, 0
		for q := 0; q < rows; q += Tile {
			if err := r.step(Tile); err != nil {
				t.Fatal(err)
			}
			s := r.st.(*state)
			looked := s.work[0].seek.looked - before
			before += looked
			sel := s.core.sel[0]
			n := q/Tile + 1 - sel.Sink - sel.Local
			if n <= 0 || n <= c.k && c.always == 0 {
				if looked != 0 {
					t.Errorf("%s: all are read at row %d, after %d looks", c.text, q, looked)
				}
				continue
			}
			bound := n
			if n > c.beam {
				rounds := bits.Len(uint((n+c.beam-1)/c.beam - 1))
				bound = min(n, 2*c.beam*rounds)
			}
			if looked > bound+c.always || looked < min(n, c.beam) {
				t.Errorf("%s: %d looks at row %d, the bound is %d", c.text, looked, q, bound+c.always)
			}
			most = max(most, looked)
		}
		if most < c.beam || most > 100 {
			t.Errorf("%s: up to %d looks of %d tiles", c.text, most, rows/Tile)
		}
	}
}

// TestHiPRecall: of keys that change slowly from row to row, choices have nearly all tiles that exact products find, with far fewer products. Of
// keys that do not they have no more than the tiles that were looked at.
func TestHiPRecall(t *testing.T) {
	t.Parallel()
	const rows, k, dim = 128 * Tile, 12, 16
	for _, smooth := range []bool{true, false} {
		f := newFixture(t, "kv=f32 select=hip(beam=12,k=12,sink=0,local=1,dense=0,every=64)", Shape{Heads: 2, KVHeads: 1, Dim: dim, VDim: 1}, rows, 3)
		for i := range rows {
			for d := range dim {
				if smooth { // up to six waves over the text
					f.k[i*dim+d] = float32(3 * math.Sin(float64(1+d%6)*float64(i)/rows*2*math.Pi+float64(d*d)))
				}
			}
		}
		r := f.runner(t, rows, rows)
		if err := r.step(rows); err != nil {
			t.Fatal(err)
		}
		s := r.st.(*state)
		found, all := 0, 0
		for q := rows - 2*Tile; q < rows; q += Tile {
			var query, keys [][]float64
			for h := range 2 {
				query = append(query, wide64(f.q[(q*2+h)*dim:][:dim], float64(s.core.scale)))
			}
			for i := range q {
				keys = append(keys, wide64(f.k[i*dim:][:dim], 1))
			}
			rate := byKeys(query, keys)
			order := make([]int, len(rate))
			for i := range order {
				order[i] = i
			}
			slices.SortFunc(order, func(a, b int) int {
				if rate[a] > rate[b] {
					return -1
				}
				return 1
			})
			choice := s.choices[0].get(q)
			for _, tile := range order[:k] {
				if all++; has(choice, tile) {
					found++
				}
			}
		}
		if recall := float64(found) / float64(all); smooth && recall < 0.9 || !smooth && recall > 0.9 {
			t.Errorf("smooth %v: %d of the best %d", smooth, found, all)
		}
	}
}

func wide64(x []float32, scale float64) (y []float64) {
	for _, v := range x {
		y = append(y, float64(v)*scale)
	}
	return y
}
