package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// fixture is the input of one layer over a whole session.
type fixture struct {
	text        string // the layer's plan
	layer       Layer
	shape       Shape
	n           int
	q, k, v     []float32         // [n, Heads, Dim], [n, KVHeads, Dim], [n, KVHeads, VDim]
	short, long []float32         // long RoPE's divisors
	unclear     []int             // rows of which the oracle cannot tell what a selector chooses
	surprise    []float32         // [≥ n]
	coords      []seq.Coord       // [n] of the rows; nil: none
	masks       map[string][]bool // what the oracle's spans see, by their texts: row q at q(q+1)/2
	stores      map[string]Rows   // of the oracle, by codec
	ints        *[2]bool          // keys and values are multiplied as integers
}

// newFixture fills it with sums of uniform numbers, which every CPU computes alike.
func newFixture(t testing.TB, text string, sh Shape, n int, seed uint64) *fixture {
	t.Helper()
	if sh.VDim == 0 {
		sh.VDim = sh.Dim
	}
	p, err := ParsePlan(text, 1)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{text: text, layer: p.Layers[0], shape: sh, n: n}
	for i := range sh.Dim / 2 {
		f.short, f.long = append(f.short, 1+float32(i)/20), append(f.long, 1+float32(i)*0.75)
	}
	if f.layer.Pos != nil {
		dims := sh.Dim
		if r, ok := f.layer.Pos.(Rope); ok && r.Dims != 0 {
			dims = r.Dims
		}
		f.layer.Pos = withFactors(f.layer.Pos, f.short[:dims/2], f.long[:dims/2])
	}
	f.layer.Pos = withProjected(withBiases(f.layer.Pos, sh.Heads), sh, nil)
	f.layer.Bases = testBases(sh)
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	fill := func(n int, scale float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32((rng.Float64() + rng.Float64() + rng.Float64() - 1.5) * scale)
		}
		return x
	}
	f.q, f.k, f.v = fill(n*sh.Heads*sh.Dim, 3), fill(n*sh.KVHeads*sh.Dim, 2), fill(n*sh.KVHeads*sh.VDim, 2)
	f.surprise = fill(max(n, 4000), 1)
	return f
}

// testBases are bases of every head that are not orthonormal: a reflection, and then factors.
func testBases(sh Shape) *LayerBases {
	b := &LayerBases{}
	make1 := func(dim, head int) Basis {
		b := Basis{In: make([]float32, dim*dim), Out: make([]float32, dim*dim), Var: make([]float32, dim)}
		u, sum := make([]float64, dim), 0.0
		for i := range u {
			u[i] = float64((i*7+head*3)%11) - 4.5
			sum += u[i] * u[i]
		}
		for i := range dim {
			b.Var[i] = 8 / float32(1+i)
			for c := range dim {
				h := -2 * u[i] * u[c] / sum
				if i == c {
					h++
				}
				factor := float64(2+(c+head)%3) / 2
				b.In[i*dim+c], b.Out[i*dim+c] = float32(h*factor), float32(h/factor)
			}
		}
		return b
	}
	for h := range sh.KVHeads {
		b.Key, b.Value = append(b.Key, make1(sh.Dim, h)), append(b.Value, make1(sh.VDim, h+1))
	}
	return b
}

// withBiases gives a scheme the tensors of its biases.
func withBiases(pos Scheme, heads int) Scheme {
	wave := func(n int, step, scale, start float64) []float32 { // up and down, the same on every CPU
		x := make([]float32, n)
		for i := range x {
			_, frac := math.Modf(float64(i)*step + start)
			x[i] = float32((math.Abs(frac-0.5)*4 - 1) * scale)
		}
		return x
	}
	switch s := pos.(type) {
	case T5:
		buckets, _ := s.sizes()
		s.Biases = wave(buckets*heads, 0.37, 2, 0.1)
		return s
	case FIRE:
		// Eight ReLUs change sides between 0.06 and 0.94, the others never do.
		s.C, s.From, s.In, s.InBias = 0.1, 100, wave(12, 0.29, 2, 0), wave(12, 0, 0, 0)
		for i, w := range s.In {
			s.InBias[i] = -w * (float32(i)/8 + 0.0625)
		}
		s.Out, s.OutBias = wave(12*heads, 0.41, 1, 0.2), wave(heads, 0.17, 1, 0.3)
		return s
	}
	return pos
}

// withProjected gives a scheme what projections make of its vectors.
func withProjected(pos Scheme, sh Shape, norm func(x []float32)) Scheme {
	of, ok := pos.(Infused)
	if !ok {
		return pos
	}
	keys := make([]float32, Places(of)*sh.KVHeads*sh.Dim)
	for i := range keys { // from −1 to 1, the same on every CPU
		keys[i] = float32(i*i%401)/200 - 1
	}
	return of.With(Projected{Keys: keys, Norm: norm})
}

