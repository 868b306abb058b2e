package attention

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

func selectTexts() []string { return examples(&selectors, "all") }

// TestSelectors: every selector with every span and each with several codecs chooses what the oracle chooses, and gives the same bits
// however the rows are cut into steps, by any number of workers and after rewinds.
func TestSelectors(t *testing.T) {
	t.Parallel()
	every := 23
	if testing.Short() {
		every = 61
	}
	selectorsBy(t, every)
}

// selectorsBy takes one pair of a selector and a span in so many.
func selectorsBy(t *testing.T, every int) {
	shapes := []Shape{{Heads: 3, KVHeads: 1, Dim: 16}, {Heads: 2, KVHeads: 2, Dim: 16, VDim: 18}, {Heads: 4, KVHeads: 1, Dim: 16, VDim: 3}}
	i, rows, unclear := 0, 0, 0
	for _, text := range selectTexts() {
		var read, seen int64
		for _, span := range spanTexts() {
			i++
			if i%every != 0 { // the others' parts meet in TestSelectAll
				continue
			}
			plan := fmt.Sprintf("span=%s pos=rope %s layout=grow select=%s", span, kvTexts()[i%len(kvTexts())], text)
			f := newFixture(t, plan, shapes[i%len(shapes)], 500, uint64(i)).withScore(0, i%5 == 0)
			out, want := f.sameEveryWay(t, i), f.oracle(t)
			width := f.shape.Heads * f.shape.VDim
			for _, row := range f.unclear {
				for k := row * width; k < (row+1)*width; k++ {
					want[k] = float64(out[k])
				}
			}
			rows, unclear = rows+f.n*f.shape.KVHeads, unclear+len(f.unclear)
			if err := f.close(out, want); err != nil {
				t.Errorf("%s, %v: %v", f.text, f.shape, err)
			}
			r := f.runner(t, f.n, f.n)
			if err := r.all([]int{f.n}); err != nil {
				t.Fatal(err)
			}
			a, b := r.st.(seq.Reader).Reads()
			read, seen = read+a, seen+b
		}
		if every == 3 && read >= seen*19/20 {
			t.Errorf("%s: %d of %d tiles are read", text, read, seen)
		}
	}
	t.Logf("the oracle left out %d of %d choices", unclear, rows)
	if unclear > rows/4 {
		t.Errorf("%d of %d choices are near others", unclear, rows)
	}
}

// TestSelectAll: what may read all gives the bits of a plan without a selector, with every span and codec. A ring is refused. Budgets
// take spans in turns; TestLongSelectAll has every budget with every span.
func TestSelectAll(t *testing.T) {
	t.Parallel()
	every := 4 // shares no factor with three budgets, nor with what spans go round in
	if testing.Short() {
		every = 7
	}
	selectAll(t, every)
}

// selectAll takes one of so many selectors with a budget and a span.
func selectAll(t *testing.T, every int) {
	sh := Shape{Heads: 3, KVHeads: 1, Dim: 16}
	i := 0
	for _, k := range selectors.kinds {
		for _, budget := range []string{"k=8", "share=1,every=4", "k=2,share=0.9,sink=9"} {
			text := fmt.Sprintf("%s(%s,local=1,dense=0)", k.name, budget)
			if k.name == "mass" {
				text = strings.Replace(text, "(", "(p=1,", 1)
			}
			if k.name == "all" {
				text = "all"
			}
			for _, span := range spanTexts() {
				if i++; i%every != 0 {
					continue
				}
				plan := fmt.Sprintf("span=%s %s", span, kvTexts()[i%len(kvTexts())])
				want := newFixture(t, plan+" layout=grow", sh, 500, 1).runner(t, 500, 500)
				if err := want.all([]int{500}); err != nil {
					t.Fatal(err)
				}
				f := newFixture(t, plan+" layout=grow select="+text, sh, 500, 1)
				got := f.runner(t, 500, 500)
				if err := got.all([]int{370, 129, 1}); err != nil {
					t.Fatal(err)
				}
				if err := sameBits(got.out, want.out); err != nil {
					t.Errorf("%s: %v", f.text, err)
				}
				// Of a thinned-out span, rows that choose for others may see nothing to choose from.
				if a, b := got.st.(seq.Reader).Reads(); a > b || a < b && span == "full" || (b == 0) != (text == "all") && !strings.Contains(span, "dilated") {
					t.Errorf("%s: %d of %d tiles read", f.text, a, b)
				}
			}
			p, err := ParsePlan("span=window(9) layout=ring select="+text, 1)
			if err != nil {
				t.Fatal(err)
			}
			err = p.Layers[0].Check(sh)
			named := err != nil && strings.Contains(err.Error(), k.name) && strings.Contains(err.Error(), "ring") && errors.Is(err, ErrCompose)
			if remembers := text != "all" && k.name != "recycle"; remembers != named {
				t.Errorf("%s in a ring: %v", text, err)
			}
		}
	}
}

