package layer

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// The oracles are float64 and as plain as the formulas.

type floats = []float64

// times is y = w·x + b.
func times(l Linear, x floats) floats {
	y, row := make(floats, l.W.Rows), make([]float32, l.W.Cols)
	for r := range y {
		l.W.DecodeRow(row, r)
		for c, w := range row {
			y[r] += float64(w) * x[c]
		}
		if l.B != nil {
			y[r] += float64(l.B[r])
		}
	}
	return y
}

func activated(a Activation, x float64) float64 {
	if a == GELU {
		return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	}
	return x / (1 + math.Exp(-x))
}

func gated(g *GLU, x floats) floats {
	h, up := times(g.Gate, x), times(g.Up, x)
	for i := range h {
		h[i] = activated(g.Act, h[i]) * up[i]
	}
	return times(g.Down, h)
}

func normed(n Norm, x floats) floats {
	sum, y := 0.0, slices.Clone(x)
	for _, v := range x {
		sum += v * v
	}
	for i, w := range n.Weight {
		y[i] *= float64(w) / math.Sqrt(sum/float64(len(x))+float64(n.Eps))
	}
	return y
}

// mixed is the mixture; of equal experts the first ones are chosen, or the last ones.
func mixed(m *MoE, x floats, last bool) floats {
	p, sum := times(m.Router, x), 0.0
	order := make([]int, len(p))
	for e := range p {
		p[e] = math.Exp(p[e])
		sum += p[e]
		order[e] = e
	}
	if last {
		slices.Reverse(order)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	order = order[:m.Used]
	if m.Renormalise {
		sum = 0
		for _, e := range order {
			sum += p[e]
		}
	}
	hidden, width, y := m.Down.Cols, len(x), make(floats, len(x))
	for _, e := range order {
		g := GLU{Gate: Linear{W: m.Gate.Slice(e*hidden, (e+1)*hidden)}, Up: Linear{W: m.Up.Slice(e*hidden, (e+1)*hidden)},
			Down: Linear{W: m.Down.Slice(e*width, (e+1)*width)}, Act: m.Act}
		for i, v := range gated(&g, x) {
			y[i] += p[e] / sum * v
		}
	}
	return y
}

// streamed is what a Net of feed-forward networks computes for a token.
func streamed(n *Net, token int32) floats {
	row := make([]float32, n.Width())
	n.Embed.DecodeRow(row, int(token))
	x := wide(row)
	for i := range x {
		x[i] *= float64(one(n.EmbedScale))
	}
	for _, b := range n.Stack {
		for i, v := range normed(b.Post, gated(b.Op.(*GLU), normed(b.Pre, x))) {
			x[i] += float64(one(b.Scale)) * v
		}
	}
	y := times(n.Head, normed(n.Final, x))
	for i := range y {
		y[i] *= float64(one(n.LogitScale))
		if c := float64(n.Softcap); c != 0 {
			y[i] = c * math.Tanh(y[i]/c)
		}
	}
	return y
}

func wide(x []float32) floats {
	y := make(floats, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// near is how far a float32 result may be from the oracle, and far what a wrong formula differs by at least.
const near, far = 2e-5, 1e-3

// off is the largest difference; NaN differs infinitely.
func off(have []float32, want floats) (worst float64) {
	for i, w := range want {
		d := math.Abs(float64(have[i]) - w)
		if d != d {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

// random returns n values of a standard deviation of 0.3.
func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64() * 0.3)
	}
	return x
}

func matrix(t *testing.T, x []float32, cols int) quant.Matrix {
	t.Helper()
	var data []byte
	for _, v := range x {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	m, err := quant.NewMatrix(quant.F32, len(x)/cols, cols, data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// apply runs an operation over the rows x.
func apply(t *testing.T, op seq.Op, x []float32, n int, team seq.Team) []float32 {
	t.Helper()
	y := make([]float32, len(x))
	if err := op.Run(y, x, nil, &seq.Step{N: n, Exact: true, Team: team, Mem: new(seq.Arena)}); err != nil {
		t.Fatal(err)
	}
	return y
}

// TestMoE compares all ways to choose and weigh, with experts that the router cannot tell apart, and looks that the bits of a row do
// not depend on the rows beside it and on the workers.
func TestMoE(t *testing.T) {
	const width, hidden, experts, n = 96, 20, 5, 90 // enough for work to be handed out
	rng := rand.New(rand.NewPCG(1, 1))
	pool := par.NewPool(3)
	defer pool.Close()
	team, done := pool.Pass(t.Context())
	defer done()
	x, router := random(rng, n*width), random(rng, experts*width)
	copy(router[4*width:], router[:width]) // experts 4 and 0, and 3 and 1, are equal
	copy(router[3*width:4*width], router[width:2*width])
	m := &MoE{Router: Linear{W: matrix(t, router, width)}, Gate: matrix(t, random(rng, experts*hidden*width), width),
		Up: matrix(t, random(rng, experts*hidden*width), width), Down: matrix(t, random(rng, experts*width*hidden), hidden)}
	for m.Used = 1; m.Used <= experts; m.Used++ {
		for way := range 4 {
			m.Renormalise, m.Act = way&1 != 0, Activation(way>>1)
			what := fmt.Sprintf("%d used, renormalise %v, activation %d", m.Used, m.Renormalise, m.Act)
			y := apply(t, m, x, n, team)
			if !slices.Equal(y, apply(t, m, x, n, par.Serial())) {
				t.Errorf("%s: one worker gives other bits", what)
			}
			wrong := [2]MoE{*m, *m}
			wrong[0].Renormalise, wrong[1].Act = !m.Renormalise, 1-m.Act
			var ties, weights, act float64
			for r := 0; r < n; r += 6 {
				in, have := x[r*width:(r+1)*width], y[r*width:(r+1)*width]
				if d := off(have, mixed(m, wide(in), false)); d > near {
					t.Errorf("%s, row %d: off by %g", what, r, d)
				}
				if !slices.Equal(have, apply(t, m, in, 1, par.Serial())) {
					t.Errorf("%s, row %d: other bits alone", what, r)
				}
				ties = max(ties, off(have, mixed(m, wide(in), true)))
				weights = max(weights, off(have, mixed(&wrong[0], wide(in), false)))
				act = max(act, off(have, mixed(&wrong[1], wide(in), false)))
			}
			if act < far || m.Used < experts && min(ties, weights) < far {
				t.Errorf("%s: a wrong oracle agrees (%g, %g, %g)", what, ties, weights, act)
			}
		}
	}
	m.Used = 2
	at, y := &seq.Step{N: 3, Team: par.Serial(), Mem: new(seq.Arena)}, make([]float32, 3*width)
	if allocs := testing.AllocsPerRun(20, func() { m.Run(y, x, nil, at) }); allocs != 0 {
		t.Errorf("%v allocations per pass", allocs)
	}
}

// TestRoute: of equal experts the first, and never one twice: two workers would add it to its row at once.
func TestRoute(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		logits []float32
		want   []int32
		number bool // of the weights
	}{
		{[]float32{1, 1, 1, 1}, []int32{0, 1, 2}, true},
		{[]float32{0, 2, 2, 0}, []int32{1, 2, 0}, true},
		{[]float32{-200, -300, 0, -250}, []int32{2, 0, 1}, true}, // all but one underflow to 0
		{[]float32{-inf, -inf, -inf, 5}, []int32{3, 0, 1}, true},
		{[]float32{1, nan, 3, 2}, []int32{0, 1, 2}, false},
		{[]float32{1, 2, inf, 0}, []int32{0, 1, 2}, false},
		{[]float32{-inf, -inf, -inf, -inf}, []int32{0, 1, 2}, false},
	} {
		for _, renormalise := range []bool{false, true} {
			m, chosen, weights := MoE{Renormalise: renormalise}, make([]int32, 3), make([]float32, 3)
			m.route(chosen, weights, slices.Clone(c.logits))
			if sum := weights[0] + weights[1] + weights[2]; !slices.Equal(chosen, c.want) || (sum == sum) != c.number ||
				renormalise && c.number && math.Abs(float64(sum)-1) > 1e-6 {
				t.Errorf("%v: %v with weights %v, want %v", c.logits, chosen, weights, c.want)
			}
		}
	}
}

// TestNet compares both activations with and without biases, norms before and behind branches, residual scales, factors and the soft
// cap, each of which must matter.
func TestNet(t *testing.T) {
	const width, hidden, vocab = 24, 20, 5000 // more than one piece of capped logits
	rng := rand.New(rand.NewPCG(7, 7))
	linear := func(rows, cols int, bias bool) (l Linear) {
		if l.W = matrix(t, random(rng, rows*cols), cols); bias {
			l.B = random(rng, rows)
		}
		return l
	}
	glu := func(act Activation, bias bool) *GLU {
		both := linear(2*hidden, width, bias)
		return &GLU{Act: act, Gate: both.Part(0, hidden), Up: both.Part(hidden, 2*hidden), Down: linear(width, hidden, bias)}
	}
	norm := func() Norm { return Norm{Weight: random(rng, width), Eps: 0.01} }
	plain := Net{Embed: matrix(t, random(rng, vocab*width), width), Final: norm(), Head: linear(vocab, width, false), Stack: []Branch{
		{Pre: norm(), Op: glu(SiLU, true)}, {Post: norm(), Op: glu(GELU, false)}, {Pre: norm(), Post: norm(), Op: glu(SiLU, false)}, {Op: glu(GELU, true)}}}
	act := func(a Activation) func(n *Net) {
		return func(n *Net) { g := *n.Stack[a].Op.(*GLU); g.Act = 1 - a; n.Stack[a].Op = &g }
	}
	tokens := []int32{3, vocab - 1, 0, 77}
	for what, edit := range map[string]func(n *Net){
		"nothing":         func(*Net) {},
		"SiLU":            act(SiLU),
		"GELU":            act(GELU),
		"residual scales": func(n *Net) { n.Stack[0].Scale, n.Stack[1].Scale, n.Stack[2].Scale = 0.25, 3, -1 },
		"embedding scale": func(n *Net) { n.EmbedScale = 12 },
		"logit scale":     func(n *Net) { n.LogitScale = 1.0 / 16 },
		"soft cap":        func(n *Net) { n.Softcap = 0.5 },
		"norm before":     func(n *Net) { n.Stack[2].Pre = Norm{} },
		"norm behind":     func(n *Net) { n.Stack[1].Post = Norm{} },
		"final norm":      func(n *Net) { n.Final = Norm{} },
		"all factors":     func(n *Net) { n.Stack[1].Scale, n.EmbedScale, n.LogitScale, n.Softcap = 0.5, 2, 3, 0.25 },
	} {
		n := plain
		n.Stack = slices.Clone(plain.Stack)
		edit(&n)
		for _, want := range [][]int{{0, 1, 2, 3}, {1, 3}, {}} {
			st, err := n.NewState(&seq.Env{MaxLen: 8})
			if err != nil {
				t.Fatal(err)
			}
			logits := make([]float32, len(want)*vocab)
			at := &seq.Step{N: len(tokens), Pos: make([]seq.Pos, len(tokens)), Want: want, Exact: true, Team: par.Serial(), Mem: new(seq.Arena)}
			if err := n.Run(logits, tokens, st, at); err != nil {
				t.Fatal(err)
			}
			for i, r := range want {
				have := logits[i*vocab : (i+1)*vocab]
				if d := off(have, streamed(&n, tokens[r])); d > near {
					t.Errorf("%s, row %d of %v: off by %g", what, r, want, d)
				}
				if d := off(have, streamed(&plain, tokens[r])); what != "nothing" && d < far {
					t.Errorf("%s, row %d: it does not matter (%g)", what, r, d)
				}
			}
			if st.Rewind(5) == nil || st.Rewind(-1) == nil || st.Len() != 4 || st.Rewind(2) != nil || st.Len() != 2 {
				t.Errorf("%d rows after rewinding", st.Len())
			}
		}
	}
}