// withScore adds what a plan's text does not hold.
func (f *fixture) withScore(softcap float32, sinks bool) *fixture {
	f.layer.Score.Softcap = softcap
	if sinks {
		for h := range f.shape.Heads {
			f.layer.Score.Sinks = append(f.layer.Score.Sinks, float32(h%5)-1.5)
		}
	}
	return f
}

// bound is how far from the oracle a result may be: values are about 1, sums of a few hundred float32.
const bound = 1e-5

// steps cuts n rows into steps of the given sizes, the last size repeated.
type steps []int

func (s steps) cut(n int) (out []int) {
	for i := 0; n > 0; i++ {
		c := min(n, s[min(i, len(s)-1)])
		out, n = append(out, c), n-c
	}
	return out
}

// runner feeds a fixture to a core.
type runner struct {
	f    *fixture
	c    *Core
	env  seq.Env
	st   seq.State
	team seq.Team
	hide seq.Run // what the steps do not see
	mem  seq.Arena
	at   seq.Step  // here, since a session has its own too and allocates none
	out  []float32 // [n, Heads, VDim]
	lost []float32 // [n, Heads, VDim] where feed writes
	k    []float32

	held  [][]byte // the state's memory, piece by piece
	given int      // how many of them the state that is being made has; −1: new ones
}

// alloc gives a state new memory, or that of the state before it, which it may expect to have what an outline says.
func (r *runner) alloc(n int) ([]byte, error) {
	if r.given >= 0 {
		r.given++
		return r.held[r.given-1], nil
	}
	r.held = append(r.held, make([]byte, n))
	return r.held[len(r.held)-1], nil
}

func (f *fixture) runner(t testing.TB, maxLen, maxChunk int) *runner {
	t.Helper()
	c, err := f.layer.Core(f.shape)
	if err != nil {
		t.Fatalf("%s: %v", f.text, err)
	}
	r := &runner{f: f, c: c, env: seq.Env{MaxLen: maxLen, MaxChunk: maxChunk}, team: par.Serial(), out: make([]float32, f.n*f.shape.Heads*f.shape.VDim),
		lost: make([]float32, f.n*f.shape.Heads*f.shape.VDim), k: make([]float32, len(f.k)), given: -1}
	r.env.Alloc = r.alloc
	if r.st, err = c.NewState(&r.env); err != nil {
		t.Fatalf("%s: %v", f.text, err)
	}
	return r
}

// step feeds the next n rows.
func (r *runner) step(n int) error {
	f, sh, lo := r.f, r.f.shape, r.st.Len()
	copy(r.k, f.k[lo*sh.KVHeads*sh.Dim:(lo+n)*sh.KVHeads*sh.Dim])
	r.at = seq.Step{First: lo, N: n, Hide: r.hide, Surprise: f.surprise, Team: r.team, Mem: &r.mem}
	if f.coords != nil {
		r.at.Coords = f.coords[lo:]
	}
	return r.c.Run(r.out[lo*sh.Heads*sh.VDim:], f.q[lo*sh.Heads*sh.Dim:], r.k, f.v[lo*sh.KVHeads*sh.VDim:], r.st, &r.at)
}

func (r *runner) all(cut []int) error {
	for _, n := range cut {
		if err := r.step(n); err != nil {
			return err
		}
	}
	return nil
}

// whole returns a runner that has read everything at once, and its results.
func (f *fixture) whole(t *testing.T) (r *runner, want []float32) {
	t.Helper()
	r = f.runner(t, f.n, f.n)
	if err := r.step(f.n); err != nil {
		t.Fatal(err)
	}
	return r, slices.Clone(r.out)
}

// again reads what is missing, in steps of chunk, after a rewind, and compares.
func (r *runner) again(t *testing.T, want []float32, chunk int) {
	t.Helper()
	from := r.st.Len()
	clear(r.out[from*r.f.shape.Heads*r.f.shape.VDim:])
	if err := r.all(steps{chunk}.cut(r.f.n - from)); err != nil {
		t.Fatal(err)
	}
	if err := sameBits(r.out, want); err != nil {
		t.Errorf("after a rewind to %d: %v", from, err)
	}
}

// feed runs a step on the fixture's first n rows, whatever the row of the session, and drops its results.
func (r *runner) feed(n int) error {
	r.at = seq.Step{First: r.st.Len(), N: n, Surprise: r.f.surprise, Coords: r.f.coords, Team: r.team, Mem: &r.mem}
	copy(r.k, r.f.k)
	return r.c.Run(r.lost, r.f.q, r.k, r.f.v, r.st, &r.at)
}

// scatter is a team that does the pieces one after another, in any order and by any worker.
type scatter struct {
	workers int
	rng     *rand.Rand
}

func newScatter(workers int) scatter {
	return scatter{workers, rand.New(rand.NewPCG(uint64(workers), 9))}
}

func (s scatter) Workers() int { return s.workers }
func (s scatter) Err() error   { return nil }

func (s scatter) Run(n, grain int, t seq.Task) error {
	for _, i := range s.rng.Perm((n + grain - 1) / grain) {
		t.Do(s.rng.IntN(s.workers), i*grain, min((i+1)*grain, n))
	}
	return nil
}

