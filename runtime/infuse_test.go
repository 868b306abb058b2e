package runtime

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// times is w·x + b in float64.
func times(l *layer.Linear, x []float64) []float64 {
	y, row := make([]float64, l.W.Rows), make([]float32, l.W.Cols)
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

// head is one head's part of x, normalised.
func headOf(x []float64, n layer.Norm, h, dim int) []float64 {
	x = slices.Clone(x[h*dim : (h+1)*dim])
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	for i, w := range n.Weight {
		x[i] *= float64(w) / math.Sqrt(sum/float64(dim)+float64(n.Eps))
	}
	return x
}

// infusedLayer is attention over the rows x[n, width] that a layer has got, every query with keys that are projected anew with the positions that
// they have for it. It has no cache and no tables.
func infusedLayer(a *layer.Attention, l attention.Layer, info *infoOf, x []float32, p attention.PIA) (out []float64) {
	width, n := info.width, len(x)/info.width
	at := func(row, place int) []float64 {
		y := make([]float64, width)
		for i := range y {
			y[i] = float64(x[row*width+i])
		}
		if half := width / 2; place >= 0 {
			for i := range half {
				angle := float64(place) * math.Pow(10000, -float64(i)/float64(half-1))
				y[i], y[half+i] = y[i]+math.Sin(angle), y[half+i]+math.Cos(angle)
			}
		}
		return y
	}
	scale, softcap := float64(l.Score.Scale), float64(l.Score.Softcap)
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(info.dim))
	}
	for q := range n {
		first := max(0, q-q%p.Segment-p.Cache)
		query := times(&a.Q, at(q, q-first))
		var keys, values [][]float64
		for k := first; k <= q; k++ {
			if len(l.Span) > 0 && !l.Span[0].Sees(seq.Pos(q), seq.Pos(k)) {
				continue
			}
			keys, values = append(keys, times(&a.K, at(k, k-first))), append(values, times(&a.V, at(k, -1)))
		}
		for h := range info.heads {
			g := h * info.kv / info.heads
			own, sum, row := headOf(query, a.QNorm, h, info.dim), 0.0, make([]float64, info.dim)
			for i := range keys {
				dot := 0.0
				for d, v := range headOf(keys[i], a.KNorm, g, info.dim) {
					dot += own[d] * v
				}
				if dot *= scale; softcap != 0 {
					dot = softcap * math.Tanh(dot/softcap)
				}
				weight := math.Exp(dot)
				sum += weight
				for d := range row {
					row[d] += weight * values[i][g*info.dim+d]
				}
			}
			for _, v := range row {
				out = append(out, v/sum)
			}
		}
	}
	return out
}

type infoOf struct{ width, dim, heads, kv int }

// TestInfused: every attention layer of models of some kinds, with biases and normalised keys, gives what recomputing all keys with their positions
// from the layer's own inputs gives, for segments with and without a cache and for a window that slides by tokens.
func TestInfused(t *testing.T) {
	const n = 60
	for i, name := range []string{"llama", "llama-bias", "gemma3", "qwen3", "gemma2"} {
		for j, pia := range []attention.PIA{{Segment: n}, {Segment: 16, Cache: 16}, {Segment: 11, Cache: 20}, {Segment: 1, Cache: 25}} {
			if testing.Short() && (i+j)%3 != 0 {
				continue
			}
			m := tinyModel(t, tinyFile(t, name), Options{Plan: "kv=f32 pos=" + pia.String(), Threads: 1})
			info := &infoOf{m.Info.Width, m.Info.HeadDim, m.Info.Heads, m.Info.KVHeads}
			in, out := make([][]float32, m.Info.Layers), make([][]float32, m.Info.Layers)
			tap := func(_ *seq.Step, names []string, x []float32, _ int) error {
				for l := range in {
					switch blk := fmt.Sprintf("blk.%d.", l); {
					case slices.Contains(names, blk+"attn_k"):
						in[l] = append(in[l], x...)
					case slices.Contains(names, blk+"attn_output"):
						out[l] = append(out[l], x...)
					}
				}
				return nil
			}
			st, err := m.net.NewState(&seq.Env{MaxLen: n, MaxChunk: 24})
			if err != nil {
				t.Fatal(err)
			}
			ids := setText(m, n, i)
			for lo := 0; lo < n; lo += 24 {
				at := &seq.Step{First: lo, N: min(24, n-lo), Exact: true, Team: par.Serial(), Mem: new(seq.Arena), Tap: tap}
				for r := range at.N {
					at.Pos = append(at.Pos, seq.Pos(lo+r))
				}
				if err := m.net.Run(nil, ids[lo:lo+at.N], st, at); err != nil {
					t.Fatal(err)
				}
			}
			l := 0
			for b := range m.net.Stack {
				a, ok := m.net.Stack[b].Op.(*layer.Attention)
				if !ok {
					continue
				}
				want := infusedLayer(a, m.Info.Plan.Layers[l], info, in[l], pia)
				if len(out[l]) != len(want) {
					t.Fatalf("%s: %d numbers, want %d", name, len(out[l]), len(want))
				}
				worst, size := 0.0, 0.0
				for k, w := range want {
					worst, size = max(worst, math.Abs(float64(out[l][k])-w)), max(size, math.Abs(w))
				}
				if worst > 1e-5*max(1, size) {
					t.Errorf("%s, %s, layer %d: off by %g of %g", name, pia, l, worst, size)
				}
				l++
			}
		}
	}
}

// TestInfusedSteps: tokens one by one, all at once, by any number of threads and after rewinds have the same logits to the bit.
func TestInfusedSteps(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"llama", "gemma3"} {
		path := tinyFile(t, name)
		for _, plan := range []string{"pos=pia(segment=50,cache=30)", "pos=pia(segment=1,cache=40) kv=q8_0", "pos=pia(segment=64,cache=64)"} {
			var want []float32
			for threads := 1; threads <= 3; threads++ {
				m := tinyModel(t, path, Options{Plan: plan, Threads: threads})
				s, err := m.NewSession(SessionOptions{Context: 300, Chunk: 70})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				ids := setText(m, 260, 2)
				got := logitsOf(t, s, ids, []int{260, 1, 33}[threads-1])
				if want == nil {
					want = got
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, %s: other logits with %d threads", name, plan, threads)
				}
				for _, to := range []int{255, 201, 90} {
					if err := errors.Join(s.Rewind(ctx, to, nil), s.Feed(ctx, setText(m, 20, to), nil), s.Rewind(ctx, to, nil)); err != nil {
						t.Fatal(err)
					}
					if got := logitsOf(t, s, ids[to:], 9); !slices.Equal(got, want[to*m.Info.Vocab:]) {
						t.Errorf("%s, %s: other logits after a rewind to %d", name, plan, to)
					}
				}
			}
		}
	}
	s, err := tinyModel(t, tinyFile(t, "llama"), Options{Plan: "span=full; 1: pos=pia"}).NewSession(SessionOptions{Context: 300})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	told := false
	if err := s.FeedSet(ctx, [][]int32{{1}, {2}}, func(int, int) { told = true }); !errors.Is(err, attention.ErrCompose) || told {
		t.Errorf("texts that do not see each other: %v, after something was read: %v", err, told)
	}
	if _, err := Open(tinyFile(t, "olmo2"), Options{Plan: "pos=pia"}); !errors.Is(err, attention.ErrCompose) || !strings.Contains(err.Error(), "pia(segment=512,cache=512)") {
		t.Error("a model whose keys are normalised across heads:", err)
	}
}
