package attention

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// oracleFar is what the oracle knows of a plan's far positions.
type oracleFar struct {
	key, query func(row int) int
	window     int // rows that a query reads at their own positions
}

// oracleFars are the distances of a query at q and a key at k that lies behind the first rows, which begin at 0: those of the papers.
var oracleFars = map[string]func(p part, q, k, window int) int{
	"group": func(p part, q, k, window int) int { // Self-Extend's equations 3 and 4
		g := p.whole(0)
		return q/g + window - window/g - k/g
	},
	"cap": func(_ part, _, _, window int) int { return window },
}

// far returns the positions of a plan's rows: all their own without far=.
func (f *fixture) far() oracleFar {
	own := func(row int) int { return row }
	text := readPlan(f.text)["far"]
	if text == "" {
		return oracleFar{own, own, math.MaxInt}
	}
	first, window := 0, 0
	for _, p := range readSum(f.layer.filled().Near.String()) {
		switch p.name {
		case "sinks":
			first = p.whole(0)
		case "window":
			window = p.whole(0)
		}
	}
	p := readSum(text)[0]
	far := oracleFars[p.name]
	// Only differences count, so the key behind the first rows is at the query's own place less the distance.
	query := func(q int) int { return min(q, first) + far(p, max(q-first, 0), 0, window) }
	key := func(k int) int {
		if k < first {
			return k
		}
		return first + far(p, k-first, 0, window) - far(p, k-first, k-first, window)
	}
	return oracleFar{key, query, window}
}

// farTexts are plans with far positions.
func farTexts() (texts []string) {
	var all []string
	for _, k := range fars.kinds {
		all = append(all, k.examples...)
	}
	for i, span := range []string{"full", "sinks(3)+window(150)", "strided(3)+window(9)"} {
		for j, kv := range []string{"kv=f16 near=window(33)", "kv=q8_0 near=sinks(5)+window(70)", "kv=q4 near=sinks(64)+window(128)", "kv=f32 near=sinks(70)+window(16)"} {
			for _, pos := range []string{"rope(base=10000)", "rope(base=10000)+yarn(factor=4,orig=64)"} {
				texts = append(texts, "span="+span+" pos="+pos+" "+tempText(i+j)+kv+" far="+all[(i+j)%len(all)])
			}
		}
	}
	return texts
}

// TestFar: far positions give what the papers' distances give, in every cut and after every rewind.
func TestFar(t *testing.T) {
	t.Parallel()
	shapes := []Shape{{Heads: 3, KVHeads: 1, Dim: 16}, {Heads: 4, KVHeads: 2, Dim: 64}}
	for i, text := range farTexts() {
		if testing.Short() && i%5 != 0 {
			continue
		}
		f := newFixture(t, text, shapes[i%2], 264, uint64(i)).withScore(0, i%3 == 0)
		f.everyWay(t, i, f.oracle(t))
	}
}

// TestFarOne: groups of one are the rows' own positions.
func TestFarOne(t *testing.T) {
	far := newFixture(t, "pos=rope kv=f32 near=sinks(9)+window(40) far=group(1)", Shape{Heads: 2, KVHeads: 1, Dim: 16}, 200, 1)
	own := newFixture(t, "pos=rope kv=f32 near=sinks(9)+window(40)", far.shape, far.n, 1)
	r := far.runner(t, far.n, far.n)
	if err := r.all([]int{far.n}); err != nil {
		t.Fatal(err)
	}
	if err := differ(r.out, own.oracle(t), bound); err != nil {
		t.Error(err)
	}
}

// TestFarBounded: no distance that a query meets is larger than what the model was trained with, at any length.
func TestFarBounded(t *testing.T) {
	const window, first = 1024, 64
	for _, c := range []struct {
		far  Far
		n    seq.Pos
		most int
	}{{Group{8}, 8 * 7000, 8192}, {Cap{}, 1 << 30, window + first}} {
		for _, q := range []seq.Pos{window, 4000, c.n - 1} {
			for _, k := range []seq.Pos{0, 1, 100, 1000, q - window} {
				d := int(c.far.Query(q-first, window) - c.far.Key(max(k-first, 0)))
				if d < 1 || d > c.most || k == q-window && d > window+8 {
					t.Errorf("%s: the key at %d is %d from the query at %d", c.far, k, d, q)
				}
			}
		}
	}
}

// TestFarComposes: far positions go with a part or are refused, and then both are named.
func TestFarComposes(t *testing.T) {
	try := func(text, with string) {
		t.Helper()
		f := newFixture(t, text, Shape{Heads: 3, KVHeads: 1, Dim: 16}, 10, 1)
		_, err := f.layer.Core(f.shape)
		if err != nil && (!errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), "far=cap") || !strings.Contains(err.Error(), with)) {
			t.Errorf("%s: %v: want far=cap and %s", text, err, with)
		}
	}
	for _, pos := range posTexts() {
		if pos == "none" {
			continue
		}
		scheme, _, _ := strings.Cut(pos, "+")
		if i := strings.LastIndex(pos, "+"); i >= 0 && scheme[0] == 'r' && numberings.has(readSum(pos[i+1:])[0].name) {
			scheme = readSum(pos[i+1:])[0].name
		}
		try("pos="+pos+" kv=f16 near=window(64) far=cap", scheme)
	}
	for _, kv := range kvTexts() {
		kv, _, _ = strings.Cut(kv, " ")
		try("pos=rope "+kv+" near=window(64) far=cap", "key="+strings.TrimPrefix(strings.TrimPrefix(kv, "kv="), "key="))
	}
	for _, near := range []string{"none", "sinks(4)", "blocks(64)", "dilated(64,2)"} {
		f := newFixture(t, "pos=rope near="+near+" far=cap", Shape{Heads: 3, KVHeads: 1, Dim: 16}, 10, 1)
		if _, err := f.layer.Core(f.shape); !errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), "near="+near) {
			t.Errorf("near=%s: %v", near, err)
		}
	}
	if _, err := ParsePlan("pos=none far=cap", 1); err == nil {
		t.Error("far positions without positions")
	}
}