// differ compares with the oracle.
func differ(got []float32, want []float64, bound float64) error {
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - w); !(d <= bound) {
			return fmt.Errorf("element %d: %v, want %v (±%g)", i, got[i], w, bound)
		}
	}
	return nil
}

// close is differ for results, which where integers are multiplied may differ more in the few places where float32 and float64
// round to other integers: on average at most twice the bound in the compositions that are tested, 8.4 times in the worst other one that was seen. With
// logits that are 1% too large half of them differ more than 150 times the bound, with 0.1% 17 times.
func (f *fixture) close(got []float32, want []float64) error {
	keys, values := f.integers()
	if !keys && !values {
		return differ(got, want, bound)
	}
	sum := 0.0
	for i, w := range want {
		sum += math.Abs(float64(got[i]) - w)
	}
	if mean := sum / float64(len(want)); !(mean <= 10*bound) {
		return fmt.Errorf("differs by %g on average", mean)
	}
	return differ(got, want, 0.02)
}

func sameBits(got, want []float32) error {
	for i, w := range want {
		if math.Float32bits(got[i]) != math.Float32bits(w) {
			return fmt.Errorf("element %d: %v (%x), want %v (%x)", i, got[i], math.Float32bits(got[i]), w, math.Float32bits(w))
		}
	}
	return nil
}

// spanTexts are the examples of every span, and sums of it and the next one.
func spanTexts() (texts []string) {
	for i, a := range spans.kinds {
		texts = append(texts, a.examples...)
		for _, b := range spans.kinds[i+1 : min(i+2, len(spans.kinds))] {
			for n := range max(len(a.examples), len(b.examples)) {
				texts = append(texts, a.examples[n%len(a.examples)]+"+"+b.examples[n%len(b.examples)])
			}
		}
	}
	return texts
}

// posTexts are the examples of every scheme, RoPE with every scaling, and every numbering with something.
func posTexts() (texts []string) {
	for _, k := range schemes.kinds {
		texts = append(texts, k.examples...)
	}
	for _, k := range scalings.kinds {
		for _, s := range k.examples {
			texts = append(texts, "rope(base=10000)+"+s)
		}
	}
	for i, k := range numberings.kinds {
		for _, s := range k.examples {
			texts = append(texts, []string{"alibi", "rope(base=10000)", "rope(base=10000)+linear(factor=2)"}[i%3]+"+"+s)
		}
	}
	return texts
}

// ownPosTexts are those of posTexts that give a row one position, whoever sees it.
func ownPosTexts() []string {
	return slices.DeleteFunc(posTexts(), func(text string) bool {
		p, err := ParsePlan("pos="+text, 1)
		_, infused := p.Layers[0].Pos.(Infused)
		return err == nil && infused
	})
}

// tempText is one of the temperatures' examples, or none, in turns.
func tempText(i int) string {
	texts := []string{""}
	for _, k := range temps.kinds {
		for _, s := range k.examples {
			texts = append(texts, "temp="+s+" ")
		}
	}
	return texts[i%len(texts)]
}

// kvTexts are all pairs of codecs, with the near store that they have unless the plan says otherwise, and two with others.
func kvTexts() (texts []string) {
	var all []string
	for _, k := range codecs.kinds {
		all = append(all, k.examples...)
	}
	for _, k := range all {
		for _, v := range all {
			text := "key=" + k + " value=" + v
			if k == v {
				text = "kv=" + k
			}
			if strings.Contains(text, "q4") || strings.Contains(text, "kivi") || strings.Contains(text, "pca") {
				text += " near=sinks(64)+window(128)"
			}
			texts = append(texts, text)
		}
	}
	return append(texts, "kv=q4 near=none", "kv=f16 near=sinks(5)+window(70)", "kv=kivi(bits=3,rot) near=window(64) nearkv=q8_0",
		"key=f32 value=q4 near=blocks(64,back=0) nearkv=q8_0", "kv=kivi(bits=4) near=blocks(64,back=0) nearkv=q8_0")
}

// keptTexts are what keepers may be with of kvTexts, or refuse by name.
func keptTexts() (texts []string) {
	for _, kv := range kvTexts() {
		kv, _, _ = strings.Cut(kv, " near=")
		if !slices.Contains(texts, kv) && !strings.Contains(kv, "kivi") && !strings.Contains(kv, "pca") {
			texts = append(texts, kv)
		}
	}
	return texts
}

// keepTexts are the examples of every keeper.
func keepTexts() []string { return examples(&keepers, "none") }

// examples are those of every part of a seam but one.
func examples[P any](r *registry[P], but string) (texts []string) {
	for _, k := range r.kinds {
		if k.name != but {
			texts = append(texts, k.examples...)
		}
	}
	return texts
}

func layoutTexts() (texts []string) {
	for _, k := range layouts.kinds {
		texts = append(texts, k.examples...)
	}
	return texts
}
