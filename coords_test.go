package godwit

import (
	"context"
	"slices"
	"testing"

	"github.com/godwit-ai/godwit/internal/testmodel"
)

// TestTable: lines and tabs of a text are its coordinates, whatever tokens they are in; and sessions of plans with groups have these.
func TestTable(t *testing.T) {
	for _, name := range []string{"smollm2:135m", "gemma3:270m"} {
		m, err := Open(testmodel.Path(t, name), Options{Plan: "0: group=same(a)", Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		table, err := m.Table()
		if err != nil {
			t.Fatal(err)
		}
		ids, err := m.Tokenize("name\tage\tcity\nAda\t36\tLondon\n\n\t\tend\n", false)
		if err != nil {
			t.Fatal(err)
		}
		var at Coord
		last, line, tab := int32(-1), int32(0), int32(0)
		for i, id := range ids {
			if at = table(i, last, id, at); at != (Coord{A: line, B: tab}) {
				t.Errorf("%s: token %d is at %v, want line %d, tab %d", name, i, at, line, tab)
			}
			tok, _ := m.Tokenizer()
			for _, c := range tok.Piece(id) {
				switch c {
				case '\n':
					line, tab = line+1, 0
				case '\t':
					tab++
				}
			}
			last = id
		}
		if line != 4 {
			t.Errorf("%s: %d lines", name, line)
		}
		// The usual coordinates, and the same given.
		var all [2][]float32
		for i, c := range []Coords{nil, table} {
			s, err := m.NewSession(SessionOptions{Context: 100, Coords: c})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Feed(context.Background(), ids, nil); err != nil {
				t.Fatal(err)
			}
			logits, err := s.Logits()
			if err != nil {
				t.Fatal(err)
			}
			all[i] = logits
		}
		if !slices.Equal(all[0], all[1]) {
			t.Errorf("%s: other logits", name)
		}
	}
}
