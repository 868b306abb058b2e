package attention

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestBiasReference compares with testdata/bias.json, which testdata/bias.py makes with Hugging Face transformers and torch.
func TestBiasReference(t *testing.T) {
	var ref struct {
		ALiBi []struct {
			Heads, Max int
			Slopes     []float64
		}
		T5 []struct {
			Buckets, Max int
			First        [][2]int
		}
		FIRE []struct {
			C, From float64
			In      []float32
			InBias  []float32 `json:"in_bias"`
			Out     []float32
			OutBias []float32 `json:"out_bias"`
			Pairs   [][2]seq.Pos
			Biases  [][]float64
		}
	}
	data, err := os.ReadFile("testdata/bias.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	if len(ref.ALiBi) < 20 || len(ref.T5) < 5 || len(ref.FIRE) < 2 {
		t.Fatalf("%d, %d and %d cases", len(ref.ALiBi), len(ref.T5), len(ref.FIRE))
	}
	for _, c := range ref.ALiBi {
		b := biaser(t, ALiBi{Max: c.Max}, c.Heads)
		for h, want := range c.Slopes {
			if got := -one(b, h, 1, 0); math.Abs(got-want) > 1e-7*want {
				t.Errorf("alibi(max=%d), head %d of %d: %v, want %v", c.Max, h, c.Heads, got, want)
			}
			if got := -one(b, h, 5000, 3); math.Abs(got-4997*want) > 4997e-7*want {
				t.Errorf("alibi(max=%d), head %d of %d, 4997 away: %v", c.Max, h, c.Heads, got)
			}
		}
	}
	for _, c := range ref.T5 {
		// Each bucket's bias is its number.
		s := T5{Buckets: c.Buckets, Max: c.Max, Biases: make([]float32, 2*c.Buckets)}
		for i := range s.Biases {
			s.Biases[i] = float32(i / 2)
		}
		b, next := biaser(t, s, 2), 0
		for d := range 2000 {
			if next < len(c.First) && c.First[next][1] == d {
				next++
			}
			if got, want := one(b, d%2, seq.Pos(d+7), 7), float64(c.First[next-1][0]); got != want {
				t.Errorf("%s: distance %d is in bucket %v, want %v", s, d, got, want)
			}
		}
	}
	for _, c := range ref.FIRE {
		heads := len(c.OutBias)
		b := biaser(t, FIRE{C: c.C, From: c.From, In: c.In, InBias: c.InBias, Out: c.Out, OutBias: c.OutBias}, heads)
		for i, p := range c.Pairs {
			for h, want := range c.Biases[i] {
				if got := one(b, h, p[0], p[1]); math.Abs(got-want) > 5e-7 {
					t.Errorf("fire of %d heads, head %d, query %d, key %d: %v, want %v", heads, h, p[0], p[1], got, want)
				}
			}
		}
	}
}

func biaser(t testing.TB, s Biased, heads int) Biaser {
	t.Helper()
	b, err := s.Bias(heads)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// one is a single bias.
func one(b Biaser, head int, q, k seq.Pos) float64 {
	row, s := make([]float32, b.Width()), []float32{0}
	b.Row(row, q, []seq.Pos{k})
	b.Add(s, head, row)
	return float64(s[0])
}

// TestBiasAlone: what a logit gets is the same whichever keys are beside it, in any order.
func TestBiasAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, s := range []Scheme{ALiBi{}, ALiBi{Cap: 50}, T5{}, T5{Buckets: 8, Max: 999}, FIRE{}} {
		b := biaser(t, withBiases(s, 3).(Biased), 3)
		for range 200 {
			keys, q := make([]seq.Pos, 1+rng.IntN(Tile)), seq.Pos(rng.IntN(3000))
			for i := range keys {
				keys[i] = seq.Pos(rng.IntN(3000)) // also beyond the query
			}
			row, all := make([]float32, b.Width()*Tile), make([]float32, len(keys))
			b.Row(row, q, keys)
			b.Add(all, 2, row)
			for i, k := range keys {
				if want := one(b, 2, q, min(k, q)); float64(all[i]) != want {
					t.Fatalf("%s: query %d, key %d of %d, at %d: %v, alone %v", s, q, i, len(keys), k, all[i], want)
				}
			}
		}
	}
}

