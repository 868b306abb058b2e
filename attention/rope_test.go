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

// withFactors gives a scheme the tensors that its text cannot hold.
func withFactors(pos Scheme, short, long []float32) Scheme {
	if r, ok := pos.(Rope); ok {
		if s, ok := r.Scaling.(Long); ok {
			s.Short, s.Long = short, long
			r.Scaling = s
			return r
		}
	}
	return pos
}

func scheme(t testing.TB, text string) Scheme {
	t.Helper()
	p, err := ParsePlan("pos="+text, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p.Layers[0].Pos
}

// TestRopeReference compares every scaling with testdata/rope.json, which testdata/rope.py makes with Hugging Face transformers.
func TestRopeReference(t *testing.T) {
	var ref struct {
		Short, Long []float32
		Cases       []struct {
			Pos     string
			Dim     int
			Factor  float64   `json:"attention_factor"`
			InvFreq []float64 `json:"inv_freq"`
			At      int
			Cos     []float64
			Sin     []float64
			Turned  []float64
		}
	}
	data, err := os.ReadFile("testdata/rope.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range ref.Cases {
		pos := withFactors(scheme(t, c.Pos), ref.Short, ref.Long)
		if s := pos.(Rope).Scaling; s != nil {
			name, _, _ := cutTerm(s.String())
			seen[name] = true
		}
		p, err := pos.Fit(c.Dim)
		if err != nil {
			t.Fatal(c.Pos, err)
		}
		half := len(c.InvFreq)
		row := make([]float32, p.Width())
		if len(row) != 2*half {
			t.Fatalf("%s: a row of %d for %d pairs", c.Pos, len(row), half)
		}
		for _, at := range []seq.Pos{0, 1, 37, 63, 64, 100, 1000, 4095} {
			p.Row(row, at)
			for i, f := range c.InvFreq {
				// transformers' frequencies are float32: the angle is off by some 2e-7 of itself.
				a := float64(at) * f
				bound := 2e-7*c.Factor + 4e-7*a
				if d := math.Abs(float64(row[i]) - c.Factor*math.Cos(a)); d > bound {
					t.Errorf("%s, position %d, pair %d: cosine off by %g", c.Pos, at, i, d)
				}
				if d := math.Abs(float64(row[half+i]) - c.Factor*math.Sin(a)); d > bound {
					t.Errorf("%s, position %d, pair %d: sine off by %g", c.Pos, at, i, d)
				}
			}
		}
		if len(c.Cos) != half || len(c.Sin) != half || c.At == 0 {
			t.Fatalf("%s: no table", c.Pos)
		}
		p.Row(row, seq.Pos(c.At))
		for i, f := range c.InvFreq {
			// The model's angle is a float32 too.
			bound := 2e-7*c.Factor + 4e-7*float64(c.At)*f
			if d := max(math.Abs(float64(row[i])-c.Cos[i]), math.Abs(float64(row[half+i])-c.Sin[i])); !(d <= bound) {
				t.Errorf("%s, position %d, pair %d: (%v, %v), the model has (%v, %v)", c.Pos, c.At, i, row[i], row[half+i], c.Cos[i], c.Sin[i])
			}
		}
		x := make([]float32, c.Dim)
		for i := range x {
			x[i] = float32(math.Sin(float64(i)*0.7 + 0.3))
		}
		p.Row(row, 37)
		p.Apply(x, row)
		for i, want := range c.Turned {
			if d := math.Abs(float64(x[i]) - want); d > 2e-5 {
				t.Errorf("%s: value %d is %v, want %v", c.Pos, i, x[i], want)
			}
		}
	}
	for _, k := range scalings.kinds {
		if !seen[k.name] {
			t.Errorf("no reference for the scaling %s", k.name)
		}
	}
}

func cutTerm(s string) (name, rest string, ok bool) {
	for i, c := range s {
		if c == '(' {
			return s[:i], s[i:], true
		}
	}
	return s, "", false
}

// TestRopeFar: the tables of fixed frequencies agree with sines at any position.
func TestRopeFar(t *testing.T) {
	p, err := Rope{Base: 500000}.Fit(64)
	if err != nil {
		t.Fatal(err)
	}
	rng, row, freqs := rand.New(rand.NewPCG(1, 1)), make([]float32, 64), p.(*rotor).freqs
	for i := range 3000 {
		at := seq.Pos(rng.Uint32() >> (1 + i%31))
		p.Row(row, at)
		for j, f := range freqs {
			s, c := math.Sincos(float64(at) * f)
			// A position of 2³¹ times a frequency is rounded at 2⁻²².
			if bound := 1e-7 + float64(at)*f*4e-16; math.Abs(float64(row[j])-c) > bound || math.Abs(float64(row[32+j])-s) > bound {
				t.Fatalf("position %d, pair %d: (%v, %v), want (%v, %v)", at, j, row[j], row[32+j], c, s)
			}
		}
	}
}

// TestRopeOwnLength: without a declared length each row has that of the text up to it.
func TestRopeOwnLength(t *testing.T) {
	short, long := []float32{1, 1.5, 2, 2.5}, []float32{1, 3, 5, 7}
	for _, s := range []interface {
		Scaling
		WithLen(n int) Scaling
	}{Dynamic{Factor: 2, Orig: 100}, Long{Factor: 4, Orig: 100, Short: short, Long: long}} {
		own, err := Rope{Scaling: s}.Fit(8)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []seq.Pos{0, 50, 99, 100, 101, 500} {
			declared, err := Rope{Scaling: s.WithLen(int(at) + 1)}.Fit(8)
			if err != nil {
				t.Fatal(err)
			}
			a, b := make([]float32, 8), make([]float32, 8)
			own.Row(a, at)
			declared.Row(b, at)
			for i := range a {
				if math.Abs(float64(a[i]-b[i])) > 1e-7*math.Abs(float64(b[i]))+1e-7 {
					t.Errorf("%s at %d: %v, declared %v", s, at, a, b)
					break
				}
			}
		}
	}
}

// TestRopeFactors: frequency factors of the model file divide the frequencies.
func TestRopeFactors(t *testing.T) {
	p, err := Rope{Factors: []float32{1, 2, 4, 8}}.Fit(8)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range p.(*rotor).freqs {
		if want := math.Pow(10000, -float64(i)/4) / float64(int(1)<<i); math.Abs(f-want) > 1e-15 {
			t.Errorf("frequency %d is %v, want %v", i, f, want)
		}
	}
}

// TestScalingNothing: a scaling that has nothing to do leaves the bits.
func TestScalingNothing(t *testing.T) {
	plain, err := Rope{Base: 500000}.Fit(64)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Scaling{Power{}, Truncated{Orig: math.MaxInt32}, Linear{Factor: 1}, NTK{Factor: 1}} {
		p, err := Rope{Base: 500000, Scaling: s}.Fit(64)
		if err != nil {
			t.Fatal(err)
		}
		a, b := make([]float32, 64), make([]float32, 64)
		for at := seq.Pos(0); at < 1<<20; at = at*3 + 1 {
			plain.Row(a, at)
			p.Row(b, at)
			if err := sameBits(b, a); err != nil {
				t.Fatalf("%s at %d: %v", s, at, err)
			}
		}
	}
}

// TestRopeRefused: what cannot be computed is an error that names the scheme and the shape.
func TestRopeRefused(t *testing.T) {
	inf := math.Inf(1)
	for _, r := range []Rope{
		{Dims: 3}, {Dims: 10}, {Base: 1}, {Base: 0.5}, {Base: inf}, {Base: math.NaN()}, {Factors: []float32{1}},
		{Factors: []float32{1, 1, 0, 1}}, {Factors: []float32{1, 1, float32(inf), 1}},
		{Scaling: Linear{}}, {Scaling: Linear{Factor: 0.5}}, {Scaling: Linear{Factor: inf}}, {Scaling: NTK{Factor: math.NaN()}},
		{Dims: 2, Scaling: NTK{Factor: 2}}, {Scaling: Dynamic{Factor: 2}}, {Scaling: YaRN{Factor: 4}},
		{Scaling: YaRN{Factor: 4, Orig: 100, Fast: inf}}, {Scaling: Llama3{Factor: 8}},
		{Scaling: Llama3{Factor: 8, Orig: 100, Low: 4, High: 2}}, {Scaling: Long{Factor: 4, Orig: 100}},
		{Scaling: Power{K: 10.001}}, {Scaling: Power{K: 0.1234}}, {Scaling: Power{K: -1}}, {Scaling: Power{K: math.NaN()}}, {Scaling: Truncated{}},
		{Scaling: Long{Factor: 4, Orig: 100, Short: []float32{1, 1, 1, 1}, Long: []float32{1, 1, 1, -1}}},
	} {
		if err := (Layer{Pos: r}).Check(Shape{Heads: 1, KVHeads: 1, Dim: 8}); !errors.Is(err, ErrCompose) {
			t.Errorf("%v: %v", r, err)
		}
	}
}

// TestRoot compares with ratPow.
func TestRoot(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		n, x := 1+rng.IntN(300), math.Exp(rng.Float64()*28)
		if got, want := root(x, n), ratPow(x, 1, n); math.Abs(got-want) > 5e-16*want {
			t.Fatalf("root(%v, %d) = %v, want %v", x, n, got, want)
		}
	}
}
