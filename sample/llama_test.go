package sample

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
)

// TestLlama compares with llama.cpp: every sampler alone and all in the default order, on the same logits and past; testdata/llama.py
// made the fixture. Mirostat is followed over the tokens that llama.cpp drew.
func TestLlama(t *testing.T) {
	var fixture struct {
		Logits map[string][]*float32
		Cases  []struct {
			Params json.RawMessage
			Logits string
			Past   []int32
			Kept   [][][2]float64 // [tokens][candidates](id, probability)
			Drawn  []int32        // [tokens]
		}
	}
	text, err := os.ReadFile("testdata/llama.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &fixture); err != nil {
		t.Fatal(err)
	}
	if len(fixture.Logits) != 3 || len(fixture.Cases) < 90 {
		t.Fatalf("%d cases", len(fixture.Cases))
	}
	seen := map[Step]bool{}
	for _, c := range fixture.Cases {
		var logits []float32
		for _, l := range fixture.Logits[c.Logits] {
			if l == nil {
				logits = append(logits, negInf)
			} else {
				logits = append(logits, *l)
			}
		}
		var p Params
		if err := json.Unmarshal(c.Params, &p); err != nil {
			t.Fatal(err)
		}
		for name, k := range kinds {
			if k.make(&p, &Chain{}) != nil {
				seen[name] = true
			}
		}
		ch, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		ch.Prime(c.Past)
		for step, kept := range c.Kept {
			want := map[int32]float64{}
			for _, e := range kept {
				want[int32(e[0])] = e[1]
			}
			if id, a, b := differ(drawn(t, ch, logits), want); id >= 0 {
				t.Errorf("%s of %s, step %d: token %d has probability %v, llama.cpp has %v", c.Params, c.Logits, step, id, a, b)
			}
			if ch.last != nil {
				ch.last.picked(&ch.c, slices.Index(ch.c.id, c.Drawn[step]))
			}
		}
	}
	if len(seen) != len(kinds) {
		t.Errorf("the fixture has only %s", fmt.Sprint(seen))
	}
}
