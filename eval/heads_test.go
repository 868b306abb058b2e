package eval

import (
	"context"
	"errors"
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
	if want := "7: select=[recycle(share=1,p=0.9,local=2,dense=512,every=32),all,recycle(share=1,p=0.9,local=2,dense=512,every=8)]"; text != want {
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
	if text := h.Edits([]Head{{Layer: 1, Every: 4}, {Layer: 2, Every: 1}, {Layer: 3, Every: 4}}); text != "1,3: select=recycle(share=1,p=0.3,local=2,dense=512,every=4)" {
		t.Error(text)
	}
}

// tinyTokens are the bytes of a book, as the tiny model has them.
func tinyTokens(t *testing.T, n int) []int32 {
	t.Helper()
	m := tinyModel(t, 1, "", nil)
	ids, err := m.Tokenize(opticks(t).Text[:2*n], false)
	if err != nil || len(ids) < n {
		t.Fatalf("%d tokens of %d: %v", len(ids), n, err)
	}
	return ids[:n]
}

// tinyModel opens the tiny model, two layers with two KV heads each.
func tinyModel(t *testing.T, threads int, plan string, change func(attention.Plan) (attention.Plan, error)) *godwit.Model {
	t.Helper()
	m, err := godwit.Open(testmodel.Tiny(t), godwit.Options{Threads: threads, Plan: plan, ChangePlan: change})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestHeads: every head of the layers that see everything is measured, the same at any number of threads.
func TestHeads(t *testing.T) {
	var first []Head
	ids := tinyTokens(t, 600)
	for threads := 2; threads > 0; threads-- {
		var watch HeadWatch
		m := tinyModel(t, threads, "0: span=window(64)", watch.Plan)
		h := Heads{Context: 8 * attention.Tile, P: 0.9, Most: 0.02}
		heads, err := h.Run(context.Background(), m, &watch, ids, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(heads) != 2 || heads[0].Layer != 1 || heads[1].Head != 1 {
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
	}
	var watch HeadWatch
	m := tinyModel(t, 1, "span=window(64)", watch.Plan)
	if _, err := (Heads{Context: 512, P: 0.9}).Run(context.Background(), m, &watch, ids, nil); !errors.Is(err, ErrHeads) {
		t.Errorf("windows alone: %v", err)
	}
}
