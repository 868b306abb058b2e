package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
)

// ids returns n numbers that no index is.
func idsOf(n int) []int32 {
	id := make([]int32, n)
	for i := range id {
		id[i] = int32(1000 + 3*i)
	}
	return id
}

// below returns strips of which no number is above shift, but where wild says so NaN and −∞ are among them.
func below(rng *rand.Rand, strips int, wild bool, shift float32) []float32 {
	x := make([]float32, strips*Strip)
	for i := range x {
		x[i] = shift - float32(rng.ExpFloat64()*math.Exp2(float64(rng.IntN(8))))
		if wild && rng.IntN(9) == 0 {
			x[i] = []float32{shift, float32(math.Inf(-1)), float32(math.NaN()), -math.MaxFloat32}[rng.IntN(4)]
		}
	}
	return x
}

// stripTwins compares the passes over a vocabulary with their twins. What a kernel may not write is checked where that is known.
func stripTwins(t *testing.T, rng *rand.Rand, high, x, key, p []float32, ids, id []int32, xs []float32) {
	t.Helper()
	StripMax(high, x)
	want := make([]float32, len(high))
	stripMaxGo(want, x)
	equal(t, "StripMax", len(x), high, want)

	shift := float32(7.25)
	y := x[:len(x)&^(Strip-1)]
	copy(y, below(rng, len(y)/Strip, true, shift))
	var got, sum Lanes
	for i := range got {
		got[i] = rng.Float64()
	}
	sum = got
	SumExp(&got, y, shift)
	sumExpGo(&sum, y, shift)
	if got != sum {
		t.Fatalf("SumExp of %d: %v, want %v", len(y), got, sum)
	}

	least := float32(0)
	if len(key) > 0 {
		least = key[rng.IntN(len(key))]
	}
	n, s := SumFrom(key, p, least)
	sum = Lanes{}
	m := sumFromGo(&sum, key, p, least)
	if n != m || s != sum.Total() && (s == s || sum.Total() == sum.Total()) {
		t.Fatalf("SumFrom of %d: %d, %v, want %d, %v", len(key), n, s, m, sum.Total())
	}

	got, sum = Lanes{}, Lanes{}
	s = SumProd(p, key, least)
	sumProdGo(&sum, p, key, least)
	if s != sum.Total() && (s == s || sum.Total() == sum.Total()) {
		t.Fatalf("SumProd of %d: %v, want %v", len(key), s, sum.Total())
	}
	wantX := make([]float32, len(key))
	Near(xs, key, 1.1)
	nearGo(wantX, key, 1.1)
	equal(t, "Near", len(key), xs, wantX)

	for _, hi := range []float32{float32(math.Inf(1)), least + 3} {
		for _, lo := range []float32{least, float32(math.Inf(-1))} {
			wantID := make([]int32, len(key))
			m := pickGo(wantID, wantX, id, p, key, lo, hi)
			n := Pick(ids, xs, id, p, key, lo, hi)
			if n != m || !slices.Equal(ids[:n], wantID[:n]) {
				t.Fatalf("Pick of %d from %v to %v: %v, want %v", len(key), lo, hi, ids[:n], wantID[:m])
			}
			equal(t, "Pick", len(key), xs[:n], wantX[:n])
		}
	}
	// In place, by a key that is moved itself.
	inID, inX := append(slices.Clone(id), 5), append(slices.Clone(key), 5) // and a canary
	wantID := make([]int32, len(key))
	m = pickGo(wantID, wantX, id, key, key, least, float32(math.Inf(1)))
	n = Pick(inID, inX, inID[:len(key)], inX[:len(key)], inX[:len(key)], least, float32(math.Inf(1)))
	if n != m || !slices.Equal(inID[:n], wantID[:n]) || inID[len(key)] != 5 || inX[len(key)] != 5 {
		t.Fatalf("Pick of %d in place: %v, want %v", len(key), inID[:n], wantID[:m])
	}
	equal(t, "Pick in place", len(key), inX[:n], wantX[:n])
}

// TestStrips sweeps lengths, with canaries behind every output.
func TestStrips(t *testing.T) {
	impl.Each("vec", func(name string) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(21, 22))
			for n := range 150 {
				wild, strips := n%3 == 0, n%13
				off := rng.IntN(5)
				x := numbers(rng, strips*Strip+off, wild)[off:]
				key, p := numbers(rng, n+off, wild)[off:], numbers(rng, n, wild)
				high, ids, xs := make([]float32, strips+1), make([]int32, n+1), make([]float32, n+1)
				high[strips], ids[n], xs[n] = 77, 77, 77
				stripTwins(t, rng, high[:strips], x, key, p, ids[:n], idsOf(n), xs[:n])
				if high[strips] != 77 || ids[n] != 77 || xs[n] != 77 {
					t.Fatalf("length %d: written behind the end", n)
				}
			}
		})
	})
}

// TestSumExp compares with float64, over all that a strip may hold.
func TestSumExp(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	for _, shift := range []float32{0, 20, -1e30} {
		for range 100 {
			x := below(rng, 1+rng.IntN(20), false, shift)
			want := 0.0
			for _, v := range x {
				want += math.Exp(float64(v - shift))
			}
			var l Lanes
			SumExp(&l, x, shift)
			if got := l.Total(); math.Abs(got-want) > 2e-7*want {
				t.Fatalf("shift %v: %v, want %v", shift, got, want)
			}
		}
	}
	var l Lanes
	same := make([]float32, Strip*30)
	SumExp(&l, same, 0)
	if l.Total() != Strip*30 {
		t.Errorf("%d ones are %v", Strip*30, l.Total())
	}
}

func BenchmarkVocabulary(b *testing.B) {
	const n = 262_144
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	high, ids, id, xs := make([]float32, n/Strip), make([]int32, n), idsOf(n), make([]float32, n)
	for name, f := range map[string]func(){
		"StripMax": func() { StripMax(high, x) },
		"SumExp":   func() { var l Lanes; SumExp(&l, x, 6) },
		"SumFrom":  func() { SumFrom(x, x, 0.3) },
		"SumProd":  func() { SumProd(x, x, 0.3) },
		"Near":     func() { Near(xs, x, 0.3) },
		"Pick":     func() { Pick(ids, xs, id, x, x, 0.3, 6) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				f()
			}
		})
	}
}