// TestSelectPanels: choices of more tiles than a word has bits, and vectors of more than one panel. Before each kind of steps others'
// rows take their places, so that nothing is right because it was before.
func TestSelectPanels(t *testing.T) {
	t.Parallel()
	const rows, from = 64*Tile + 150, 64*Tile - 2*Tile
	for i, text := range selectTexts() {
		if testing.Short() && i%3 != 0 {
			continue
		}
		text = strings.Replace(strings.Replace(text, "dense=64", "dense=0", 1), "share=0.5", "share=0.1", 1)
		f := newFixture(t, "kv=f32 select="+text, Shape{Heads: 2, KVHeads: 1, Dim: 4, VDim: 16}, rows, 1)
		whole := f.runner(t, rows, rows)
		if err := whole.all([]int{rows}); err != nil {
			t.Fatal(err)
		}
		r := f.runner(t, rows, from)
		if err := r.step(from); err != nil {
			t.Fatal(err)
		}
		for _, chunk := range []int{1, 47, 200} {
			clear(r.out[from*2*16:])
			if err := errors.Join(r.st.Rewind(from), r.feed(rows-from), r.st.Rewind(from), r.all(steps{chunk}.cut(rows-from))); err != nil {
				t.Fatal(err)
			}
			if err := sameBits(r.out, whole.out); err != nil {
				t.Errorf("%s in steps of %d: %v", f.text, chunk, err)
			}
		}
	}
}

// TestSelectReads: as many tiles are read as the budget says.
func TestSelectReads(t *testing.T) {
	t.Parallel()
	const rows = 700
	last := ""
	for _, text := range selectTexts() {
		name, _, _ := strings.Cut(text, "(")
		if name == last {
			continue
		}
		last = name
		if testing.Short() && name != "mean" && name != "recycle" {
			continue
		}
		for _, c := range []struct {
			budget string
			want   func(q int) int // tiles that row q reads beside what it must
		}{
			{"k=2,sink=1,local=2,dense=320", func(q int) int { return 2 + 3 }},
			{"share=0.5,sink=0,local=1,dense=0", func(q int) int { return (q/Tile + 2) / 2 }},
			{"k=0,sink=2,local=3,every=16,dense=0", func(q int) int { return 5 }},
		} {
			extra := ""
			if name == "mass" {
				extra = "p=1,"
			}
			f := newFixture(t, fmt.Sprintf("select=%s(%s%s)", name, extra, c.budget), Shape{Heads: 4, KVHeads: 2, Dim: 8, VDim: 16}, rows, 1)
			var want, all int64
			for q := range rows {
				n := q/Tile + 1
				all += 2 * int64(n)
				if !strings.Contains(c.budget, "dense=320") || q >= 320 {
					n = min(n, c.want(q))
				}
				want += 2 * int64(n)
			}
			for _, chunk := range []int{rows, 50, 1} {
				r := f.runner(t, rows, chunk)
				if err := r.all(steps{chunk}.cut(rows)); err != nil {
					t.Fatal(err)
				}
				if read, seen := r.st.(seq.Reader).Reads(); read != want || seen != all {
					t.Errorf("%s in steps of %d: %d of %d tiles, want %d of %d", f.text, chunk, read, seen, want, all)
				}
			}
		}
	}
}

