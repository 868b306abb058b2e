package attention

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/seq"
)

// benchShapes are the attention layers of the two real models.
var benchShapes = map[string]Shape{
	"9x3x64":  {Heads: 9, KVHeads: 3, Dim: 64},
	"4x1x256": {Heads: 4, KVHeads: 1, Dim: 256},
}

func benchSession(b *testing.B, kv string, sh Shape, maxLen, chunk, workers int) (*runner, func()) {
	f := newFixture(b, "pos=rope kv="+kv, sh, chunk, 1)
	pool := par.NewPool(workers)
	team, leave := pool.Pass(context.Background())
	r := f.runner(b, maxLen, chunk)
	r.team = team
	return r, func() { leave(); pool.Close() }
}

// BenchmarkPrefill reports the time of a prompt of 4,096 rows and the arithmetic rate of its two products.
func BenchmarkPrefill(b *testing.B) {
	const rows, chunk = 4096, 512
	for name, sh := range benchShapes {
		for _, kv := range append(codecs.names(), "kivi(bits=3,rot)") {
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/kv=%s/workers=%d", name, kv, workers), func(b *testing.B) {
					r, done := benchSession(b, kv, sh, rows, chunk, workers)
					defer done()
					for b.Loop() {
						if err := r.st.Rewind(0); err != nil {
							b.Fatal(err)
						}
						for range rows / chunk {
							if err := r.feed(chunk); err != nil {
								b.Fatal(err)
							}
						}
					}
					flops := 4 * float64(rows) * rows / 2 * float64(sh.Heads*sh.Dim)
					b.ReportMetric(flops*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOPS")
				})
			}
		}
	}
}

// BenchmarkDecode reports how fast a step of one row reads the cache.
func BenchmarkDecode(b *testing.B) {
	for name, sh := range benchShapes {
		for _, depth := range []int{512, 8192} {
			for _, kv := range codecs.names() {
				for _, workers := range []int{1, 2} {
					b.Run(fmt.Sprintf("%s/kv=%s/depth=%d/workers=%d", name, kv, depth, workers), func(b *testing.B) {
						r, done := benchSession(b, kv, sh, depth+64, 64, workers)
						defer done()
						for r.st.Len() < depth {
							if err := r.feed(64); err != nil {
								b.Fatal(err)
							}
						}
						b.SetBytes(int64(depth) * int64(r.c.slot(&r.c.coded)) / Tile)
						for b.Loop() {
							if err := r.st.Rewind(depth - 1); err != nil {
								b.Fatal(err)
							}
							if err := r.feed(1); err != nil {
								b.Fatal(err)
							}
						}
					})
				}
			}
		}
	}
}

// BenchmarkDecodeModel reports how fast a token reads the caches of 30 layers, which no CPU's cache holds.
func BenchmarkDecodeModel(b *testing.B) {
	const layers, depth = 30, 8192
	for name, sh := range benchShapes {
		for _, kv := range append(codecs.names(), "kivi(bits=3)") {
			var sessions []*runner
			for range layers {
				r, done := benchSession(b, kv, sh, depth+64, 64, 1)
				defer done()
				for r.st.Len() < depth {
					r.fill(64)
				}
				sessions = append(sessions, r)
			}
			pool := par.NewPool(2) // one for all, as a parked worker takes long to wake
			defer pool.Close()
			team, leave := pool.Pass(context.Background())
			defer leave()
			for _, r := range sessions {
				r.team = team
			}
			b.Run(fmt.Sprintf("%s/kv=%s", name, kv), func(b *testing.B) {
				b.SetBytes(layers * depth * int64(sessions[0].c.slot(&sessions[0].c.coded)) / Tile)
				for b.Loop() {
					for _, r := range sessions {
						if err := r.st.Rewind(depth - 1); err != nil {
							b.Fatal(err)
						}
						if err := r.feed(1); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkSelect reports what reading a quarter of the tiles takes, for the last 512 rows of a prompt of 8,192 and for one row. Choices of
// random keys lie anywhere, so rows have fewer in common than those of a text.
func BenchmarkSelect(b *testing.B) {
	const rows, chunk = 8192, 512
	for name, sh := range benchShapes {
		for _, text := range []string{"all", "recycle(share=0.25)", "recycle(share=0.25,every=64)", "hip(k=16,beam=16)", "bounds(share=0.25,every=16)", "bounds(share=0.25)"} {
			for _, n := range []int{chunk, 1} {
				b.Run(fmt.Sprintf("%s/%s/rows=%d", name, text, n), func(b *testing.B) {
					r, done := benchSession(b, "f16 select="+text, sh, rows, chunk, 1)
					defer done()
					for r.st.Len() < rows-n {
						if err := r.feed(min(chunk, rows-n-r.st.Len())); err != nil {
							b.Fatal(err)
						}
					}
					for b.Loop() {
						if err := r.st.Rewind(rows - n); err != nil {
							b.Fatal(err)
						}
						if err := r.feed(n); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// fill stores the next n rows without attending.
func (r *runner) fill(n int) {
	s := r.st.(*state)
	r.at = seq.Step{First: s.n, N: n, Mem: &r.mem}
	j := job{s: s, at: &r.at, q: r.f.q, k: r.f.k, v: r.f.v, turn: make([]float32, n*r.c.pos.Width()), width: r.c.pos.Width()}
	s.extend(s.n + n)
	w := worker{key: make([]float32, r.c.shape.Dim*Tile), val: make([]float32, r.c.shape.VDim*Tile)}
	for i := range n {
		j.store(&w, i)
	}
}

// BenchmarkBias reports what the biases of a tile's keys take for a query and three heads: near, and in a long past.
func BenchmarkBias(b *testing.B) {
	for _, s := range []Scheme{ALiBi{}, T5{}, FIRE{}} {
		for _, q := range []seq.Pos{63, 5000} {
			b.Run(fmt.Sprintf("%s/from=%d", s, q), func(b *testing.B) {
				of := biaser(b, withBiases(s, 3).(Biased), 3)
				row, logits, keys := make([]float32, of.Width()*Tile), make([]float32, Tile), make([]seq.Pos, Tile)
				for i := range keys {
					keys[i] = seq.Pos(i)
				}
				for b.Loop() {
					of.Row(row, q, keys)
					for h := range 3 {
						of.Add(logits, h, row)
					}
				}
			})
		}
	}
}

// BenchmarkForget reports what it takes to choose 1,024 of 1,280 rows of one layer and close the gaps.
func BenchmarkForget(b *testing.B) {
	for name, sh := range benchShapes {
		for _, keep := range append(keepers.names(), "snapkv(1024,merge)", "snapkv(1024,ada=0.2)") {
			if keep == "none" {
				continue
			}
			if !strings.Contains(keep, "(") {
				keep += "(1024)"
			}
			b.Run(name+"/"+keep, func(b *testing.B) {
				r, done := benchSession(b, "f16 keep="+keep, sh, 4096, 256, 2)
				defer done()
				s := r.st.(*state)
				for b.Loop() {
					b.StopTimer()
					if err := s.Rewind(0); err != nil {
						b.Fatal(err)
					}
					for s.n < 1280 {
						r.fill(256)
					}
					b.StartTimer()
					r.at = seq.Step{First: s.n, N: 1, Surprise: r.f.surprise, Team: r.team, Mem: &r.mem}
					if err := s.forget(&r.at, s.n); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
