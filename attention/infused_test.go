package attention

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// TestInfused: positions of keys that follow from the query give what the oracle makes of each query's keys, for segments and caches of all
// kinds of sizes, spans, codecs and near stores, and with keys that are normalised; with the same bits in any steps and after rewinds.
func TestInfused(t *testing.T) {
	t.Parallel()
	shapes := []Shape{{Heads: 3, KVHeads: 1, Dim: 16}, {Heads: 2, KVHeads: 2, Dim: 32, VDim: 3}, {Heads: 8, KVHeads: 2, Dim: 16, VDim: 7}}
	spans := []string{"full", "window(30)", "sinks(9)+window(20)", "blocks(24)", "strided(3)", "globals(0,70)"}
	kvs := kvTexts()
	i := 0
	for _, pia := range []string{"segment=64,cache=64", "segment=64,cache=0", "segment=1,cache=0", "segment=1,cache=99", "segment=37,cache=90", "segment=100,cache=7",
		"segment=400,cache=5", "segment=24,cache=48", "segment=7,cache=1", "segment=96,cache=200"} {
		for range 3 {
			if i++; testing.Short() && i%3 != 0 {
				continue
			}
			text := fmt.Sprintf("span=%s pos=pia(%s) %s%s", spans[i%len(spans)], pia, tempText(i), kvs[i*7%len(kvs)])
			f := newFixture(t, text, shapes[i%3], 264, uint64(i)).withScore(float32(i%2*3), i%5 == 0)
			f.everyWay(t, i, f.oracle(t))
			text = fmt.Sprintf("span=%s pos=pia(%s) kv=%s", spans[(i+1)%len(spans)], pia, []string{"f32", "f16", "q8_0"}[i%3])
			f = newFixture(t, text, shapes[(i+1)%3], 200, uint64(i))
			f.layer.Pos = withProjected(f.layer.Pos, f.shape, testNorm(f.shape.Dim))
			f.everyWay(t, i, f.oracle(t))
		}
	}
}

func testNorm(dim int) func(x []float32) {
	w := make([]float32, dim)
	for i := range w {
		w[i] = 1 + float32(i%5)/4
	}
	return func(x []float32) { vec.RMSNorm(x, x, w, 1e-6) }
}

// TestInfusedMemory: what a query cannot see has no room, however long the session is; and a text may be of any length.
func TestInfusedMemory(t *testing.T) {
	f := newFixture(t, "pos=pia(segment=128,cache=64)", Shape{Heads: 2, KVHeads: 1, Dim: 16}, 10, 1)
	c, err := f.layer.Core(f.shape)
	if err != nil {
		t.Fatal(err)
	}
	short, long := c.Bytes(&seq.Env{MaxLen: 1000, MaxChunk: 64}), c.Bytes(&seq.Env{MaxLen: 1 << 20, MaxChunk: 64})
	if most := int64(128+64+64+2*Tile) * 2 * 2 * 16; short != long || long > most {
		t.Errorf("%d bytes for 1,000 rows, %d for a million, want at most %d", short, long, most)
	}
	p, err := ParsePlan("span=full pos=pia(segment=128,cache=64)", 2)
	if err != nil || !p.Bounded() || p.Distance(1000) != 191 || p.String() != "span=full pos=pia(segment=128,cache=64) kv=f16 layout=ring" {
		t.Errorf("%s: bounded %v, a distance of %d, %v", p, p.Bounded(), p.Distance(1000), err)
	}
}

// TestInfusedRefuse: what such schemes do not go with is refused by name.
func TestInfusedRefuse(t *testing.T) {
	for _, c := range []struct{ text, with string }{
		{"pos=pia+skip(from=1,by=2)", "skip(from=1,by=2)"}, {"pos=pia far=cap", "far=cap"}, {"pos=pia group=same(a)", "group=same(a)"},
		{"pos=pia select=recycle layout=grow", "recycle"}, {"pos=pia fold=gist(r=4)", "gist(r=4"}, {"pos=pia keep=fifo(300)", "fifo(300"}, {"pos=pia kv=q4", "q4"}, {"pos=pia key=pca(rank=4)", "pca(rank=4)"},
	} {
		f := newFixture(t, c.text, Shape{Heads: 2, KVHeads: 1, Dim: 16}, 10, 1)
		f.layer.Pos = withProjected(f.layer.Pos, f.shape, testNorm(16))
		if _, err := f.layer.Core(f.shape); !errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), c.with) || !strings.Contains(err.Error(), "pia(segment=512,cache=512)") {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	if err := (Layer{Pos: PIA{Segment: 8}}).Check(Shape{Heads: 2, KVHeads: 1, Dim: 16}); !errors.Is(err, ErrCompose) {
		t.Error("without projections:", err)
	}
	for _, text := range []string{"pos=pia(segment=0)", "pos=pia(segment=9000,cache=9000)", "pos=pia(cache=20000)", "pos=pia(4)"} {
		if _, err := ParsePlan(text, 1); err == nil {
			t.Errorf("%s is a plan", text)
		}
	}
	f := newFixture(t, "pos=pia", Shape{Heads: 2, KVHeads: 1, Dim: 16}, 10, 1)
	r := f.runner(t, 10, 10)
	r.hide = seq.Run{Lo: 0, Hi: 1}
	if err := r.step(3); !errors.Is(err, ErrCompose) || r.st.Len() != 0 {
		t.Errorf("hidden rows: %v", err)
	}
}
