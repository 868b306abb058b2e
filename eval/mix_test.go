package eval

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// TestPick: of all ways to give layers a choice within the bytes, what is picked loses little more than the best; it is within them, unless nothing
// is; and with more bytes it loses less.
func TestPick(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	exact := 0
	for range 200 {
		m := &Mixed{Own: 5000, Layers: make([][]Choice, 5)}
		most, least := m.Own, m.Own
		for l := range m.Layers {
			low := int64(0)
			for _, name := range []string{"a", "b", "c"} {
				c := Choice{name, rng.Float64() * 0.01, -int64(rng.IntN(900))}
				m.Layers[l], low = append(m.Layers[l], c), min(low, c.Bytes)
			}
			least += low
		}
		before := math.Inf(1)
		for bytes := least - 50; bytes <= most; bytes += 200 {
			picks, sum := m.Pick(bytes)
			var check Choice
			check.Bytes = m.Own
			for _, c := range picks {
				check.KL, check.Bytes = check.KL+c.KL, check.Bytes+c.Bytes
			}
			if check.Bytes != sum.Bytes || math.Abs(check.KL-sum.KL) > 1e-12 {
				t.Fatalf("%v adds up to %v, not to %v", picks, check, sum)
			}
			if sum.Bytes > max(bytes, least) {
				t.Fatalf("%d bytes for a budget of %d, the least is %d", sum.Bytes, bytes, least)
			}
			if sum.KL > before {
				t.Fatalf("%v with %d bytes, %v with less", sum.KL, bytes, before)
			}
			before = sum.KL
			if bytes >= least {
				best := m.best(0, bytes-m.Own)
				if sum.KL < best-1e-12 || sum.KL > best+0.01 { // a step too far costs one choice at most
					t.Fatalf("%v within %d bytes, the best is %v", sum.KL, bytes, best)
				}
				if sum.KL <= best+1e-12 {
					exact++
				}
			}
		}
	}
	if exact < 1000 {
		t.Errorf("the best was found %d times only", exact)
	}
	if text := MixEdits([]Choice{{Edits: "kv=q4"}, {}, {Edits: "kv=q8_0"}, {Edits: "kv=q4"}}); text != "0,3: kv=q4; 2: kv=q8_0" {
		t.Error(text)
	}
}

// best is the least that layers from l on lose within so many bytes.
func (m *Mixed) best(l int, bytes int64) float64 {
	if l == len(m.Layers) {
		if bytes < 0 {
			return math.Inf(1)
		}
		return 0
	}
	best := m.best(l+1, bytes)
	for _, c := range m.Layers[l] {
		best = min(best, c.KL+m.best(l+1, bytes-c.Bytes))
	}
	return best
}

// TestMix: layers are measured one by one, coarser ones lose more, an edit that a layer refuses is left out, and the sum is near what the plan
// loses.
func TestMix(t *testing.T) {
	path := testmodel.Path(t, "gemma3:270m")
	book, err := os.ReadFile("../testdata/books/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	open := func(plan string) (*godwit.Model, error) {
		return godwit.Open(path, godwit.Options{Threads: 2, Plan: plan})
	}
	x := Mix{Edits: []string{"kv=q8_0", "kv=q4 near=none", "layout=ring kv=f32"}, Context: 96, Books: []Book{{"opticks", string(book[:4000])}}, Windows: 2, Score: 24}
	m, err := x.Run(context.Background(), open, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Layers) != 18 {
		t.Fatalf("%d layers", len(m.Layers))
	}
	var q8, q4 float64
	for l, of := range m.Layers {
		want := 3
		if l == 5 || l == 11 || l == 17 { // they see everything, which a ring does not hold
			want = 2
		}
		if len(of) != want || of[0].Edits != "kv=q8_0" || of[1].Edits != "kv=q4 near=none" || of[1].Bytes >= of[0].Bytes || of[0].Bytes >= 0 {
			t.Fatalf("layer %d: %v", l, of)
		}
		q8, q4 = q8+of[0].KL, q4+of[1].KL
	}
	if !(q8 > 0 && q4 > 3*q8) {
		t.Errorf("q8_0 loses %g, q4 %g", q8, q4)
	}
	picks, sum := m.Pick(m.Own * 45 / 100)
	p := Plans{Contexts: []int{x.Context}, Books: x.Books, Windows: 2, Score: 24}
	r, err := p.start(open, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close(0)
	windows, err := r.windows()
	if err == nil {
		err = r.add(MixEdits(picks))
	}
	rows := make([]PlanResult, 2)
	if err == nil {
		err = r.agree(context.Background(), x.Context, windows, rows)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := rows[1]; got.KVBytes != sum.Bytes || !(got.KL > sum.KL/3 && got.KL < 3*sum.KL) {
		t.Errorf("%q has %d bytes and a divergence of %g, want %d and about %g", MixEdits(picks), got.KVBytes, got.KL, sum.Bytes, sum.KL)
	}
	for _, e := range []string{"kv=q4; kv=q8_0", "kv=f31"} {
		x.Edits = []string{e}
		if _, err := x.Run(context.Background(), open, nil); err == nil {
			t.Errorf("%s was taken", e)
		}
	}
	x.Edits, x.Context = []string{"kv=q8_0"}, 100_000
	if _, err := x.Run(context.Background(), open, nil); !errors.Is(err, ErrShort) {
		t.Errorf("a context that is longer than the text: %v", err)
	}
}
