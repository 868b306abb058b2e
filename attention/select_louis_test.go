package attention

import (
	"errors"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestLouisTurns: rows choose where the query turns, and where tiles begin; steps and threads do not count.
func TestLouisTurns(t *testing.T) {
	t.Parallel()
	const rows, dense = 700, 100
	sh := Shape{Heads: 4, KVHeads: 2, Dim: 16}
	f := newFixture(t, "kv=f32 select=louis(k=1,local=1,dense=100)", sh, rows, 1)
	width := sh.Heads * sh.Dim
	want := map[int]bool{}
	for i := range rows {
		if i%37 != 0 { // like the query before, but for its length
			for d := range width {
				f.q[i*width+d] = f.q[(i-1)*width+d] * (0.75 + 0.5*float32(i%2))
			}
		}
		if i >= dense && (i%37 == 0 || i%Tile == 0) {
			want[i] = true
		}
	}
	for _, chunk := range []int{1, 7, 33, rows} {
		r := f.runner(t, rows, chunk)
		r.team = newScatter(3)
		s := r.st.(*state)
		for s.n < rows {
			if err := r.step(min(chunk, rows-s.n)); err != nil {
				t.Fatal(err)
			}
			for h := range s.choices {
				for _, row := range s.choices[h].rows {
					if row >= dense && !want[int(row)] {
						t.Errorf("row %d chooses for head %d", row, h)
					}
				}
			}
		}
		for h := range s.choices {
			if k := &s.choices[h]; k.chose != int64(len(want)) || k.could != rows-dense {
				t.Errorf("in steps of %d, %d of %d rows choose for head %d, want %d of %d", chunk, k.chose, k.could, h, len(want), rows-dense)
			}
		}
	}
}

// TestLouisEnds: where all queries turn, rows choose as with clusters, and where none does, as with clusters that choose at each tile.
func TestLouisEnds(t *testing.T) {
	t.Parallel()
	const rows = 500
	sh := Shape{Heads: 3, KVHeads: 1, Dim: 16, VDim: 18}
	for _, c := range [][2]string{
		{"louis(tau=1,k=1,local=1,dense=64)", "clusters(k=1,local=1,dense=64)"},
		{"louis(tau=1,of=0,k=1,local=1,dense=64)", "recycle(k=1,local=1,dense=64,every=1)"},
		{"louis(tau=0.00001,k=1,local=1,dense=64)", "clusters(k=1,local=1,dense=64,every=64)"},
		{"mean(tau=0.00001,k=1,local=1,dense=64,every=16)", "mean(k=1,local=1,dense=64,every=16)"},
	} {
		var out [2][]float32
		for i, text := range c {
			f := newFixture(t, "kv=q8_0 select="+text, sh, rows, 1)
			if strings.Contains(c[0], "0.00001") { // no two queries are at right angles
				for i, x := range f.q {
					f.q[i] = max(x, -x) + 0.1
				}
			}
			r := f.runner(t, rows, 200)
			if err := r.all(steps{200}.cut(rows)); err != nil {
				t.Fatal(err)
			}
			out[i] = r.out
		}
		if err := sameBits(out[0], out[1]); err != nil {
			t.Errorf("%s against %s: %v", c[0], c[1], err)
		}
	}
}

// TestLouisRewind: the last 128 rows can be gone back to one by one, and beginnings of tiles; rows in the middle of a tile before these are
// refused, since the query that tells whether they choose is gone. What comes after is what it is without a detour.
func TestLouisRewind(t *testing.T) {
	t.Parallel()
	const rows = 700
	f := newFixture(t, "kv=q8_0 layout=grow select=[louis(tau=0.05,k=1,local=1,dense=0),louis(of=2,tau=0.1,k=1,local=1,dense=0,every=32)]", Shape{Heads: 4, KVHeads: 2, Dim: 16}, rows, 5)
	r, want := f.whole(t)
	for to := rows - 1; to >= rows-2*Tile; to -= 3 {
		if err := errors.Join(r.st.Rewind(to), r.feed(min(2, rows-to)), r.st.Rewind(to), r.feed(rows-to)); err != nil { // other rows on the way
			t.Fatal(err)
		}
		if err := r.st.Rewind(to); err != nil {
			t.Fatalf("to %d: %v", to, err)
		}
		r.again(t, want, 200)
	}
	for _, to := range []int{500, 301, 65, 90} {
		if err := r.st.Rewind(to); !errors.Is(err, seq.ErrRewind) {
			t.Fatalf("to %d: %v", to, err)
		}
		if err := r.st.Rewind(to / Tile * Tile); err != nil {
			t.Fatal(err)
		}
		r.again(t, want, 50)
	}
	// A pass that failed after its choices were kept is taken back to its beginning, however long it was.
	if err := r.st.Rewind(rows - 100); err != nil {
		t.Fatal(err)
	}
	for _, to := range []int{rows - 100, 130} {
		if err := errors.Join(r.st.Rewind(0), r.step(to), r.step(rows-to), r.st.Rewind(to)); err != nil {
			t.Fatalf("to %d: %v", to, err)
		}
		r.again(t, want, 300)
	}
}