// TestBiasFar: distances beyond every table.
func TestBiasFar(t *testing.T) {
	const last = math.MaxInt32
	if got := one(biaser(t, ALiBi{}, 1), 0, last, 0); got != -maxDistance/256 {
		t.Errorf("alibi: %v", got)
	}
	if got := one(biaser(t, ALiBi{Cap: 9}, 1), 0, last, 0); got != -9./256 {
		t.Errorf("alibi(cap=9): %v", got)
	}
	if b := biaser(t, withBiases(T5{}, 1).(Biased), 1); one(b, 0, last, 0) != one(b, 0, 128, 0) {
		t.Error("t5: the last bucket ends")
	}
	f := withBiases(FIRE{}, 2).(FIRE)
	b := biaser(t, f, 2)
	// Relative to the position, the farthest key has always the same bias; nearer ones that of the same share of ψ.
	if near, far := one(b, 1, 1<<21, 0), one(b, 1, last, 0); math.Abs(near-far) > 1e-6 {
		t.Errorf("fire: %v at 2²¹, %v at 2³¹", near, far)
	}
	if a, b := one(b, 1, maxTable+5, 5), one(biaser(t, f, 2), 1, maxTable+5, 5); a != b {
		t.Errorf("fire: %v with a full table, %v with a new one", a, b)
	}
	// f(x) = w·x and distances that are hardly compressed: a line in distance / position.
	line := biaser(t, FIRE{C: 1e-7, In: []float32{3}, InBias: []float32{0}, Out: []float32{-1}, OutBias: []float32{0.5}}, 1)
	for _, k := range []seq.Pos{0, 100, 5000, 9000, 10000} {
		if got, want := one(line, 0, 10000, k), 0.5-3*float64(10000-k)/10000; math.Abs(got-want) > 0.01*math.Abs(want) {
			t.Errorf("fire: key %d of 10000: %v, want %v", k, got, want)
		}
	}
}

// TestBiasRefused: what cannot be computed is an error that names the scheme and the shape.
func TestBiasRefused(t *testing.T) {
	nan := float32(math.NaN())
	good := withBiases(FIRE{}, 2).(FIRE)
	bad := func(edit func(f *FIRE)) FIRE { f := good; edit(&f); return f }
	for _, s := range []Scheme{
		ALiBi{Max: 65}, ALiBi{Max: -1}, ALiBi{Cap: -1}, T5{}, T5{Biases: make([]float32, 32)}, T5{Buckets: 1, Biases: make([]float32, 2)},
		T5{Max: 16, Biases: make([]float32, 64)}, T5{Biases: append(make([]float32, 63), nan)}, FIRE{}, withBiases(FIRE{}, 3),
		bad(func(f *FIRE) { f.C = 0 }), bad(func(f *FIRE) { f.From = math.Inf(1) }), bad(func(f *FIRE) { f.InBias = f.InBias[1:] }),
		bad(func(f *FIRE) { f.OutBias = []float32{0, nan} }),
	} {
		if err := (Layer{Pos: s}).Check(Shape{Heads: 2, KVHeads: 1, Dim: 8}); !errors.Is(err, ErrCompose) {
			t.Errorf("%#v: %v", s, err)
		}
	}
}

// TestLn compares with math.Log.
func TestLn(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range 100000 {
		x := 1 + math.Exp(rng.Float64()*60-30)
		if i < 1000 {
			x = float64(i + 1)
		}
		if got, want := ln(x), math.Log(x); math.Abs(got-want) > 3e-16*want {
			t.Fatalf("ln(%v) = %v, want %v", x, got, want)
		}
	}
}
