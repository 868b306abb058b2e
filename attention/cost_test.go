package attention

import (
	"testing"

	"github.com/godwit-ai/godwit/seq"
)

// TestCost compares every span with its definition: the bytes of a row for each key seen, and two operations for each of
// its numbers and query head.
func TestCost(t *testing.T) {
	sh := Shape{Heads: 8, KVHeads: 2, Dim: 32, VDim: 16}
	for _, text := range []string{"span=full", "keep=snapkv(20,recent=3,every=64)", "span=window(24)", "span=sinks(4)+window(10)", "span=sinks(4)+window(500)",
		"span=[window(5),full]", "span=full kv=f32", "span=window(24) kv=q8_0"} {
		f := newFixture(t, text, sh, 1, 1)
		c, err := f.layer.Core(sh)
		if err != nil {
			t.Fatal(err)
		}
		const first, n = 7, 90
		seen := 0
		for q := first; q < first+n; q++ {
			for head := range sh.KVHeads {
				span := c.layer.Span[head%len(c.layer.Span)]
				sees := 0
				for k := 0; k <= q; k++ {
					if span.Sees(seq.Pos(q), seq.Pos(k)) {
						sees++
					}
				}
				if c.layer.Keep != nil && q >= 64 {
					sees = 20 + q - 64 + 1
				}
				seen += sees
			}
		}
		bytes := int64(seen * (c.key.Size() + c.value.Size()) / Tile)
		ops := int64(seen * 2 * (sh.Dim + sh.VDim) * sh.Heads / sh.KVHeads)
		for _, exact := range []bool{false, true} {
			want := seq.Cost{Cache: bytes, FloatOps: ops}
			if c.keyInts != nil && !exact {
				want.IntOps, want.FloatOps = ops, 0
			}
			if got := c.Cost(first, n, exact); got != want {
				t.Errorf("%s, exact %v: %+v, want %+v", text, exact, got, want)
			}
		}
	}
}
