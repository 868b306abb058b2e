package attention

import (
	"errors"
	"fmt"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestMixed: heads whose spans are bounded take the memory of their rings and no more, the others that of all rows; whatever the codec, and
// beside near stores, biases and selectors, results are the bits of a cache that keeps everything, in any chunking and after rewinds.
func TestMixed(t *testing.T) {
	sh := Shape{Heads: 8, KVHeads: 4, Dim: 16, VDim: 32}
	const rows, step = 1500, 100
	ringBy := func(first, back, step int) int { return tiles(first) + (back+step-1+Tile-2)/Tile + 1 }
	ring := func(first, back int) int { return ringBy(first, back, step) }
	grows := func(head int, at string) string { // a selector for one head of four
		list := []string{"all", "all", "all", "all"}
		list[head] = at
		return fmt.Sprintf(" select=[%s,%s,%s,%s]", list[0], list[1], list[2], list[3])
	}
	for i, c := range []struct {
		spans string
		slots int // of the four heads together
		more  string
	}{
		{"window(30),full,sinks(4)+window(200),window(30)", 2*ring(0, 30) + ring(4, 200) + tiles(rows), ""},
		{"full,full,window(64),full", 3*tiles(rows) + ring(0, 64), grows(1, "recycle(k=1,local=1,dense=0,every=16)")},
		{"window(500),full,sinks(4)+window(230),full", ringBy(0, 500, 30) + ringBy(4, 230, 30) + 2*tiles(rows), " layout=mixed(step=30)"},
		{"window(500),window(20),window(500),window(20)", 2*ring(0, 500) + 2*ring(0, 20), ""},
		{"full,window(150),strided(8),sinks(70)+window(70)", 2*tiles(rows) + ring(0, 150) + ring(70, 70), grows(0, "bounds(k=2,local=1,dense=0)")},
	} {
		for k, kv := range []string{"kv=f32", "kv=q8_0", "kv=kivi(bits=3)", "kv=q4"} {
			pos := []string{"rope", "alibi"}[(i+k)%2]
			f := newFixture(t, fmt.Sprintf("span=[%s] pos=%s %s%s", c.spans, pos, kv, c.more), sh, rows, uint64(i))
			if got := f.layer.filled().Layout.String(); got != "mixed" && c.more != " layout="+got {
				t.Fatalf("%s: layout %s", f.text, got)
			}
			g := newFixture(t, f.text+" layout=grow", sh, rows, uint64(i))
			all := g.runner(t, rows, rows)
			if err := all.all([]int{rows}); err != nil {
				t.Fatal(err)
			}
			r := f.runner(t, rows, step)
			if err := r.all(steps{step, 1, 37}.cut(rows)); err != nil {
				t.Fatal(err)
			}
			if err := sameBits(r.out, all.out); err != nil {
				t.Errorf("%s: %v", f.text, err)
			}
			if _, ok := f.layer.Pos.(Biased); ok {
				continue // positions are counted too
			}
			a, b := r.c.Bytes(&seq.Env{MaxLen: rows, MaxChunk: step}), all.c.Bytes(&seq.Env{MaxLen: rows, MaxChunk: step})
			tile := int64(r.c.slot(&r.c.coded) / sh.KVHeads)
			if a != b-tile*int64(4*tiles(rows)-c.slots) || r.st.Bytes() != a {
				t.Errorf("%s: %d bytes, %d used, and %d with everything", f.text, a, r.st.Bytes(), b)
			}
			// The narrowest ring says how far it goes back.
			if err := r.st.Rewind(rows - 3*step); !errors.Is(err, seq.ErrRewind) {
				t.Errorf("%s: rewind: %v", f.text, err)
			}
			if err := r.st.Rewind(rows - 2); err != nil {
				t.Errorf("%s: rewind: %v", f.text, err)
			}
		}
	}
}

// TestMixedSelects: a head in a ring chooses among what its window has, with the bits of a cache that keeps everything; a selector that
// remembers tiles for as long as the session lives is refused there.
func TestMixedSelects(t *testing.T) {
	sh := Shape{Heads: 4, KVHeads: 2, Dim: 16}
	const rows, step = 900, 50
	f := newFixture(t, "span=[full,sinks(4)+window(300)] select=bounds", sh, 10, 1)
	if err := f.layer.Check(sh); !errors.Is(err, ErrCompose) {
		t.Error(err)
	}
	for _, text := range []string{"span=[full,sinks(4)+window(300)] pos=rope kv=q8_0 select=recycle(p=0.5,share=1,least=1,local=1,dense=0,every=8)",
		"span=sinks(70)+window(400) pos=alibi kv=f32 select=recycle(k=1,local=1,dense=0,every=1)"} {
		all := newFixture(t, text+" layout=grow", sh, rows, 3).runner(t, rows, rows)
		if err := all.all([]int{rows}); err != nil {
			t.Fatal(err)
		}
		r := newFixture(t, text, sh, rows, 3).runner(t, rows, step)
		if err := r.all(steps{1, step, 7, 30}.cut(rows)); err != nil {
			t.Fatal(err)
		}
		if err := sameBits(r.out, all.out); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		a, b := r.st.(seq.Reader).Reads()
		if c, d := all.st.(seq.Reader).Reads(); a != c || b != d || a >= b*2/3 {
			t.Errorf("%s: %d of %d tiles read, and %d of %d", text, a, b, c, d)
		}
	}
}
