package attention

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestSelectHeads: KV heads choose by themselves, each by its own selector or by none.
func TestSelectHeads(t *testing.T) {
	t.Parallel()
	sh := Shape{Heads: 6, KVHeads: 3, Dim: 16, VDim: 18}
	for i, text := range []string{
		"[recycle(k=1,local=1,dense=64),all,mass(p=0.5,least=1,local=1,dense=0,every=8)]",
		"[mean(k=1,local=1,dense=0),recycle(k=2,local=1,dense=0,every=32),bounds(k=1,local=2,dense=100,every=64)]",
		"[all,all,recycle(k=1,local=1,dense=0)]",
	} {
		f := newFixture(t, fmt.Sprintf("span=[full,window(300),full] pos=rope kv=%s layout=grow select=%s", []string{"q8_0", "f32", "q4"}[i], text), sh, 500, uint64(i))
		out, want := f.sameEveryWay(t, i), f.oracle(t)
		width := sh.Heads * sh.VDim
		for _, row := range f.unclear {
			for k := row * width; k < (row+1)*width; k++ {
				want[k] = float64(out[k])
			}
		}
		if len(f.unclear) > f.n/2 {
			t.Errorf("%s: %d of %d choices are near others", text, len(f.unclear), f.n)
		}
		if err := f.close(out, want); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		p, err := ParsePlan(f.layer.String(), 1)
		if err != nil || p.Layers[0].String() != f.layer.String() {
			t.Errorf("%s is read back as %v (%v)", f.layer, p.Layers[0], err)
		}
		r := f.runner(t, f.n, f.n)
		if err := r.all([]int{f.n}); err != nil {
			t.Fatal(err)
		}
		if read, seen := r.st.(seq.Reader).Reads(); read >= seen*9/10 || read < seen/4 {
			t.Errorf("%s: %d of %d tiles are read", text, read, seen)
		}
	}
	p, err := ParsePlan("select=[all,recycle]", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Layers[0].Check(sh); !errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), "recycle") {
		t.Errorf("two selectors for three KV heads: %v", err)
	}
	if _, err := ParsePlan("select=[all,recycle+mean]", 1); !errors.As(err, new(*PlanError)) {
		t.Errorf("two selectors for a head: %v", err)
	}
}

// TestSelectMemory: the index is part of what a session takes and holds, in memory that its environment gives.
func TestSelectMemory(t *testing.T) {
	sh := Shape{Heads: 4, KVHeads: 2, Dim: 32}
	plain := newFixture(t, "kv=q8_0", sh, 1000, 1)
	for text, want := range map[string]int64{ // bytes for 1,000 rows: a panel of 64 tiles of both heads, and a word for each of 10 choices
		"bounds":           2 * 64 * 64 * 2,
		"mean":             2 * 4 * 32 * 64 * 2,
		"clusters":         2 * 4 * 33 * 64 * 2,
		"mass(every=16)":   2*64*64*2 + 10*2*8,
		"recycle":          10 * 2 * 8,
		"hip":              2 * 64 * 2,
		"louis":            2*4*33*64*2 + 2*(194*8+130*64*2), // choices of 194 rows, queries of 130
		"recycle(every=1)": 0,
	} {
		f := newFixture(t, "kv=q8_0 select="+text, sh, 1000, 1)
		taken := int64(0)
		env := &seq.Env{MaxLen: 1000, MaxChunk: 100, Alloc: func(n int) ([]byte, error) {
			taken += int64(n)
			return make([]byte, n), nil
		}}
		a, b := plain.runner(t, 1000, 100), f.runner(t, 1000, 100)
		if got := b.c.Bytes(env) - a.c.Bytes(env); got != want {
			t.Errorf("%s: %d bytes more, want %d", text, got, want)
		}
		st, err := b.c.NewState(env)
		if err != nil || taken != b.c.Bytes(env) {
			t.Errorf("%s: %d bytes were taken, Bytes says %d (%v)", text, taken, b.c.Bytes(env), err)
		}
		if st.Bytes() != 0 {
			t.Errorf("%s: an empty session has %d bytes", text, st.Bytes())
		}
		if err := b.all(steps{100}.cut(1000)); err != nil || b.st.Bytes() != taken {
			t.Errorf("%s: a full session has %d bytes of %d (%v)", text, b.st.Bytes(), taken, err)
		}
	}
}

// TestSelectRewind: the last 128 rows can be gone back to one by one, and every row that chooses for itself; what goes by a choice that is not
// kept is refused. What comes after is what it is without a detour, also when other rows were in the place for a while.
func TestSelectRewind(t *testing.T) {
	const rows = 900
	f := newFixture(t, "kv=q8_0 layout=grow select=[recycle(k=1,local=1,dense=0,every=16,from=610),mass(p=0.5,least=1,local=1,dense=0,every=8)]", Shape{Heads: 4, KVHeads: 2, Dim: 16}, rows, 5)
	r, want := f.whole(t)
	refused, held := 0, 0
	for i, to := range []int{899, 830, 790, 777, 776, 640, 500, 400, 272, 270, 150, 96, 0} {
		if other := (rows - 13*i) / Tile * Tile; to < other { // other rows on the way, in steps of other sizes
			if err := errors.Join(r.st.Rewind(other), r.feed(7), r.feed(20)); err != nil {
				t.Fatal(err)
			}
		}
		switch err := r.st.Rewind(to); {
		case err == nil:
			held++
		case errors.Is(err, seq.ErrRewind) && (to%8 != 0 || to < 610) && to%Tile != 0 && to < rows-2*Tile:
			refused++
			if err := r.st.Rewind(to / Tile * Tile); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("to %d: %v", to, err)
		}
		r.again(t, want, rows)
	}
	if refused < 3 || held < 6 {
		t.Errorf("%d rewinds, %d refused", held, refused)
	}
}
