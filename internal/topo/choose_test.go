package topo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// clock is a fake one: it moves when work is done.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// TestChoose measures fake machines, whose turns take so many milliseconds with so many workers.
func TestChoose(t *testing.T) {
	for _, c := range []struct {
		name   string
		counts []int
		took   map[int]float64
		budget time.Duration
		want   int
	}{
		{"more is faster", []int{1, 2, 4}, map[int]float64{1: 8, 2: 4, 4: 2}, 120 * time.Millisecond, 4},
		{"memory is full with two", []int{1, 2, 4, 8}, map[int]float64{1: 6, 2: 3.5, 4: 3.45, 8: 3.4}, 120 * time.Millisecond, 2},
		{"little cores hold up", []int{2, 4, 8}, map[int]float64{2: 6, 4: 3, 8: 4}, 120 * time.Millisecond, 4},
		{"one", []int{1}, nil, 120 * time.Millisecond, 1},
		{"none", nil, nil, 120 * time.Millisecond, 0},
		{"too slow to tell", []int{1, 2}, map[int]float64{1: 40, 2: 20}, 120 * time.Millisecond, 0},
		{"just enough", []int{1, 2}, map[int]float64{1: 25, 2: 15}, 121 * time.Millisecond, 2},
	} {
		k := &clock{time.Unix(1e9, 0)}
		start, turns := k.t, 0
		trial := Trial{Counts: c.counts, Budget: c.budget, Now: k.now, Run: func(n int) bool {
			turns++
			ms := c.took[n]
			if turns%11 == 0 && ms < 10 {
				ms += 8 // somebody else
			}
			k.t = k.t.Add(time.Duration(ms * float64(time.Millisecond)))
			return true
		}}
		if got := trial.Choose(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
		if d := k.t.Sub(start); d > c.budget+41*time.Millisecond {
			t.Errorf("%s: %v", c.name, d)
		}
	}
	k := &clock{time.Unix(1e9, 0)}
	burst := Trial{Counts: []int{1, 2}, Budget: 120 * time.Millisecond, Now: k.now}
	start := k.t
	burst.Run = func(n int) bool {
		d := 4 * time.Millisecond / time.Duration(n)
		if n == 2 && k.t.Sub(start) > 50*time.Millisecond { // another program from then on
			d = 5 * time.Millisecond
		}
		k.t = k.t.Add(d)
		return true
	}
	if got := burst.Choose(); got != 0 {
		t.Errorf("halves that disagree: %d", got)
	}
	broken := Trial{Counts: []int{1, 2}, Budget: time.Second, Now: k.now, Run: func(n int) bool { return false }}
	if got := broken.Choose(); got != 0 {
		t.Errorf("of work that fails: %d", got)
	}
}

// TestChooseTakesTurns: every candidate has as many turns as the others, first and last in turn.
func TestChooseTakesTurns(t *testing.T) {
	k := &clock{time.Unix(1e9, 0)}
	var order []int
	trial := Trial{Counts: []int{1, 2, 3}, Budget: 12 * time.Millisecond, Now: k.now, Run: func(n int) bool {
		k.t = k.t.Add(time.Millisecond)
		return true
	}, Note: func(n int, d time.Duration) {
		order = append(order, n)
		if d != time.Millisecond {
			t.Errorf("%d took %v", n, d)
		}
	}}
	if trial.Choose() != 1 || !slices.Equal(order, []int{1, 2, 3, 3, 2, 1, 1, 2, 3, 3, 2, 1}) {
		t.Errorf("turns: %v", order)
	}
}

func TestMemo(t *testing.T) {
	m := Memo{filepath.Join(t.TempDir(), "new", "threads.json")}
	if n := m.Get("a", 8); n != 0 {
		t.Errorf("%d of no file", n)
	}
	m.Put("a", 3)
	m.Put("b", 5)
	if a, b, c, low := m.Get("a", 8), m.Get("b", 8), m.Get("c", 8), m.Get("b", 4); a != 3 || b != 5 || c != 0 || low != 0 {
		t.Errorf("%d, %d, %d, %d", a, b, c, low)
	}
	for i := range 200 {
		m.Put(fmt.Sprint(i), i)
	}
	var f memoFile
	data, err := os.ReadFile(m.Path)
	if err != nil || json.Unmarshal(data, &f) != nil || len(f.Workers) > memoKeys || m.Get("199", 256) != 199 {
		t.Errorf("%v, %d keys", err, len(f.Workers))
	}
	left, err := os.ReadDir(filepath.Dir(m.Path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, files: %v", err, left)
	}
}

// TestMemoDamaged: a file that is anything else counts as none, and is replaced.
func TestMemoDamaged(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "null", `{"format":1,"workers":{"a":-3}}`, `{"format":1,"workers":{"a":1000000}}`, `{"format":1,"workers":{"a":1.5}}`,
		`{"format":1,"workers":[1]}`, `{"format":2,"workers":{"a":3}}`, `{"format":1,"workers":null}`, "\x00\x01\x02", `{"format":1,"workers":{"a":"3"}}`} {
		m := Memo{filepath.Join(t.TempDir(), "threads.json")}
		if err := os.WriteFile(m.Path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := m.Get("a", 8); n != 0 {
			t.Errorf("%q: %d", text, n)
		}
		m.Put("a", 2)
		if n := m.Get("a", 8); n != 2 {
			t.Errorf("%q, then written: %d", text, n)
		}
	}
	// Places where nothing can be written.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", t.TempDir(), filepath.Join(file, "below", "threads.json"), "\x00"} {
		m := Memo{path}
		m.Put("a", 2)
		if n := m.Get("a", 8); n != 0 {
			t.Errorf("%q: %d", path, n)
		}
	}
}
