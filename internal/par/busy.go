package par

import "time"

// stalls finds out that a worker has no CPU, because another program is on it, and then lets fewer workers join for a while.
// Nobody waits for a worker that did not join, but it does harm nevertheless: it takes time from the others when the system
// moves it to their CPUs, and those of its pieces that it leaves half done are waited for. Two threads and a busy loop on two CPUs
// decoded at 0.55 of the speed that two threads have alone, and one thread has 0.65. Only with short tasks, though: in long ones the
// others take most of its share, and half a worker is better than none (tasks of 1 ms: 0.58 against 0.50).
//
// Only the caller of a task uses it, and as long as all workers join, it looks at no clock.
type stalls struct {
	now    func() time.Time
	fewer  int           // workers that are left out
	until  time.Time     // they are
	rest   time.Duration // how long the next time
	tried  time.Time     // when all were let in again
	since  time.Time     // a window began
	tasks  int           // in it
	absent time.Duration // in it, the time in which somebody was missing
	miss   time.Time     // since when somebody has been; zero: all are there
	last   time.Time     // the last time that somebody was
	all    time.Duration // like absent, since the beginning
}

const (
	stallMiss   = time.Millisecond      // who is missing for less had to be woken, or there was an interrupt
	stallWindow = 20 * time.Millisecond // of which somebody may be missing for a quarter
	stallTask   = 64 * time.Microsecond // tasks that take longer on average suffer no harm
	stallRest   = 50 * time.Millisecond // at first; it doubles as long as the CPU is still taken afterwards
	stallLong   = time.Second           // at most: a CPU that is free again is used again after so much time
)

// Absent returns how long workers have been missing so far because they had no CPU: measurements are worth nothing then. It is for the
// goroutine that runs tasks.
func (p *Pool) Absent() time.Duration { return p.stalls.all }

// may returns how many workers of limit may join the next task.
func (s *stalls) may(limit int) int {
	if s.fewer == 0 {
		return limit
	}
	if now := s.now(); !now.Before(s.until) {
		s.fewer, s.tried = 0, now
		s.miss = time.Time{}
		s.window(now)
	}
	return max(1, limit-s.fewer)
}

// came notes how many of limit workers joined a task beside the caller.
func (s *stalls) came(limit, joined int) {
	s.tasks++
	if joined >= limit-1 {
		s.pause()
		return
	}
	now := s.now()
	s.last = now
	if s.miss.IsZero() {
		s.miss = now
		if now.Sub(s.since) > 2*stallWindow { // that window is over
			s.window(now)
		}
		return
	}
	window := now.Sub(s.since)
	if window < stallWindow {
		return
	}
	s.count()
	if 4*s.absent > window && window < time.Duration(s.tasks)*stallTask {
		s.fewer++
		if s.rest *= 2; now.Sub(s.tried) > stallLong {
			s.rest = 0
		}
		s.rest = min(max(s.rest, stallRest), stallLong)
		s.until = now.Add(s.rest)
	}
	s.miss = now
	s.window(now)
}

// pause notes that no task follows for a while: nobody can be missing then.
func (s *stalls) pause() {
	if !s.miss.IsZero() {
		s.count()
		s.miss = time.Time{}
	}
}

// window begins one.
func (s *stalls) window(now time.Time) { s.since, s.absent, s.tasks = now, 0, 0 }

// count adds the present absence.
func (s *stalls) count() {
	if d := s.last.Sub(s.miss); d >= stallMiss {
		s.absent += d
		s.all += d
	}
}
