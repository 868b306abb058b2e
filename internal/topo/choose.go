package topo

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Loaded reports whether other programs have been busy: whether, over the last minute, more than half a CPU's worth of them ran or
// waited, from the files of a root. Where the system does not say so it is false.
func Loaded(root fs.FS) bool {
	first, _, _ := strings.Cut(sysfs{root}.text("proc/loadavg"), " ")
	load, err := strconv.ParseFloat(first, 64)
	return err == nil && load > 0.5
}

// Trial is a measurement of candidates that take turns.
type Trial struct {
	Counts []int                        // numbers of workers, ascending
	Budget time.Duration                // in which it must end, but for the turn in progress
	Run    func(n int) (ok bool)        // one turn of fixed work by n workers; false: it cannot be done
	Now    func() time.Time             // nil: time.Now
	Note   func(n int, d time.Duration) // told of every turn; nil: nobody is
}

const (
	trialRounds = 3    // that every candidate must have, to have a median; of twice as many, both halves must agree
	worthwhile  = 1.04 // more workers must be faster by this: they take power, and 4% are a measurement's noise
)

// Choose returns the number of workers that is best by the median of its turns; 0 if the budget did not suffice, or the first half
// of the turns says otherwise than the second, because something else went on. Of numbers that are about as fast it is the least.
func (t *Trial) Choose() int {
	now := t.Now
	if now == nil {
		now = time.Now
	}
	if len(t.Counts) < 2 {
		return slices.Max(append(t.Counts, 0))
	}
	start := now()
	times := make([][]time.Duration, len(t.Counts))
	rounds := 0
	for ; now().Sub(start) < t.Budget; rounds++ {
		for i := range t.Counts {
			if rounds&1 == 1 { // there and back, so that a drift hits all alike
				i = len(t.Counts) - 1 - i
			}
			begin := now()
			if begin.Sub(start) >= t.Budget {
				return t.best(times, rounds)
			}
			if !t.Run(t.Counts[i]) {
				return 0
			}
			d := now().Sub(begin)
			if t.Note != nil {
				t.Note(t.Counts[i], d)
			}
			times[i] = append(times[i], d)
		}
	}
	return t.best(times, rounds)
}

func (t *Trial) best(times [][]time.Duration, rounds int) int {
	switch {
	case rounds < trialRounds:
		return 0
	case rounds < 2*trialRounds:
		return t.fastest(times, 0, rounds)
	}
	a, b := t.fastest(times, 0, rounds/2), t.fastest(times, rounds/2, rounds)
	if a != b {
		return 0
	}
	return a
}

// fastest is the best of rounds [lo, hi).
func (t *Trial) fastest(times [][]time.Duration, lo, hi int) int {
	best, fastest := 0, time.Duration(0)
	for i, n := range t.Counts {
		part := slices.Sorted(slices.Values(times[i][lo:hi]))
		m := part[len(part)/2]
		if best == 0 || float64(m)*worthwhile < float64(fastest) {
			best, fastest = n, m
		}
	}
	return best
}