// TestSelectNeedle: of 30 tiles, the one with a key that the query is about is found.
func TestSelectNeedle(t *testing.T) {
	const rows, tile = 30 * Tile, 11
	sh := Shape{Heads: 3, KVHeads: 1, Dim: 32}
	for _, k := range selectors.kinds {
		if k.name == "all" {
			continue
		}
		for _, every := range []int{1, 16} {
			for _, kv := range []string{"f32", "q8_0", "q4"} {
				f := newFixture(t, fmt.Sprintf("kv=%s select=%s(k=1,local=2,dense=0,every=%d)", kv, k.name, every), sh, rows, 3)
				at := tile*Tile + 37
				for d := range sh.Dim {
					sign := float32(1 - 2*(d*d/3%2))
					for i := range rows {
						f.k[i*sh.Dim+d] *= 0.3
						for h := range sh.Heads {
							f.q[(i*sh.Heads+h)*sh.Dim+d] = 2 * sign
						}
					}
					f.k[at*sh.Dim+d], f.v[at*sh.Dim+d] = 4*sign, 100
				}
				r := f.runner(t, rows, 200)
				if err := r.all(steps{200}.cut(rows)); err != nil {
					t.Fatal(err)
				}
				for i := (tile + 2) * Tile; i < rows; i++ {
					if x := r.out[i*sh.Heads*sh.Dim]; !(x > 98) {
						t.Fatalf("%s: row %d has %v", f.text, i, x)
					}
				}
				if a, b := r.st.(seq.Reader).Reads(); a > b*2/5 {
					t.Errorf("%s: %d of %d tiles read", f.text, a, b)
				}
			}
		}
	}
}

// TestSelectNotNumbers: what is no number reaches all that sees it, as without a selector.
func TestSelectNotNumbers(t *testing.T) {
	const rows, bad = 400, 70
	for _, text := range selectTexts() {
		for _, x := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			f := newFixture(t, "kv=f32 select="+text, Shape{Heads: 2, KVHeads: 1, Dim: 8}, rows, 1)
			dense := newFixture(t, "kv=f32", f.shape, rows, 1)
			f.k[bad*8], dense.k[bad*8] = x, x
			out := f.sameEveryWayNaN(t)
			want := dense.runner(t, rows, rows)
			if err := want.all([]int{rows}); err != nil {
				t.Fatal(err)
			}
			of := f.layer.Select[0].Budget()
			first := 2 * Tile // row that knows the tile
			if of.Blind {
				first = max(first, of.From+of.Every)
			}
			for i := first * 16; i < len(out); i++ {
				if of.Every > 1 && x == x {
					break // rows that go by another's choice may pass over what is infinite for them alone
				}
				if a, b := out[i], want.out[i]; (a == a) != (b == b) {
					t.Fatalf("%s, a key of %v: row %d has %v, without a selector %v", text, x, i/16, a, b)
				}
			}
		}
	}
}

// TestSelectBlind: blind rows before from read as those that choose nothing, the others as if there were no from.
func TestSelectBlind(t *testing.T) {
	const rows, from = 500, 300
	run := func(arguments string) []float32 {
		f := newFixture(t, "kv=q8_0 select=recycle(local=1,dense=0,"+arguments+")", Shape{Heads: 2, KVHeads: 1, Dim: 8}, rows, 1)
		return f.sameEveryWay(t, 1)
	}
	early, late := run("k=0,every=64"), run("k=3,every=4")
	if err := sameBits(run(fmt.Sprintf("k=3,every=4,from=%d,blind", from)), append(early[:from*16:from*16], late[from*16:]...)); err != nil {
		t.Error(err)
	}
}

// sameEveryWayNaN checks steps of a few sizes.
func (f *fixture) sameEveryWayNaN(t *testing.T) []float32 {
	var first []float32
	for _, chunk := range []int{f.n, 33, 1} {
		r := f.runner(t, f.n, chunk)
		if err := r.all(steps{chunk}.cut(f.n)); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = r.out
		}
		for i, x := range r.out {
			if (x == x) != (first[i] == first[i]) || x == x && x != first[i] {
				t.Fatalf("%s: element %d is %v in steps of %d, else %v", f.text, i, x, chunk, first[i])
			}
		}
	}
	return first
}

