package attention

import (
	"slices"
	"strconv"
)

// pyramid gives the layers that a keep= is about budgets of their own, if it has the argument pyramid=β: from the first of them to
// the last the rows fall evenly, to n/β, and are n in the mean (PyramidKV, arXiv 2406.02069). It returns the value for each of
// which.
func (p Plan) pyramid(v value, which []int) (func(layer int) value, error) {
	same := func(int) value { return v }
	if len(v) != 1 || len(v[0]) != 1 {
		return same, nil
	}
	t := v[0][0]
	i := slices.IndexFunc(t.items, func(a arg) bool { return a.hasValue && a.key == "pyramid" })
	n := slices.IndexFunc(t.items, func(a arg) bool { return !a.hasValue })
	if i < 0 || n < 0 {
		return same, nil
	}
	beta, err := parseNum(t.items[i].value)
	if err != nil || atLeastOne(beta) != nil {
		return nil, t.errorf("pyramid=%s is not a number from 1 to %g", t.items[i].value, float64(maxFactor))
	}
	rows, err := strconv.ParseInt(t.items[n].key, 10, 32)
	if err != nil {
		return same, nil // the keeper says so
	}
	var takers []int
	for _, l := range which {
		if !p.Layers[l].reach().Bounded {
			takers = append(takers, l)
		}
	}
	last := float64(rows) / beta
	first := 2*float64(rows) - last
	return func(layer int) value {
		at := 0.5
		if k := slices.Index(takers, layer); len(takers) > 1 && k >= 0 {
			at = float64(k) / float64(len(takers)-1)
		}
		u := t
		u.items = slices.Delete(slices.Clone(t.items), i, i+1)
		u.items[n-btoi(i < n)].key = strconv.Itoa(int(first + float64((last-first)*at) + 0.5))
		return value{sum{u}}
	}, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
