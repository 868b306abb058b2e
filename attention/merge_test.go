package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/vec"
)

// partOf is the softmax of some keys, in the order given, over logits[rows, keys] and values[keys, dim].
func partOf(keys []int, logits, values []float32, rows, n, dim int) softmax {
	m := softmax{max: make([]float32, rows), sum: make([]float32, rows), out: make([]float32, rows*dim), f: make([]float32, rows)}
	m.clear()
	s, v := make([]float32, rows*Tile), make([]float32, Tile*dim)
	for ; len(keys) > 0; keys = keys[min(len(keys), Tile):] {
		tile := keys[:min(len(keys), Tile)]
		for i := range s {
			s[i] = minusInf
		}
		clear(v)
		for i, k := range tile {
			for r := range rows {
				s[r*Tile+i] = logits[r*n+k]
			}
			copy(v[i*dim:(i+1)*dim], values[k*dim:])
		}
		m.add(s, 0, rows, dim)
		vec.MulAdd(m.out, s, v, rows, Tile, dim, Tile, dim, dim)
	}
	return m
}

// TestMerge: softmaxes of parts of the keys, whatever the parts and in whatever order they are merged, give the softmax of all keys,
// within 10⁻⁶ of values up to 1 in magnitude; parts may be empty, or see nothing.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(77, 81))
	worst := 0.0
	for trial := range 300 {
		rows, dim, n := 1+rng.IntN(4), 1+rng.IntN(40), 1+rng.IntN(700)
		logits, values := make([]float32, rows*n), make([]float32, n*dim)
		for i := range logits {
			logits[i] = float32(rng.NormFloat64() * 6)
			if rng.IntN(10) == 0 {
				logits[i] = minusInf
			}
		}
		for i := range values {
			values[i] = rng.Float32()*2 - 1
		}
		if trial%3 == 0 { // a row that sees nothing
			for k := range n {
				logits[k] = minusInf
			}
		}
		parts := make([][]int, 1+rng.IntN(16))
		for _, k := range rng.Perm(n) {
			p := rng.IntN(len(parts))
			parts[p] = append(parts[p], k)
		}
		all := partOf(nil, logits, values, rows, n, dim)
		for _, p := range rng.Perm(len(parts)) {
			all.merge(partOf(parts[p], logits, values, rows, n, dim))
		}
		for r := range rows {
			high, sum := math.Inf(-1), 0.0
			out := make([]float64, dim)
			for k := range n {
				high = max(high, float64(logits[r*n+k]))
			}
			for k := range n {
				if w := math.Exp(float64(logits[r*n+k]) - high); high > math.Inf(-1) {
					sum += w
					for d := range out {
						out[d] += w * float64(values[k*dim+d])
					}
				}
			}
			if sum == 0 {
				if all.sum[r] != 0 {
					t.Fatalf("trial %d: a row that sees nothing has the sum %v", trial, all.sum[r])
				}
				continue
			}
			for d := range out {
				off := math.Abs(float64(all.out[r*dim+d]/all.sum[r]) - out[d]/sum)
				if worst = max(worst, off); !(off <= 1e-6) {
					t.Fatalf("trial %d, %d keys in %d parts, row %d: %v, want %v", trial, n, len(parts), r, all.out[r*dim+d]/all.sum[r], out[d]/sum)
				}
			}
		}
	}
	t.Logf("off by %.2g at most", worst)
	if worst == 0 {
		t.Error("nothing was compared")
	}
}

// TestMergeWrong: the comparison rejects a merge that leaves out a part.
func TestMergeWrong(t *testing.T) {
	logits, values := make([]float32, 100), make([]float32, 100)
	keys := make([]int, 100)
	for i := range keys {
		keys[i], values[i] = i, float32(i)/100
	}
	all := partOf(keys[:99], logits, values, 1, 100, 1)
	if off := math.Abs(float64(all.out[0]/all.sum[0]) - 0.495); off < 1e-3 {
		t.Errorf("one of 100 keys more or less changes the result by %g", off)
	}
}

// TestHeadsByWorkers: every head has the same bits with 1 to 4 workers, of prompts and single rows, with as many KV heads as heads,
// fewer, and one.
func TestHeadsByWorkers(t *testing.T) {
	for _, sh := range []Shape{{Heads: 4, KVHeads: 4, Dim: 32}, {Heads: 8, KVHeads: 2, Dim: 32}, {Heads: 5, KVHeads: 1, Dim: 32}} {
		for _, kv := range []string{"f16", "q8_0"} {
			f := newFixture(t, "span=sinks(3)+window(300) pos=rope kv="+kv, sh, 420, 3)
			f.byWorkers(t, steps{380, 30, 1}, nil)
		}
	}
}

// TestRunsCount: no query sees more runs than its span counts.
func TestRunsCount(t *testing.T) {
	for _, text := range append(spanTexts(), "dilated(1000,1)", "dilated(7,7)", "strided(1)", "strided(1000,fixed)") {
		p, err := ParsePlan("span="+text, 1)
		if err != nil {
			t.Fatal(err)
		}
		s := p.Layers[0].Span[0]
		most := 0
		for q := int32(0); q < 300; q++ {
			most = max(most, len(s.Runs(nil, q, q+1)))
			if n := runsOf(s, q); len(s.Runs(nil, q, q+1)) > n {
				t.Fatal(fmt.Errorf("%s: the query at %d sees %d runs, %d were counted", text, q, len(s.Runs(nil, q, q+1)), n))
			}
		}
		if n := runsOf(s, 299); n > 2*most+10 && !strings.Contains(text, "+") { // runs of a sum may join
			t.Errorf("%s: %d runs counted, %d are seen at most", text, n, most)
		}
	}
}
