package attention

import (
	"fmt"
	"testing"
)

func TestQuick(t *testing.T) {
	for _, l := range []Layer{{}, {Span: []Span{Window{24}}}, {Span: []Span{NewUnion(Sinks{4}, Window{100})}, Pos: Rope{Base: 10000}}, {Key: F32{}, Value: F32{}, Score: Score{Softcap: 5, Sinks: []float32{1, 2, 3, 4, 5, 6}}}} {
		f := newFixture(l, Shape{Heads: 6, KVHeads: 2, Dim: 8, VDim: 20}, 700, 1)
		want := f.oracle(t)
		var first []float32
		for _, cut := range []steps{{700}, {1}, {13}, {64}, {1, 200, 3, 7}} {
			r := f.runner(t, 700, 700)
			if err := r.all(cut.cut(700)); err != nil {
				t.Fatal(err)
			}
			if err := differ(r.out, want, 1e-5); err != nil {
				t.Error(fmt.Sprint(l.Span, cut), err)
			}
			if first == nil {
				first = r.out
			}
			if err := sameBits(r.out, first); err != nil {
				t.Error(fmt.Sprint(l.Span, cut), err)
			}
		}
	}
}
