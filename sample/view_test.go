package sample

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
)

// TestView: a vocabulary with NaN and infinities gives every chain what the same vocabulary gives with −∞ and the largest float32
// instead, whatever its size is and whatever the chain saw before.
func TestView(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for name, p := range goldenChains() {
		p.Seed = 5
		broken, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		sound, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{500, 1, 63, 64, 65, 9001, 128, 6400} {
			x, y := modelLike(uint64(n), n), make([]float32, n)
			for i := range x {
				switch rng.IntN(40) {
				case 0:
					x[i] = nan
				case 1:
					x[i] = -inf
				case 2:
					if n%2 == 1 && i > 0 {
						x[i] = inf
					}
				case 3:
					x[i] = x[0]
				}
				y[i] = tame(x[i])
			}
			a, err1 := broken.Next(x)
			b, err2 := sound.Next(y)
			if a != b || (err1 == nil) != (err2 == nil) {
				t.Errorf("%s of %d: token %d, %v, without NaN and +Inf %d, %v", name, n, a, err1, b, err2)
			}
			broken.Accept(a)
			sound.Accept(a)
		}
	}
}

// TestBest compares the greedy choice with a loop, with and without steps before it.
func TestBest(t *testing.T) {
	impl.Each("vec", func(name string) {
		rng := rand.New(rand.NewPCG(43, 44))
		for round := range 400 {
			n := rng.IntN(700)
			if round%50 == 0 {
				n = 4096 + rng.IntN(5000)
			}
			x := make([]float32, n)
			for i := range x {
				x[i] = []float32{float32(rng.IntN(4)), nan, -inf, float32(math.Copysign(0, -1)), inf, math.MaxFloat32}[rng.IntN(1+round%6)]
			}
			want, top := int32(-1), negInf
			for i, l := range x {
				if l = tame(l); l > top {
					want, top = int32(i), l
				}
			}
			if got := best(x); got != want {
				t.Fatalf("%s: token %d of %d, want %d", name, got, n, want)
			}
			var v view
			if v.load(x); want >= 0 && v.best() != want {
				t.Fatalf("%s: token %d of %d in a view, want %d", name, v.best(), n, want)
			}
		}
	})
}
