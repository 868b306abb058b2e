package eval

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// shares is the attention of rows over complete tiles: half of it on the first one, and the rest on the one that peak tells.
func shares(rows int, peak func(row, tiles int) int) [][]float32 {
	of := make([][]float32, rows/watchEvery)
	for i := range of {
		if n := i * watchEvery / attention.Tile; n >= 4 { // fewer are not looked at
			of[i] = make([]float32, n)
			of[i][0] += 0.5
			of[i][peak(i*watchEvery, n)] += 0.5
		}
	}
	return of
}

// TestHeadsMeasure: a head that looks at one place can go by old choices, one that looks elsewhere with each row by none, and one that
// moves every 8 rows by choices that are 4 rows old half of the time.
func TestHeadsMeasure(t *testing.T) {
	const rows = 2048
	l := &watched{layer: 7, heads: [][][]float32{
		shares(rows, func(int, int) int { return 1 }),
		shares(rows, func(row, tiles int) int { return 1 + row*7/watchEvery%(tiles-1) }),
		shares(rows, func(row, tiles int) int { return 1 + row/8*7%(tiles-1) }),
	}}
	h := Heads{Context: rows, P: 0.9, Most: 0.27}
	var heads []Head
	for i := range l.heads {
		heads = append(heads, h.measure(l, i))
	}
	still, fast, slow := heads[0], heads[1], heads[2]
	if still.Every != 32 || still.Lost != [len(HeadLags)]float64{} || still.Reads > 0.25 || still.Layer != 7 {
		t.Errorf("still: %+v", still)
	}
	if fast.Every != 1 || fast.Lost[0] < 0.4 {
		t.Errorf("fast: %+v", fast)
	}
	if slow.Every != 8 || !(slow.Lost[0] > 0.08 && slow.Lost[0] < 0.13 && slow.Lost[1] > 0.18 && slow.Lost[1] < 0.26 && slow.Lost[2] > 0.4) {
		t.Errorf("every 8 rows: %+v", slow)
	}
	text := h.Edits(heads)
	if want := "7: select=[recycle(p=0.9,share=1,every=32,dense=512,local=2),all,recycle(p=0.9,share=1,every=8,dense=512,local=2)]"; text != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	if _, err := attention.ParsePlan(text, 8); err != nil {
		t.Error(err)
	}
	h.Rows = 16
	if few := h.measure(l, 0); few.Every != 16 || few.Lost != still.Lost {
		t.Errorf("at most 16 rows: %+v", few)
	}
	h.Choose = 0.3
	if text := h.Edits([]Head{{Layer: 1, Every: 4}, {Layer: 2, Every: 1}, {Layer: 3, Every: 4}}); text != "1,3: select=recycle(p=0.3,share=1,every=4,dense=512,local=2)" {
		t.Error(text)
	}
}

// TestHeads: every head of the layers that see everything is measured, the same at any number of threads.
func TestHeads(t *testing.T) {
	path := testmodel.Path(t, "gemma3:270m")
	book, err := os.ReadFile("../testdata/books/opticks.txt")
	if err != nil {
		t.Fatal(err)
	}
	var first []Head
	for threads := 2; threads > 0; threads-- {
		var watch HeadWatch
		m, err := godwit.Open(path, godwit.Options{Threads: threads, ChangePlan: watch.Plan})
		if err != nil {
			t.Fatal(err)
		}
		ids, err := m.Tokenize(string(book[:6000]), false)
		if err != nil {
			t.Fatal(err)
		}
		h := Heads{Context: 8 * attention.Tile, P: 0.9, Most: 0.02}
		heads, err := h.Run(context.Background(), m, &watch, ids, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(heads) != 3 || heads[0].Layer != 5 || heads[2].Layer != 17 {
			t.Errorf("%+v", heads)
		}
		for i, x := range heads {
			if !(x.Reads > 0.2 && x.Reads <= 1 && x.Lost[0] > -0.01 && x.Lost[len(HeadLags)-1] < 0.5) {
				t.Errorf("%+v", x)
			}
			if first != nil && first[i] != x {
				t.Errorf("%d threads: %+v, then %+v", threads, first[i], x)
			}
		}
		if first == nil {
			first = heads
		}
		h.Context = len(ids) + 1
		if _, err := h.Run(context.Background(), m, &watch, ids, nil); !errors.Is(err, ErrShort) {
			t.Errorf("a context that is longer than the text: %v", err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var watch HeadWatch
	bounded := func(p attention.Plan) (attention.Plan, error) {
		p, err := p.Edit("span=window(64)")
		if err != nil {
			return p, err
		}
		return watch.Plan(p)
	}
	m, err := godwit.Open(path, godwit.Options{ChangePlan: bounded})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := (Heads{Context: 512, P: 0.9}).Run(context.Background(), m, &watch, make([]int32, 512), nil); !errors.Is(err, ErrHeads) {
		t.Errorf("windows alone: %v", err)
	}
}
