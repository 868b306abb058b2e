package attention

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// groupTexts are the examples of every grouping.
func groupTexts() []string { return examples(&groups, "none") }

// oracleGroups tell whether two rows are in one group.
var oracleGroups = map[string]func(p part, a, b seq.Coord) bool{
	"same": func(p part, a, b seq.Coord) bool {
		return (p.num["a"] == 0 || a.A == b.A) && (p.num["b"] == 0 || a.B == b.B)
	},
}

// placesInGroups returns the group of each row and its place there, by the oracle.
func (f *fixture) placesInGroups() (group, in []int) {
	p := readSum(readPlan(f.text)["group"])[0]
	for i := range f.n {
		group, in = append(group, -1), append(in, 0)
		for j := range i {
			if oracleGroups[p.name](p, f.coords[i], f.coords[j]) {
				group[i] = group[j]
				in[i]++
			}
		}
		if group[i] < 0 {
			group[i] = i
		}
	}
	return group, in
}

// groupSpan sees what a row sees of its group.
type groupSpan struct {
	Span
	group, in []int
}

func (s groupSpan) Sees(q, k seq.Pos) bool {
	return s.group[q] == s.group[k] && s.Span.Sees(seq.Pos(s.in[q]), seq.Pos(s.in[k]))
}

func (s groupSpan) Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run {
	for k := range hi {
		if s.Sees(q, k) {
			dst = append(dst, seq.Run{Lo: k, Hi: k + 1})
		}
	}
	return dst
}

func (s groupSpan) String() string { return "rows" }

// withCoords gives rows the coordinates of a table of cells of a few rows each; with a long column.
func (f *fixture) withCoords(seed uint64) *fixture {
	rng := rand.New(rand.NewPCG(seed, 5))
	var at seq.Coord
	for range f.n {
		f.coords = append(f.coords, at)
		switch x := rng.IntN(12); {
		case x < 2:
			at.B++
		case x < 3:
			at = seq.Coord{A: at.A + 1}
		}
	}
	return f
}

// alone runs each group's rows through a layer without groups as a sequence by itself, at the positions that they have in the stream.
func (f *fixture) alone(t *testing.T) []float32 {
	t.Helper()
	l, sh := f.layer, f.shape
	l.Group, l.Layout, l.Near = nil, nil, Nothing{}
	c, err := l.Core(sh)
	if err != nil {
		t.Fatal(err)
	}
	group, _ := f.placesInGroups()
	out, mem := make([]float32, f.n*sh.Heads*sh.VDim), new(seq.Arena)
	for g := range f.n {
		var rows []int
		at := &seq.Step{Team: par.Serial(), Mem: mem}
		var q, k, v []float32
		for i := range f.n {
			if group[i] == g {
				rows, at.Pos = append(rows, i), append(at.Pos, seq.Pos(i))
				q = append(q, f.q[i*sh.Heads*sh.Dim:][:sh.Heads*sh.Dim]...)
				k = append(k, f.k[i*sh.KVHeads*sh.Dim:][:sh.KVHeads*sh.Dim]...)
				v = append(v, f.v[i*sh.KVHeads*sh.VDim:][:sh.KVHeads*sh.VDim]...)
			}
		}
		if at.N = len(rows); at.N == 0 {
			continue
		}
		st, err := c.NewState(&seq.Env{MaxLen: at.N})
		if err != nil {
			t.Fatal(err)
		}
		own := make([]float32, at.N*sh.Heads*sh.VDim)
		if err := c.Run(own, q, k, v, st, at); err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			copy(out[row*sh.Heads*sh.VDim:], own[i*sh.Heads*sh.VDim:][:sh.Heads*sh.VDim])
		}
	}
	return out
}

// TestGroups: every grouping with every span and some of all schemes and codecs gives what dense attention with a mask gives, by the oracle,
// and bit for bit what each group gives as a sequence by itself; in any steps, by any workers and after rewinds.
func TestGroups(t *testing.T) {
	t.Parallel()
	shapes := []Shape{{Heads: 3, KVHeads: 1, Dim: 16}, {Heads: 2, KVHeads: 2, Dim: 32, VDim: 20}, {Heads: 4, KVHeads: 2, Dim: 16, VDim: 7}}
	spans, kvs := append(spanTexts(), "[full,window(9)]"), keptTexts()
	poses := ownPosTexts()
	i := 0
	for _, group := range groupTexts() {
		for _, span := range spans {
			if i++; testing.Short() && i%4 != 0 {
				continue
			}
			sh := shapes[i%3]
			if span[0] == '[' {
				sh = shapes[1]
			}
			text := fmt.Sprintf("span=%s pos=%s %s%s group=%s", span, poses[i*3%len(poses)], tempText(i), kvs[i*5%len(kvs)], group)
			f := newFixture(t, text, sh, 330, uint64(i)).withScore(float32(i/3%2*3), i%5 == 0).withCoords(uint64(i))
			masked := *f
			masked.layer.Group, masked.layer.Near, masked.layer.Span = nil, Nothing{}, nil
			masked.text = strings.Replace(text, "span="+span, "span=rows", 1) // for which no oracle has a rule, so that it asks the spans
			members, in := f.placesInGroups()
			for h, s := range f.layer.Span {
				masked.layer.Span = append(masked.layer.Span, namedSpan{groupSpan{s, members, in}, fmt.Sprint(h)})
			}
			want := masked.oracle(t)
			whole := f.runner(t, f.n, f.n)
			if err := whole.all([]int{f.n}); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if err := sameBits(whole.out, f.alone(t)); err != nil {
				t.Fatalf("%s, %v: not the bits of each group alone: %v", text, f.shape, err)
			}
			err := f.close(whole.out, want)
			if keys, values := f.integers(); keys || values { // weights share scales with others of their slots, in the oracle with those of their rows
				err = differ(whole.out, want, 0.1)
			}
			if err != nil {
				t.Fatalf("%s, %v: %v", text, f.shape, err)
			}
			f.inChunks(t, i, whole, 1, 7, 64, 100)
			r := f.runner(t, f.n, 40)
			if err := r.wander(rand.New(rand.NewPCG(uint64(i), 3)), 40); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if err := sameBits(r.out, whole.out); err != nil {
				t.Fatalf("%s, after rewinds: %v", text, err)
			}
		}
	}
}

