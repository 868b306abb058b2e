package par

import (
	"sync"
	"testing"
	"time"
)

// TestGate: a worker joins a task once, while it is open, and no more workers than may.
func TestGate(t *testing.T) {
	var g gate
	var one, two uint32
	if g.join(1, &one) || g.mayJoin(1, one) {
		t.Error("joined before the first task")
	}
	g.open(3)
	if !g.mayJoin(1, one) || !g.join(1, &one) || g.join(1, &one) || g.mayJoin(1, one) || g.join(3, new(uint32)) {
		t.Error("worker 1 of 3 joins once, worker 3 never")
	}
	if n := g.shut(); n != 1 || g.join(2, &two) || g.mayJoin(2, two) {
		t.Errorf("%d joined; worker 2 came after the end", n)
	}
	for range 5 {
		g.open(3)
		g.shut()
	}
	g.open(2)
	if !g.join(1, &one) || g.join(2, &two) || g.shut() != 1 {
		t.Error("worker 1 of 2")
	}
}

// TestGateCounts: whoever joined is counted, by any number of workers at once.
func TestGateCounts(t *testing.T) {
	var g gate
	var wg sync.WaitGroup
	const workers, tasks = 4, 500
	joined := make([]int32, workers)
	stop := make(chan struct{})
	for w := 1; w < workers; w++ {
		wg.Go(func() {
			for seen := uint32(0); ; {
				select {
				case <-stop:
					return
				default:
				}
				if g.join(w, &seen) {
					joined[w]++
				}
			}
		})
	}
	var all int32
	for range tasks {
		g.open(workers)
		for range 100 {
			g.mayJoin(1, 0)
		}
		all += g.shut()
	}
	close(stop)
	wg.Wait()
	if sum := joined[1] + joined[2] + joined[3]; sum != all {
		t.Errorf("%d joined, %d were counted", sum, all)
	}
}

// crew is a pool's workers on a fake clock.
type crew struct {
	s     stalls
	t     time.Time
	task  time.Duration
	reads int
}

func newCrew() *crew {
	c := &crew{t: time.Unix(1e9, 0), task: 50 * time.Microsecond}
	c.s.now = func() time.Time { c.reads++; return c.t }
	return c
}

// run runs tasks for a time, of which there tells who joins: how many of those that may. It returns the tasks for each number of
// workers that could join.
func (c *crew) run(d time.Duration, limit int, there func(since time.Duration, may int) int) map[int]int {
	by, start := map[int]int{}, c.t
	for c.t.Sub(start) < d {
		n := c.s.may(limit)
		by[n]++
		c.t = c.t.Add(c.task)
		if n > 1 {
			c.s.came(n, there(c.t.Sub(start), n))
		}
	}
	return by
}

func allThere(_ time.Duration, may int) int { return may - 1 }

// half: one of them has its CPU for 3 ms of 6.
func half(since time.Duration, may int) int {
	if since%(6*time.Millisecond) < 3*time.Millisecond {
		return may - 2
	}
	return may - 1
}

func TestStalls(t *testing.T) {
	c := newCrew()
	if by := c.run(time.Second, 2, allThere); len(by) != 1 || by[2] == 0 || c.reads != 0 {
		t.Errorf("all there: tasks by workers %v, %d looks at the clock", by, c.reads)
	}
	// A token of 1 ms begins with 350 µs until the worker is awake.
	waking := func(since time.Duration, may int) int {
		if since%time.Millisecond < 350*time.Microsecond {
			return may - 2
		}
		return may - 1
	}
	if by := c.run(time.Second, 2, waking); len(by) != 1 {
		t.Errorf("a late worker: tasks by workers %v", by)
	}
	rare := func(since time.Duration, may int) int { // another program, 2 ms of each 20
		if since%(20*time.Millisecond) < 2*time.Millisecond {
			return may - 2
		}
		return may - 1
	}
	if by := c.run(time.Second, 8, rare); len(by) != 1 {
		t.Errorf("a little busy: tasks by workers %v", by)
	}
	// A busy CPU: within 50 ms one worker less, and soon nearly always.
	if by := c.run(50*time.Millisecond, 2, half); by[1] == 0 {
		t.Errorf("busy for 50 ms: tasks by workers %v", by)
	}
	if by := c.run(10*time.Second, 2, half); by[2] > by[1]/10 || by[2] == 0 {
		t.Errorf("busy for 10 s: tasks by workers %v", by)
	}
	// It is free again: a second later all work.
	c.run(time.Second, 2, allThere)
	if by := c.run(5*time.Second, 2, allThere); by[1] != 0 {
		t.Errorf("free again: tasks by workers %v", by)
	}
	// And the next time the first rest is short.
	c.run(30*time.Millisecond, 2, half)
	if c.s.rest != stallRest {
		t.Errorf("rest %v, want %v", c.s.rest, stallRest)
	}
	// Of long tasks a worker that has half a CPU takes its share.
	c = newCrew()
	c.task = 100 * time.Microsecond
	if by := c.run(time.Second, 2, half); by[1] != 0 || c.s.all < 400*time.Millisecond {
		t.Errorf("long tasks: tasks by workers %v, absent for %v", by, c.s.all)
	}
	// Of many workers only as many are left out as have no CPU: of eight, two.
	c = newCrew()
	two := func(since time.Duration, may int) int { return min(may-1, 5) }
	c.run(200*time.Millisecond, 8, two)
	if by := c.run(5*time.Second, 8, two); by[6] < 9*(by[7]+by[8]) || by[5] != 0 {
		t.Errorf("two of eight are busy: tasks by workers %v", by)
	}
}

// TestStallsPause: nobody is missing while there are no tasks, even if the last task before and the first one after lacked a worker.
func TestStallsPause(t *testing.T) {
	now := time.Unix(1, 0)
	s := stalls{now: func() time.Time { return now }}
	for range 2 {
		for range 3 {
			s.came(2, 0)
			now = now.Add(20 * time.Microsecond)
		}
		s.pause()
		now = now.Add(time.Second)
	}
	if s.came(2, 1); s.all != 0 {
		t.Errorf("missing for %v", s.all)
	}
}
