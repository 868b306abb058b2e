package par

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// Pace says how hard a pool works. It changes no result.
type Pace struct {
	Workers    int   // that take part at most, the caller included; 0: all
	CPUs       []int // that they stay on, where the system lets them be bound; nil: the system's choice
	Spin       Spin
	Work, Rest time.Duration // the pool works for about so long, then rests; Rest 0: it does not
}

// Spin is how long one looks for work, or for others to finish, before parking.
type Spin int8

// Spins. Who parks takes no power, but comes late: by 50 µs, where a hypervisor has to be asked, up to 300, which are Go's
// scheduler's.
const (
	SpinUsual Spin = iota // as long as a token's sampling takes
	SpinLong              // five times that
	SpinShort             // as long as it is from one task of a pass to the next
)

// patience returns the time of an unsuccessful look. A worker that parks while a token is sampled (some 100 µs) is missing in the first
// tenth of a small model's next token.
func (s Spin) patience() time.Duration {
	switch s {
	case SpinLong:
		return time.Millisecond
	case SpinShort:
		return 10 * time.Microsecond
	}
	return 200 * time.Microsecond
}

// restMost bounds a rest: a machine that was suspended in the middle of a task would rest for hours.
const restMost = time.Second

// pace is a Pace in force.
type pace struct {
	Pace
	patience time.Duration
	over     chan struct{} // closed when another one follows
}

// SetPace changes the pace from the next task on, also of a pass in progress; a rest in progress ends if the pace is another. It may be called from any
// goroutine.
func (p *Pool) SetPace(next Pace) {
	next.CPUs = slices.Clone(next.CPUs)
	if next.Workers < 1 || next.Workers > p.workers {
		next.Workers = p.workers
	}
	if p.workers > runtime.GOMAXPROCS(0) {
		next.CPUs = nil // bound workers take turns by parking only, see spin
	}
	n := &pace{Pace: next, over: make(chan struct{})}
	n.patience = next.Spin.patience()
	for {
		old := p.pace.Load()
		if old != nil && old.equal(next) {
			return // a rest goes on
		}
		if !p.pace.CompareAndSwap(old, n) {
			continue
		}
		if old != nil {
			close(old.over)
		}
		return
	}
}

func (p Pace) equal(q Pace) bool {
	return p.Workers == q.Workers && slices.Equal(p.CPUs, q.CPUs) && p.Spin == q.Spin && p.Work == q.Work && p.Rest == q.Rest
}

// rest does so when the pool has worked long enough, and returns when the pass is cancelled. The rest is as long as the work took, so a
// long task does not change the shares.
func (p *Pool) rest(pc *pace) {
	if pc.Work > 0 && p.worked < pc.Work {
		return
	}
	d := pc.Rest
	if pc.Work > 0 {
		d = min(time.Duration(float64(d)*(float64(p.worked)/float64(pc.Work))), restMost)
	}
	p.worked = 0
	p.stalls.pause()
	over, stop := p.after(d)
	defer stop()
	select {
	case <-over:
	case <-pc.over:
	case <-p.done:
	}
}

// newAfter returns a function like time.After, and how to end the wait, for one wait at a time: it has one timer.
func newAfter() func(time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(time.Hour)
	t.Stop()
	stop := t.Stop // once: a method value is an allocation
	return func(d time.Duration) (<-chan time.Time, func() bool) {
		t.Reset(d)
		return t.C, stop
	}
}

// hold binds the calling goroutine to a thread and the thread to CPUs; with nil it undoes that.
//
// Worker 0 is the caller's goroutine, and its thread may be anybody's: one that the program has set up for itself, or the one
// on which Go runs something else next. So it is bound from the first task of a pass to the pass's end only, and then the thread
// gets the mask back that it had. Not to bind it at all would not do: on a little core it would be the last in every task, and
// what is not parallel (norms, sampling) takes three times as long there. The two system calls take 2 µs of a pass of milliseconds.
//
// The system may have narrowed the mask meanwhile (an app in the background). Then the old mask is refused or cut by the
// system, which is what was wanted.
type hold struct {
	mask  affinity
	bound bool
}

func (h *hold) set(cpus []int) {
	switch {
	case cpus == nil && !h.bound:
	case cpus == nil:
		h.mask.restore()
		h.bound = false
		runtime.UnlockOSThread()
	case h.bound:
		if !bind(cpus) {
			h.set(nil)
		}
	default:
		runtime.LockOSThread()
		if h.bound = h.mask.save() && bind(cpus); !h.bound {
			runtime.UnlockOSThread()
		}
	}
}

// Bindable reports whether threads can be bound to CPUs here. On Apple's systems they cannot; what exists there, quality-of-service
// classes, is set through C only.
var Bindable = sync.OnceValue(func() bool { return new(affinity).save() })
