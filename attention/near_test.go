package attention

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestNearKV: where all rows are near, results have the bits of a cache in the codec of near rows, also where integers are multiplied; and the
// near store takes that codec's bytes.
func TestNearKV(t *testing.T) {
	const rows = 300
	sh := Shape{Heads: 4, KVHeads: 2, Dim: 40, VDim: 24}
	for i, c := range [][2]string{{"q8_0", "q8_0"}, {"f32", "f16"}, {"f16", "f32"}} {
		dense := newFixture(t, "pos=rope kv="+c[1], sh, rows, 3)
		near := newFixture(t, fmt.Sprintf("pos=rope kv=%s near=window(%d) nearkv=%s", c[0], rows, c[1]), sh, rows, 3)
		if err := sameBits(near.sameEveryWay(t, i), dense.sameEveryWay(t, i)); err != nil {
			t.Errorf("%s: %v", near.text, err)
		}
		env := &seq.Env{MaxLen: rows, MaxChunk: 64}
		far := newFixture(t, "pos=rope kv="+c[0], sh, rows, 3)
		if got, want := near.runner(t, rows, 64).c.Bytes(env), dense.runner(t, rows, 64).c.Bytes(env)+far.runner(t, rows, 64).c.Bytes(env); got != want {
			t.Errorf("%s: %d bytes, want %d", near.text, got, want)
		}
	}
	for _, codec := range []string{"q4", "kivi", "kivi(bits=3,rot)", "pca(rank=2)", "pca"} {
		f := newFixture(t, "kv=kivi nearkv="+codec, Shape{Heads: 2, KVHeads: 1, Dim: 16}, 10, 1)
		if _, err := f.layer.Core(f.shape); !errors.Is(err, ErrCompose) || !strings.Contains(err.Error(), "nearkv="+f.layer.NearKV.String()) {
			t.Errorf("nearkv=%s: %v", codec, err)
		}
	}
}
