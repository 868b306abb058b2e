package attention

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

func numbers(t testing.TB, n Numbering) Numbers {
	t.Helper()
	of, err := n.Fit()
	if err != nil {
		t.Fatal(n, err)
	}
	return of
}

// TestNumberings: positions rise and stay below max, as long as there are len of them; all of max are the rows' own.
func TestNumberings(t *testing.T) {
	for _, max := range []int{1, 2, 3, 64, 1000, 2048} {
		for _, n := range []int{1, 2, 40, 500, 999, 1000, 2048} {
			if n > max {
				continue
			}
			for _, of := range []Numbering{Even{max, n}, Random{max, n, 0}, Random{max, n, 7}} {
				num, last := numbers(t, of), seq.Pos(-1)
				for i := range seq.Pos(n + 50) {
					p := num.At(i)
					if p <= last || int(i) < n && int(p) >= max || int(i) >= n && int(p) != max-n+int(i) || n == max && p != i {
						t.Fatalf("%s: row %d gets %d after %d", of, i, p, last)
					}
					last = p
				}
				if again := numbers(t, of); again.At(seq.Pos(n/2)) != num.At(seq.Pos(n/2)) {
					t.Errorf("%s: not the same again", of)
				}
			}
		}
	}
	if got := numbers(t, Even{2048, 500}).At(499); got != 2047 {
		t.Errorf("the last of 500 even positions is %d", got)
	}
	// Every position is drawn as often: of 4,000 draws of 5 out of 20 about 1,000 times.
	var times [20]int
	same := 0
	first := numbers(t, Random{20, 5, 0}).(draw).of
	for seed := range 4000 {
		of := numbers(t, Random{20, 5, seed}).(draw).of
		for _, p := range of {
			times[p]++
		}
		if slices.Equal(of, first) {
			same++
		}
	}
	for p, n := range times {
		if math.Abs(float64(n)-1000) > 140 { // five times the deviation of 27
			t.Errorf("position %d was drawn %d times, want about 1000", p, n)
		}
	}
	if same > 5 {
		t.Errorf("%d of 4000 seeds draw the same", same)
	}
	for _, of := range []Numbering{Even{1000, 10}, Random{1000, 10, 0}, Skip{3, 1 << 30}} {
		if p := numbers(t, of).At(math.MaxInt32); p < 1<<30 {
			t.Errorf("%s: the last row gets %d", of, p)
		}
	}
	for _, bad := range []Numbering{Even{}, Even{10, 11}, Even{1<<30 + 1, 5}, Random{}, Random{Max: 5}, Random{1 << 30, 1<<18 + 1, 0}, Skip{By: -1}, Skip{From: -1}} {
		err := (Layer{Pos: ALiBi{}, Ids: bad}).Check(Shape{Heads: 1, KVHeads: 1, Dim: 8})
		if !errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), bad.String()) {
			t.Errorf("%#v: %v", bad, err)
		}
	}
}

// given runs a fixture whose rows have the given positions, in steps of a size.
func (f *fixture) given(t testing.TB, chunk int, at func(row int) seq.Pos) []float32 {
	t.Helper()
	r := f.runner(t, f.n, chunk)
	pos := make([]seq.Pos, chunk)
	for lo := 0; lo < f.n; lo += chunk {
		n := min(chunk, f.n-lo)
		for i := range n {
			pos[i] = at(lo + i)
		}
		sh := f.shape
		copy(r.k, f.k[lo*sh.KVHeads*sh.Dim:(lo+n)*sh.KVHeads*sh.Dim])
		r.at = seq.Step{First: lo, N: n, Pos: pos[:n], Team: par.Serial(), Mem: &r.mem}
		if err := r.c.Run(r.out[lo*sh.Heads*sh.VDim:], f.q[lo*sh.Heads*sh.Dim:], r.k, f.v[lo*sh.KVHeads*sh.VDim:], r.st, &r.at); err != nil {
			t.Fatal(f.text, err)
		}
	}
	return r.out
}

// TestGivenPositions: the positions of a step enter queries, keys, biases and temperatures alike, whatever the steps; what sees
// what goes by rows. So positions that a step brings are those that a plan's numbering makes, and a shift of all changes nothing
// where only distances enter.
func TestGivenPositions(t *testing.T) {
	sh := Shape{Heads: 4, KVHeads: 2, Dim: 16}
	for _, span := range []string{"full", "window(30)", "sinks(3)+window(24)"} {
		for _, kv := range []string{"f32", "q8_0"} {
			for _, pos := range []string{"rope", "rope+linear(factor=3)", "rope+dynamic(factor=2,orig=100)", "alibi", "t5(max=300)", "fire"} {
				text := "span=" + span + " kv=" + kv + " pos=" + pos
				num := numbers(t, Random{Max: 900, Len: 200, Seed: 3})
				want := newFixture(t, text+"+random(max=900,len=200,seed=3)", sh, 200, 1)
				r := want.runner(t, want.n, want.n)
				if err := r.all([]int{want.n}); err != nil {
					t.Fatal(err)
				}
				f := newFixture(t, text, sh, 200, 1)
				for _, chunk := range []int{200, 64, 7, 1} {
					if err := sameBits(f.given(t, chunk, func(row int) seq.Pos { return num.At(seq.Pos(row)) }), r.out); err != nil {
						t.Fatalf("%s in steps of %d: %v", text, chunk, err)
					}
				}
				own := f.given(t, 64, func(row int) seq.Pos { return seq.Pos(row) })
				if sameBits(own, r.out) == nil {
					t.Errorf("%s: positions do not matter", text)
				}
				if pos == "alibi" || strings.HasPrefix(pos, "t5") {
					if err := sameBits(f.given(t, 64, func(row int) seq.Pos { return seq.Pos(row + 1000) }), own); err != nil {
						t.Errorf("%s: a shift of all positions changes %v", text, err)
					}
				}
			}
		}
	}
	// Every position times s, divided by s again.
	for _, s := range []int{2, 8} {
		f := newFixture(t, "pos=rope+linear(factor="+num(float64(s))+") kv=f32", sh, 200, 1)
		plain := newFixture(t, "pos=rope kv=f32", sh, 200, 1)
		want := make([]float64, len(f.q))
		for i, x := range plain.given(t, 64, func(row int) seq.Pos { return seq.Pos(row) }) {
			want[i] = float64(x)
		}
		if err := differ(f.given(t, 64, func(row int) seq.Pos { return seq.Pos(s * row) }), want, 1e-5); err != nil {
			t.Errorf("linear(factor=%d) of positions times %d: %v", s, s, err)
		}
	}
	// The temperature is that of the position that the step brings.
	hot := newFixture(t, "temp=log(orig=2) kv=f32", sh, 50, 1)
	for i := range hot.q {
		hot.q[i] *= 0.5
	}
	plain := newFixture(t, "kv=f32", sh, 50, 1)
	if err := sameBits(hot.given(t, 9, func(int) seq.Pos { return 3 }), plain.given(t, 9, func(row int) seq.Pos { return seq.Pos(row) })); err != nil {
		t.Errorf("a temperature of 2 for queries of one half: %v", err)
	}
}
