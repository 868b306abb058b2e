package quant

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

var update = flag.Bool("update", false, "write testdata/mul.txt")

// plainFloats are random numbers that every platform makes alike: math's functions differ in last bits.
func plainFloats(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(int32(rng.Uint32())) * 0x1p-31 * float32(uint32(1)<<rng.IntN(6))
	}
	return x
}

// TestMulGolden compares products with the hashes in testdata/mul.txt, which were written once on amd64: every
// implementation, on every CPU and with every GOAMD64, gives these bits. -update writes them.
func TestMulGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/mul.txt")
	if *update {
		want, err = nil, nil // the first implementation, the generic one, writes them
	}
	if err != nil {
		t.Fatal(err)
	}
	forAll(t, func(t *testing.T) {
		var got strings.Builder
		for _, f := range Formats() {
			for _, exact := range []bool{false, true} {
				rng := rand.New(rand.NewPCG(12, uint64(f.Type)))
				mem := new(seq.Arena)
				const rows, cols = 21, 768
				h := sha256.New()
				m := randomMatrix(t, f, rng, rows, cols)
				for _, n := range []int{1, 2, 7, 12} {
					var in Input
					if err := in.Set(plainFloats(rng, n*cols), n, cols, exact, oneTeam{}, mem); err != nil {
						t.Fatal(err)
					}
					y := make([]float32, n*rows)
					if err := Mul(&in, oneTeam{}, mem, Job{M: m, Y: y, Stride: rows, Bias: plainFloats(rng, rows)}); err != nil {
						t.Fatal(err)
					}
					h.Write(bits(y))
				}
				fmt.Fprintf(&got, "%s exact=%v %x\n", f.Name, exact, h.Sum(nil)[:8])
			}
		}
		if *update && want == nil {
			want = []byte(got.String())
			if err := os.WriteFile("testdata/mul.txt", want, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != string(want) {
			t.Errorf("products differ from testdata/mul.txt:\n%s", got.String())
		}
	})
}
