package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// Suggest returns the names of the catalogue that a mistyped one may have meant, the nearest first: names that contain it or
// whose family it begins with, and those within a third of the letters of the name or of its family. Nothing near gives none.
func Suggest(name string) []string {
	type near struct {
		name     string
		distance int
	}
	name = strings.ToLower(name)
	var found []near
	for _, n := range Names() {
		family, _, _ := strings.Cut(n, ":")
		whole, short := distance(name, n), distance(name, family)
		switch {
		case len(name) >= 3 && (strings.Contains(n, name) || strings.HasPrefix(name, family)):
			found = append(found, near{n, min(whole, 1)})
		case whole <= len(n)/3 || short <= len(family)/3:
			found = append(found, near{n, min(whole, short)})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, f := range found {
		names = append(names, f.name)
	}
	return names
}

// distance is how many bytes must be inserted, deleted or changed to make b of a. Names are short; more than maxName bytes of a
// are not looked at, so that a pasted text costs nothing.
func distance(a, b string) int {
	const maxName = 64
	a = a[:min(len(a), maxName)]
	row := make([]int, len(b)+1) // distances of a[:i] from the beginnings of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
