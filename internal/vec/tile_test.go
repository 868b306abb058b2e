package vec

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"unsafe"

	"github.com/godwit-ai/godwit/internal/impl"
)

// tileCase is one product of DotTile and what surrounds its result.
type tileCase struct {
	kd                           kind
	n, rows, cols, ldy, ldx, ldw int
	y, x, w, s                   []float32
	h                            []uint16
}

// run computes the product, and want from the definition.
func (c *tileCase) run() (got, want []float32) {
	want = append(want, c.y...)
	for i := range c.n {
		for r := range c.rows {
			a := c.x[i*c.ldx:][:c.cols]
			v := &want[i*c.ldy+r]
			switch c.kd {
			case kindF32:
				*v = dotGo(a, c.w[r*c.ldw:])
			case kindF16:
				*v = dotF16Go(a, c.h[r*c.ldw:])
			case kindBF16:
				*v = dotBF16Go(a, c.h[r*c.ldw:])
			}
		}
	}
	switch c.kd {
	case kindF32:
		DotTile(c.y, c.x, c.w, c.s, c.n, c.rows, c.cols, c.ldy, c.ldx, c.ldw)
	case kindF16:
		DotTileF16(c.y, c.x, c.h, c.s, c.n, c.rows, c.cols, c.ldy, c.ldx, c.ldw)
	case kindBF16:
		DotTileBF16(c.y, c.x, c.h, c.s, c.n, c.rows, c.cols, c.ldy, c.ldx, c.ldw)
	}
	return c.y, want
}

// TestTile sweeps numbers of rows, columns and activations, strides and alignments. What lies between the rows of the result must
// stay, as must what follows the scratch.
func TestTile(t *testing.T) {
	impl.Each("vec", func(name string) {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 8))
			for n := 1; n <= 14; n++ {
				for _, rows := range []int{1, 3, 4, 5, 8, 12, 15, 16, 17, 21, 36} {
					cols := []int{rng.IntN(130) + 1, 16 * (1 + rng.IntN(6))}[rng.IntN(2)]
					if rows == 8 && n%4 == 1 {
						cols = tileCols*2 + rng.IntN(3)*16 + rng.IntN(2)
					}
					for kd := range kindBF16 + 1 {
						c := tileCase{kd: kd, n: n, rows: rows, cols: cols, ldy: rows + rng.IntN(3), ldx: cols + rng.IntN(3), ldw: cols + rng.IntN(3)}
						wild, off := rng.IntN(3) == 0, rng.IntN(9)
						c.y = numbers(rng, (n-1)*c.ldy+rows+9, false)
						c.x = numbers(rng, (n-1)*c.ldx+cols+off, wild)[off:]
						c.w = numbers(rng, (rows-1)*c.ldw+cols+off, wild)[off:]
						c.h = halves(c.w)
						if kd == kindBF16 {
							F32ToBF16(c.h, c.w)
						}
						s := numbers(rng, TileScratch+16, false)
						after := append([]float32{}, s[TileScratch:]...)
						c.s = s[:TileScratch]
						got, want := c.run()
						equal(t, "DotTile", cols, got, want)
						equal(t, "scratch", cols, s[TileScratch:], after)
					}
				}
			}
		})
	})
}

// TestTileLoops compares the kernels one by one with their twins, lanes and all.
func TestTileLoops(t *testing.T) {
	impl.Each("vec", func(name string) {
		if !simd {
			return
		}
		rng := rand.New(rand.NewPCG(9, 10))
		for acts := 1; acts <= tileMax(); acts++ {
			for groups := 1; groups <= 4; groups++ {
				for _, first := range []bool{true, false} {
					for kd := range kindBF16 + 1 {
						k := 1 + rng.IntN(5)
						ld := k*lanes + rng.IntN(40)
						x, f := numbers(rng, acts*ld, false), numbers(rng, 4*groups*ld, false)
						h := halves(f)
						w, size := unsafe.Pointer(&h[0]), 2
						if kd == kindF32 {
							w, size = unsafe.Pointer(&f[0]), 4
						}
						s := numbers(rng, groups*acts*4*lanes+16, false)
						want := append([]float32{}, s...)
						dotTileLoop(kd, &s[0], &x[0], 4*ld, w, size*ld, k, acts, groups, first)
						dotTileGo(kd, &want[0], &x[0], 4*ld, w, size*ld, k, acts, groups, first)
						equal(t, name+" lanes", k, s, want)
						ldy := 4*groups + rng.IntN(3)
						y := numbers(rng, acts*ldy+9, false)
						wantY := append([]float32{}, y...)
						tileTrees(&y[0], 4*ldy, &s[0], acts, groups)
						tileTreesGo(&wantY[0], 4*ldy, &s[0], acts, groups)
						equal(t, name+" trees", k, y, wantY)
					}
				}
			}
		}
	})
}

// BenchmarkTile/<weights>/<implementation>/<cols>/n=<activations>: 16 rows in cache.
func BenchmarkTile(b *testing.B) {
	for kd, name := range []string{"F32", "F16", "BF16"} {
		impl.Each("vec", func(level string) {
			if level == "generic" {
				return
			}
			for _, cols := range []int{576, 2048} {
				for _, n := range []int{1, 2, 3, 4, 6, 12, 96} {
					b.Run(name+"/"+level+"/"+strconv.Itoa(cols)+"/n="+strconv.Itoa(n), func(b *testing.B) {
						ldw := cols
						if kd == 0 {
							ldw = cols + 256
						}
						c := tileCase{kd: kind(kd), n: n, rows: 16, cols: cols, ldy: 16, ldx: cols, ldw: ldw}
						c.y, c.x, c.w, c.h = make([]float32, n*16), make([]float32, n*cols), make([]float32, 16*ldw), make([]uint16, 16*ldw)
						c.s = make([]float32, TileScratch)
						for b.Loop() {
							switch c.kd {
							case kindF32:
								DotTile(c.y, c.x, c.w, c.s, c.n, c.rows, c.cols, c.ldy, c.ldx, c.ldw)
							case kindF16:
								DotTileF16(c.y, c.x, c.h, c.s, c.n, c.rows, c.cols, c.ldy, c.ldx, c.ldw)
							case kindBF16:
								DotTileBF16(c.y, c.x, c.h, c.s, c.n, c.rows, c.cols, c.ldy, c.ldx, c.ldw)
							}
						}
						b.ReportMetric(2*16*float64(n*cols)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
					})
				}
			}
		})
	}
}
