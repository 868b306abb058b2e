package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// benchJSON is the object of `bench`.
type benchJSON struct {
	Rows []benchRow `json:"rows"`
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1}, spread{1, 2.5, 4}},
		{[]float64{5, 1, 2}, spread{1, 2, 5}},
		{[]float64{9, 1, 2, 4}, spread{1, 3, 9}},
	} {
		if got := spreadOf(c.in); got != c.want {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
}

// TestBench: a row for each depth, plan and kind, in that order, with the figures of all repetitions.
func TestBench(t *testing.T) {
	m := tiny(t)
	r := must(t, "", "bench", m, "-p", "8", "-n", "4", "-d", "0,16", "--plans", "kv=f16| kv=q8_0 |", "--reps", "3", "--json")
	j := decode[benchJSON](t, r)
	if len(j.Rows) != 12 {
		t.Fatalf("%d rows, want 12", len(j.Rows))
	}
	for i, r := range j.Rows {
		edits := []string{"kv=f16", "kv=q8_0", ""}[i/2%3]
		if r.Depth != []int{0, 16}[i/6] || r.Edits != edits || !strings.Contains(r.Plan, edits) {
			t.Errorf("row %d: depth %d, edits %q, plan %s", i, r.Depth, r.Edits, r.Plan)
		}
		if gen := i%2 == 1; gen != (r.Gen == 4) || gen == (r.Prompt == 8) || gen != (r.GBps > 0) {
			t.Errorf("row %d: prompt %d, gen %d, %g GB/s", i, r.Prompt, r.Gen, r.GBps)
		}
		if !(0 < r.TPSMin && r.TPSMin <= r.TPSMedian && r.TPSMedian <= r.TPS) || r.Reps != 3 || r.Threads < 1 || len(r.Hash) != 16 {
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if a, b := j.Rows[7].Hash, j.Rows[9].Hash; a == b {
		t.Error("f16 and q8_0 gave the same logits: the plans were not used")
	}
	// A repetition changes no logits, and --repeat still means --reps.
	k := decode[benchJSON](t, must(t, "", "bench", m, "-p", "8", "-n", "4", "-d", "16", "--plan", "kv=q8_0", "--repeat", "1", "--json"))
	if len(k.Rows) != 2 || k.Rows[1].Hash != j.Rows[9].Hash || k.Rows[1].Reps != 1 || k.Rows[1].Edits != "kv=q8_0" {
		t.Errorf("alone: %+v, want the logits of %+v", k.Rows, j.Rows[9])
	}
}

// TestBenchOrder: the repetitions of all cells take turns.
func TestBenchOrder(t *testing.T) {
	a := &app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	o := &benchFlags{prompt: 2, gen: 2, reps: 3, depths: []int{0, 4}, plans: "kv=f16|kv=f32"}
	b := &benchRun{a: a, o: o}
	if err := b.open(context.Background(), tiny(t)); err != nil {
		t.Fatal(err)
	}
	defer b.close()
	var order []int
	b.measured = func(cell int) { order = append(order, cell) }
	if err := b.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	once := []int{0, 1, 2, 3, 4, 5, 6, 7}
	if want := slices.Concat(once, once, once); !slices.Equal(order, want) {
		t.Errorf("measured %v, want %v", order, want)
	}
}

// TestBenchText: a line for each row, which names its plan when there are several, and the spread when there is one.
func TestBenchText(t *testing.T) {
	m := tiny(t)
	r := must(t, "", "bench", m, "-p", "4", "-n", "2", "--plans", "|kv=f32", "-r", "2")
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	if len(lines) < 4 || !strings.Contains(lines[0], "the model's own plan") || !strings.Contains(lines[3], "kv=f32") || !strings.Contains(lines[0], "–") {
		t.Errorf("%s", r.out)
	}
	r = must(t, "", "bench", m, "-p", "4", "-n", "0", "-r", "1")
	if strings.Contains(r.out, "–") || strings.Contains(r.out, "plan") {
		t.Errorf("%s", r.out)
	}
}

// TestBenchCancelled: an interrupt ends a long run with its exit code, and nothing is printed.
func TestBenchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs}
	if code := a.main(ctx, []string{"bench", tiny(t), "-p", "0", "-n", "10000000"}); code != exitStopped || out.Len() > 0 || errs.String() != "godwit: stopped\n" {
		t.Errorf("exit %d, printed %q, %q", code, out.String(), errs.String())
	}
}
