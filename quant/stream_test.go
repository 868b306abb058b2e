package quant

import (
	"math/rand/v2"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestStreamRows: streams take whole panels, nearly all rows, and do not begin on the same line of a page.
func TestStreamRows(t *testing.T) {
	for _, rowBytes := range []int{18, 36, 144, 210, 306, 360, 612, 680, 1024, 2048, 2304, 4096, 14336} {
		for _, rows := range []int{1, 15, 16, 31, 32, 255, 576, 640, 1024, 1536, 4096, 8192, 49152, 262144} {
			span := streamRows(rows, rowBytes)
			if span%2 != 0 || span*streams > rows || rows-span*streams >= panelRows+4*panelRows {
				t.Errorf("%d rows: streams of %d", rows, span)
			}
			// Rows of whole pages cannot be told apart, nor a row or two of half a page.
			if off := (span*rowBytes + 128) % 4096; off < 256 && rowBytes%2048 != 0 && span > 8 {
				t.Errorf("%d rows of %d bytes: streams of %d rows begin %d bytes apart on their pages", rows, rowBytes, span, off-128)
			}
		}
	}
}

// TestMulStreams: matrices with streams, split anywhere, with rows left over and biases; those of 8,192 rows of Q4_0 have streams of
// fewer rows than an eighth.
func TestMulStreams(t *testing.T) {
	forAll(t, func(t *testing.T) {
		for _, f := range Formats() {
			if f.Group == 0 {
				continue
			}
			rng := rand.New(rand.NewPCG(12, uint64(f.Type)))
			mem := new(seq.Arena)
			rows := []int{18, 47, 64, 333}
			if f.Type == Q4_0 && !testing.Short() {
				rows = append(rows, 8192)
			}
			for _, rows := range rows {
				m := randomMatrix(t, f, rng, rows, max(f.Elems, 64))
				for n := 1; n <= directRows+1; n++ {
					var bias []float32
					if (n+rows)%2 == 0 {
						bias = randomFloats(rng, rows)
					}
					team := splitTeam{1 + rng.IntN(4), rng}
					var in Input
					if err := in.Set(randomFloats(rng, n*m.Cols), n, m.Cols, false, team, mem); err != nil {
						t.Fatal(err)
					}
					checkMul(t, &in, m, bias, team, mem)
					mem.Release(seq.Mark{})
				}
			}
		}
	})
}
