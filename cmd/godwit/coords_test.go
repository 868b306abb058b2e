package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestRunCoords: a file of coordinates is what lines and tabs are without one; others change the answer; and a group too many is an error.
func TestRunCoords(t *testing.T) {
	m := tiny(t) // a token for each byte of the table, and one before
	table := "a\tbc\nde\tf\n\tgh"
	args := []string{"run", m, table, "--raw", "--json", "-n", "20", "--temp", "0", "--logit-bias", "0=-inf", "--logit-bias", "2=-inf", "--plan", "0: group=same(a); 1: group=same(b)"}
	hash := func(more ...string) string {
		return decode[runJSON](t, must(t, "", append(args, more...)...)).Stats.LogitsHash
	}
	var own, other strings.Builder
	line, tab := 0, 0
	own.WriteString("0 0\n") // of the beginning-of-text token
	other.WriteString("0 0\n")
	for i, c := range table {
		fmt.Fprintf(&own, "%d %d\n", line, tab)
		fmt.Fprintf(&other, "%d %d\n", i%3, i/4)
		switch c {
		case '\n':
			line, tab = line+1, 0
		case '\t':
			tab++
		}
	}
	usual := hash("-n", "1")
	if h := hash("-n", "1", "--coords", text(t, own.String())); h != usual {
		t.Errorf("logits %s with the table's own coordinates, %s without", h, usual)
	}
	if h := hash("-n", "1", "--coords", text(t, other.String())); h == usual {
		t.Error("other coordinates change nothing")
	}
	hash("--coords", text(t, "7 -1"))
	r := godwitWith(t, "", append(args, "--plan", "group=same(a,most=2)")...)
	if r.code != exitError || !strings.Contains(r.err, "group=same(a,most=2)") || !strings.Contains(r.err, "most=N") {
		t.Errorf("three lines in room for two: exit %d, %q", r.code, r.err)
	}
}