// TestSelectDoesNotAllocate: neither tokens that choose nor those that complete a tile do.
func TestSelectDoesNotAllocate(t *testing.T) {
	for _, text := range selectTexts() {
		f := newFixture(t, "kv=q8_0 pos=rope select="+text, Shape{Heads: 6, KVHeads: 2, Dim: 32}, 700, 1)
		r := f.runner(t, 700, 64)
		if err := r.all(steps{64, 64, 64, 64, 64, 64, 1}.cut(450)); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(150, func() {
			if err := r.step(1); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per token", text, n)
		}
	}
}

// TestSelectBatches: steps with fewer batches of choices than workers, and more than one.
func TestSelectBatches(t *testing.T) {
	for _, text := range []string{"bounds(share=0.3,local=1,dense=0,every=2)", "recycle(share=0.3,local=1,dense=0,every=2)", "[all,recycle(share=0.3,local=1,dense=0,every=2)]"} {
		f := newFixture(t, "kv=q8_0 layout=grow select="+text, Shape{Heads: 6, KVHeads: 2, Dim: 16}, 500, 3)
		r := f.runner(t, f.n, f.n)
		if err := r.all([]int{f.n}); err != nil {
			t.Fatal(err)
		}
		for workers := 1; workers < 9; workers++ {
			other := f.runner(t, f.n, f.n)
			other.team = newScatter(workers)
			if err := other.all(steps{96}.cut(f.n)); err != nil {
				t.Fatal(err)
			}
			if err := sameBits(other.out, r.out); err != nil {
				t.Errorf("%s by %d workers: %v", text, workers, err)
			}
		}
	}
}

// TestSelectTexts: what is printed reads back as the same, and says what is not usual.
func TestSelectTexts(t *testing.T) {
	for text, want := range map[string]string{
		"bounds": "bounds", "bounds(k=32,sink=1,local=4,dense=2048,every=1)": "bounds", "bounds(k=0)": "bounds(k=0)", "bounds(share=0)": "bounds(k=0)",
		"mean(share=0.25,every=16)": "mean(share=0.25,every=16)", "mass(k=9)": "mass(k=9)", "mass(p=0.5,least=0,share=1)": "mass(p=0.5,least=0)",
		"mean(tau=0.5)": "mean(tau=0.5)", "mean(every=64,tau=0.5)": "mean(tau=0.5)", "mean(every=1,tau=0.5)": "mean(tau=0.5,every=1)",
		"recycle(tau=0.5)": "recycle(tau=0.5)", "louis(tau=0.7,every=64)": "louis", "louis(tau=0,of=0)": "louis(of=0,tau=0)", "hip(beam=32)": "hip", "hip(beam=8,k=8)": "hip(beam=8,k=8)",
		"recycle(every=4,from=1000)": "recycle(every=4,from=1000)", "recycle(every=4,from=1000,blind)": "recycle(every=4,from=1000,blind)", "recycle(from=0)": "recycle",
		"recycle(every=16)": "recycle", "recycle(k=3,share=0.5,every=1)": "recycle(k=3,share=0.5,every=1)",
	} {
		p, err := ParsePlan("select="+text, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := selectText(p.Layers[0].Select); got != want {
			t.Errorf("%s prints as %s, want %s", text, got, want)
		}
		again, err := ParsePlan("select="+want, 1)
		if err != nil || again.Layers[0].Select[0].Budget() != p.Layers[0].Select[0].Budget() {
			t.Errorf("%s is %+v, %s %+v (%v)", text, p.Layers[0].Select, want, again.Layers[0].Select, err)
		}
		if p, err = p.Edit("select=all"); err != nil || p.Layers[0].Select != nil {
			t.Errorf("select=all leaves %v (%v)", p.Layers[0].Select, err)
		}
	}
	for _, text := range []string{"bounds(local=0)", "bounds(every=3)", "bounds(every=128)", "bounds(from=100)", "recycle(every=4,blind)", "bounds(every=0,from=100)", "recycle(tau=0.5,from=100)", "mean(share=1.5)", "mass(p=2)", "mean(k=-1)", "clusters(of=0)", "clusters(of=17)", "louis(of=17)", "louis(tau=1.5)", "hip(beam=0)", "mean(of=2)", "all(k=1)"} {
		if _, err := ParsePlan("select="+text, 1); !errors.As(err, new(*PlanError)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestLargest: thresholds and sums of the largest against sorting.
func TestLargest(t *testing.T) {
	f := newFixture(t, "", Shape{Heads: 1, KVHeads: 1, Dim: 1}, 300, 7)
	for n := 1; n <= 300; n += 1 + n/9 {
		for mod := 1; mod <= 64; mod *= 4 {
			x := make([]uint32, n)
			for i := range x {
				x[i] = math.Float32bits(float32(int(math.Abs(float64(f.q[i]))*20) % mod))
			}
			for k := 0; k <= n; k += 1 + k/5 {
				least, equal := largest(append([]uint32{}, x...), k)
				above, same := 0, 0
				for _, v := range x {
					if v > least {
						above++
					} else if v == least {
						same++
					}
				}
				if above+equal != k || equal > same || k > 0 && equal == 0 {
					t.Fatalf("the %d largest of %d below %d: %d above %d and %d of %d", k, n, mod, above, least, equal, same)
				}
			}
			total := float32(0)
			for _, v := range x {
				total += math.Float32frombits(v)
			}
			for want := float32(1); want <= total; want += 1 + want/3 { // whole numbers: no rounding
				want = float32(int(want))
				k := enough(append([]uint32{}, x...), want)
				sum := func(k int) (sum float32) {
					least, equal := largest(append([]uint32{}, x...), k)
					for _, v := range x {
						if v > least {
							sum += math.Float32frombits(v)
						}
					}
					return sum + float32(equal)*math.Float32frombits(least)
				}
				if k < 1 || k > n || sum(k) < want || k > 1 && sum(k-1) >= want {
					t.Fatalf("%d of %d are enough for %v of %v", k, n, want, total)
				}
			}
		}
	}
}

// TestClusters: keys in groups far apart are clustered by these, with their means and sizes; fewer different keys than clusters leave
// some empty.
func TestClusters(t *testing.T) {
	const dim = 6
	f := newFixture(t, "", Shape{Heads: 1, KVHeads: 1, Dim: dim}, Tile, 5)
	for _, groups := range []int{1, 2, 3, 4} {
		c, keys := clusters{of: 4, dim: dim}, make([]float32, dim*Tile)
		var mean [4][dim]float64
		var n [4]float64
		for i := range Tile {
			g := i * i % 11 % groups
			n[g]++
			for d := range dim {
				x := float32(20*((g+d)%groups)) + f.k[i*dim+d]*0.01*float32(min(groups-1, 1))
				keys[d*Tile+i] = x
				mean[g][d] += float64(x)
			}
		}
		dst := make([]float32, 4*(dim+1))
		c.Put(dst, keys)
		size, seen := 0.0, 0
		for v := range 4 {
			vector := dst[v*(dim+1):][:dim+1]
			if vector[dim] == none {
				continue
			}
			seen++
			size += math.Exp(float64(vector[dim]))
			near := false
			for g := range groups {
				off := 0.0
				for d := range dim {
					off += math.Abs(float64(vector[d]) - mean[g][d]/n[g])
				}
				near = near || off < 0.1
			}
			if !near {
				t.Errorf("%d groups: cluster %d is at %v", groups, v, vector)
			}
		}
		if math.Abs(size-Tile) > 0.01 || seen < groups {
			t.Errorf("%d groups: %d clusters of %v keys", groups, seen, size)
		}
	}
}

// TestSelectCost: rows that are read, and the choice.
func TestSelectCost(t *testing.T) {
	sh := Shape{Heads: 8, KVHeads: 2, Dim: 32, VDim: 16}
	for _, c := range []struct {
		text           string
		read           int // rows at most
		every, numbers int
		keys           bool // of a choice: all keys
	}{
		{"bounds(k=2,local=1,dense=0)", 4 * Tile, 1, 64, false},
		{"mean(k=0,sink=2,local=3,dense=0,every=16)", 5 * Tile, 16, 128, false},
		{"recycle(k=2,sink=0,local=1,dense=0)", 3 * Tile, 16, 0, true},
		{"bounds(dense=5000)", 1 << 30, 1, 0, false},
	} {
		f := newFixture(t, "kv=f32 select="+c.text, sh, 1, 1)
		core, err := f.layer.Core(sh)
		if err != nil {
			t.Fatal(err)
		}
		const first, n = 613, 90
		var want seq.Cost
		for q := first; q < first+n; q++ {
			rows := int64(min(q+1, c.read))
			want.Cache += rows * 2 * (32 + 16) * 4
			want.FloatOps += rows * 2 * (32 + 16) * 8
			if q%c.every == 0 {
				known := int64(q / Tile)
				want.Cache += known * int64(2*2*c.numbers)
				want.FloatOps += known * int64(2*8*c.numbers)
				if c.keys {
					want.Cache += known * Tile * 2 * 32 * 4
					want.FloatOps += known * Tile * 2 * 32 * 8
				}
			}
		}
		if got := core.Cost(first, n, false); got != want {
			t.Errorf("%s: %+v, want %+v", c.text, got, want)
		}
	}
}
