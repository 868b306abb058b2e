package attention

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/godwit-ai/godwit/internal/impl"
)

var update = flag.Bool("update", false, "rewrite testdata/bits.txt")

// TestBits: every CPU, with every implementation of the kernels that it has, gives the results whose hashes testdata/bits.txt
// holds: every scheme with a span and codecs, every selector and keeper, far positions and groups. The file was written by the generic implementation on amd64:
//
//	go test ./attention -run TestBits -update
func TestBits(t *testing.T) {
	const file = "testdata/bits.txt"
	var texts []string
	for i, pos := range ownPosTexts() {
		span, kv := spanTexts()[i*5%len(spanTexts())], kvTexts()[i%len(kvTexts())]
		texts = append(texts, "span="+span+" pos="+pos+" "+tempText(i)+kv)
	}
	plain := len(texts)
	for i, text := range selectTexts() {
		texts = append(texts, "pos=rope "+tempText(i)+kvTexts()[i*7%len(kvTexts())]+" layout=grow select="+text)
	}
	for i, text := range farTexts() {
		if i%5 == 0 {
			texts = append(texts, text)
		}
	}
	for i, text := range keepTexts() {
		texts = append(texts, "pos=rope "+tempText(i)+keptTexts()[i*3%len(keptTexts())]+" keep="+text)
	}
	for i, pos := range posTexts() {
		if !slices.Contains(ownPosTexts(), pos) {
			texts = append(texts, "pos="+pos+" "+tempText(i)+kvTexts()[i*7%len(kvTexts())])
		}
	}
	for i, group := range groupTexts() {
		texts = append(texts, "span="+spanTexts()[i*3%len(spanTexts())]+" pos=rope "+keptTexts()[i*3%len(keptTexts())]+" group="+group)
	}
	data, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var ran []string
	each := func(f func(name string)) {
		impl.Each("vec", func(floats string) {
			impl.Each("i8", func(ints string) { f(floats + "+" + ints) })
		})
	}
	each(func(name string) {
		ran = append(ran, name)
		var got strings.Builder
		want := strings.Split(string(data), "\n")
		for i, text := range texts {
			// What is chosen and kept is Go over the kernels: after the first, pairs of implementations take a quarter of them.
			if i >= plain && len(ran) > 1 && (i+len(ran))%4 != 0 {
				continue
			}
			sh, rows := Shape{Heads: 3, KVHeads: 1, Dim: 32, VDim: 21}, 150
			if i >= plain { // tiles to choose from, and two places where rows go
				sh, rows = Shape{Heads: 4, KVHeads: 2, Dim: 16, VDim: 17}, 275
			}
			f := newFixture(t, text, sh, rows, uint64(i)).withScore(float32(i%2*4), i%3 == 0)
			if f.layer.Group != nil {
				f.withCoords(uint64(i))
			}
			r := f.runner(t, f.n, 200)
			if err := r.all(steps{100, 45, 1, 1, 1, 1, 1, 100, 20, 1}.cut(f.n)); err != nil {
				t.Fatal(err)
			}
			h := fnv.New64a()
			for _, x := range r.out {
				b := math.Float32bits(x)
				h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
			}
			line := fmt.Sprintf("%016x %s", h.Sum64(), text)
			fmt.Fprintln(&got, line)
			if !*update && (i >= len(want) || line != want[i]) {
				t.Errorf("%s gives %s, not as %s has it", name, line, file)
			}
		}
		if *update && len(ran) == 1 {
			data = []byte(got.String())
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
	if lines := strings.Count(string(data), "\n"); lines != len(texts) {
		t.Errorf("%s has %d lines for %d compositions", file, lines, len(texts))
	}
	if len(ran) == 0 || ran[0] != "generic+generic" {
		t.Errorf("implementations run: %v", ran)
	}
	t.Log("implementations run:", ran)
}