// namedSpan is a span with a name of its own, by which masks are told apart.
type namedSpan struct {
	Span
	name string
}

func (s namedSpan) String() string { return "rows" + s.name }

// TestGroupsLong: groups of more rows than a block of tiles, beside small ones, are sequences all the same.
func TestGroupsLong(t *testing.T) {
	for i, text := range []string{"pos=rope kv=f32 group=same(b)", "pos=alibi kv=q8_0 group=same(b)", "span=window(600)+sinks(3) kv=f16 group=same(b)"} {
		f := newFixture(t, text, Shape{Heads: 2, KVHeads: 1, Dim: 16}, 2500, uint64(i))
		for r := range f.n { // one group has two thirds, one a sixth
			f.coords = append(f.coords, seq.Coord{A: int32(r), B: []int32{0, 0, 1, 0, 0, int32(2 + r/300)}[r%6]})
		}
		whole := f.runner(t, f.n, f.n)
		if err := whole.all([]int{f.n}); err != nil {
			t.Fatal(err)
		}
		if err := sameBits(whole.out, f.alone(t)); err != nil {
			t.Errorf("%s: not the bits of each group alone: %v", text, err)
		}
		f.inChunks(t, i, whole, 3, 200)
	}
}

// TestGroupsOne: without coordinates, and with those that are all the same, there is one sequence: the bits of a layer without groups.
func TestGroupsOne(t *testing.T) {
	for _, kv := range []string{"kv=f32", "kv=q8_0"} {
		f := newFixture(t, "pos=rope "+kv+" group=same(a,b)", Shape{Heads: 4, KVHeads: 2, Dim: 16}, 1200, 1)
		g := newFixture(t, "pos=rope "+kv, f.shape, f.n, 1)
		a, b := f.runner(t, f.n, f.n), g.runner(t, f.n, f.n)
		if err := errors.Join(a.all(steps{90}.cut(f.n)), b.all([]int{f.n})); err != nil {
			t.Fatal(err)
		}
		if err := sameBits(a.out, b.out); err != nil {
			t.Errorf("%s: %v", f.text, err)
		}
	}
}

// TestGroupsRoom: a group too many is an error that leaves the rows before the step; and tiles are as many as groups need.
func TestGroupsRoom(t *testing.T) {
	f := newFixture(t, "group=same(a,most=5)", Shape{Heads: 2, KVHeads: 1, Dim: 16}, 330, 1)
	for r := range f.n {
		f.coords = append(f.coords, seq.Coord{A: int32(min(r%7, 4))})
	}
	r, want := f.whole(t)
	if s := r.st.(*state); s.groups.tiles != 7 || s.place.Slots() != 330/Tile+5 { // 4 groups of at most 48 rows, one of 141
		t.Errorf("%d tiles of %d", s.groups.tiles, s.place.Slots())
	}
	if err := r.st.Rewind(200); err != nil {
		t.Fatal(err)
	}
	right := f.coords
	f.coords = slices.Clone(right)
	f.coords[230].A = 9
	if err := r.step(50); !errors.Is(err, ErrGroups) || r.st.Len() != 200 {
		t.Errorf("a sixth group: %v, %d rows", err, r.st.Len())
	}
	f.coords = f.coords[:210]
	if err := r.step(50); err == nil || r.st.Len() != 200 {
		t.Error("10 coordinates are enough for 50 rows")
	}
	f.coords = right
	r.again(t, want, 33)
	r.hide = seq.Run{Lo: 1, Hi: 2}
	if err := r.st.Rewind(200); err != nil {
		t.Fatal(err)
	}
	if err := r.step(50); !errors.Is(err, ErrCompose) {
		t.Errorf("hidden rows: %v", err)
	}
}

// TestGroupsRefuse: what groups do not go with is refused by name.
func TestGroupsRefuse(t *testing.T) {
	for _, c := range []struct{ text, with string }{
		{"keep=fifo(200)", "fifo(200"}, {"select=mean", "mean"}, {"near=window(64)", "near=window(64)"}, {"kv=kivi(bits=4)", "kivi(bits=4)"},
		{"layout=grow", "grow"}, {"span=window(40) layout=ring", "ring"}, {"fold=gist(r=4)", "gist(r=4"}, {"fold=rmt(segment=64)", "rmt(segment=64"},
		{"pos=rope far=cap", "far=cap"},
	} {
		p, err := ParsePlan(c.text+" group=same(b)", 1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Layers[0].Core(Shape{Heads: 2, KVHeads: 1, Dim: 16})
		if !errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), c.with) || !strings.Contains(err.Error(), "group=same(b)") && !strings.Contains(c.text, "kivi") {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	for _, text := range []string{"group=same", "group=same(c)", "group=same(a,most=0)", "group=other(a)"} {
		if _, err := ParsePlan(text, 1); err == nil {
			t.Errorf("%s is a plan", text)
		}
	}
}
