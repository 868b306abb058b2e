package par

import "sync/atomic"

// gate lets workers join a task. It is the number of the task, how many workers may join, and how many did, in one word, so that a
// worker that sleeps through any number of tasks cannot join one that is over.
type gate struct{ word atomic.Uint64 }

const (
	turnShift  = 32 // the task's number
	limitShift = 16 // workers that may join; 0: it is shut
	sixteen    = 1<<16 - 1
)

// open begins a task for the workers below limit; the caller is worker 0 and does not join. It comes before the look at who is
// parked, also under QEMU: see work.
func (g *gate) open(limit int) {
	turn := g.word.Load()>>turnShift + 1
	g.word.Swap(turn<<turnShift | uint64(limit)<<limitShift)
}

// shut ends it and returns how many joined.
func (g *gate) shut() int32 {
	word := g.word.Load()
	return int32(g.word.Swap(word>>turnShift<<turnShift) & sixteen)
}

// mayJoin reports whether there is a task that worker w has not seen and may join.
func (g *gate) mayJoin(w int, seen uint32) bool {
	word := g.word.Load()
	return w < int(word>>limitShift&sixteen) && uint32(word>>turnShift) != seen
}

// join makes worker w part of the task, once, and notes the task's number in seen.
func (g *gate) join(w int, seen *uint32) bool {
	for {
		word := g.word.Load()
		turn := uint32(word >> turnShift)
		if w >= int(word>>limitShift&sixteen) || turn == *seen {
			return false
		}
		if g.word.CompareAndSwap(word, word+1) {
			*seen = turn
			return true
		}
	}
}
