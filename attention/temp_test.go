package attention

import (
	"errors"
	"math"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestTempOne: a factor of 1 leaves the bits, with every codec of keys; a model's constant per head is the same as queries that were
// multiplied by it before.
func TestTempOne(t *testing.T) {
	sh := Shape{Heads: 4, KVHeads: 2, Dim: 32}
	for _, kv := range []string{"f32", "f16", "q8_0", "q4"} {
		run := func(temp string, by ...float32) []float32 {
			f := newFixture(t, "span=sinks(3)+window(70) pos=rope kv="+kv+" "+temp, sh, 200, 1)
			for i := range f.q {
				if by != nil {
					f.q[i] *= by[i/sh.Dim%sh.Heads]
				}
			}
			r := f.runner(t, f.n, 64)
			if err := r.all(steps{64, 1}.cut(f.n)); err != nil {
				t.Fatal(err)
			}
			return r.out
		}
		plain := run("")
		for _, temp := range []string{"temp=log(orig=200)", "temp=floor(scale=0.3,orig=201)", "temp=floor(scale=0,orig=1)", "temp=affine(slope=0,first=1)", "temp=heads(1,1,1,1)"} {
			if err := sameBits(run(temp), plain); err != nil {
				t.Errorf("kv=%s %s: %v", kv, temp, err)
			}
		}
		if err := sameBits(run("temp=heads(0.5,1,2,4)"), run("", 0.5, 1, 2, 4)); err != nil {
			t.Errorf("kv=%s: heads(…): %v", kv, err)
		}
		if sameBits(run("temp=log(orig=199)"), plain) == nil {
			t.Errorf("kv=%s: the last row of 200 is not sharper than with 199", kv)
		}
	}
}

// TestTempFactors compares with figures that were worked out by hand.
func TestTempFactors(t *testing.T) {
	for _, c := range []struct {
		of   Temperature
		head int
		pos  seq.Pos
		want float64
	}{
		{Log{Orig: 8192}, 0, 8191, 1}, {Log{Orig: 8192}, 0, 0, 1}, {Log{Orig: 8192}, 0, 16383, 14.0 / 13}, {Log{Orig: 16}, 3, 255, 2},
		// transformers: log(floor((pos + 1) / floor_scale) + 1) · attn_scale + 1
		{Floor{Scale: 0.1, Orig: 8192}, 0, 8190, 1}, {Floor{Scale: 0.1, Orig: 8192}, 0, 8191, 1.0693147}, {Floor{Scale: 0.1, Orig: 8192}, 0, 24574, 1.1098612},
		{Floor{Scale: 0.1, Orig: 8192}, 0, math.MaxInt32, 1 + 0.1*12.4766534},
		{Affine{Slope: 0.25, First: 0.5}, 0, 0, 0.5}, {Affine{Slope: 0.25, First: 0.5}, 0, 6, 0.5 + 0.25*1.9459101},
		{Heads{[]float32{1.2}}, 7, 9, 1.2}, {Heads{[]float32{1.2, 3, 0.5}}, 2, 9, 0.5},
	} {
		if got := float64(c.of.Factor(c.head, c.pos)); math.Abs(got-c.want) > 2e-7*c.want {
			t.Errorf("%s of head %d at %d is %v, want %v", c.of, c.head, c.pos, got, c.want)
		}
	}
	nan, inf := math.NaN(), math.Inf(1)
	for _, bad := range []Temperature{
		Log{}, Log{Orig: 1}, Floor{Scale: 0.1}, Floor{Scale: -1, Orig: 9}, Floor{Scale: inf, Orig: 9}, Affine{}, Affine{Slope: 1}, Affine{Slope: nan, First: 1},
		Affine{Slope: 1, First: inf}, Affine{Slope: -0.1, First: 1}, Heads{}, Heads{[]float32{1, 2, 3}}, Heads{[]float32{0}}, Heads{[]float32{float32(nan)}}, Heads{[]float32{1e4}},
	} {
		if err := (Layer{Temp: bad}).Check(Shape{Heads: 2, KVHeads: 1, Dim: 4}); !errors.Is(err, ErrCompose) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
