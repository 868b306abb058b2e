// Package par runs a pass's parallel work on a fixed set of workers.
//
// A worker that touches mapped memory may find that the file under it shrank; the fault, like any panic, becomes an error
// of the pass, never the end of the process.
package par

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/godwit-ai/godwit/seq"
)

// ErrPanic is wrapped by the error that a panicking task becomes.
var ErrPanic = errors.New("internal error")

// Guard runs f on this goroutine and turns a memory fault or a panic into an error.
func Guard(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			err = caught(r)
		}
	}()
	return f()
}

// caught describes a recovered panic. The runtime marks memory faults with a method Addr.
func caught(r any) error {
	if f, ok := r.(interface {
		error
		Addr() uintptr
	}); ok {
		return fmt.Errorf("%w (address %#x)", seq.ErrFault, f.Addr())
	}
	if e, ok := r.(error); ok {
		return fmt.Errorf("%w: %w\n%s", ErrPanic, e, debug.Stack())
	}
	return fmt.Errorf("%w: %v\n%s", ErrPanic, r, debug.Stack())
}

// Pool is a set of workers. One pass has it at a time; others wait.
type Pool struct {
	workers int
	pass    chan struct{} // holds a token while a pass is in progress
	back    func()        // leave, made once: a method value is an allocation

	ctx  context.Context
	done <-chan struct{}
	err  atomic.Pointer[error] // first failure of the pass

	// The task in progress. Workers read these between joining it and leaving it.
	task   seq.Task
	grain  int
	all    []share      // [workers]
	shares []share      // one for each worker that may join
	left   atomic.Int32 // of the workers that joined, those that have done their part

	gate   gate // workers spin on it, then park
	pace   atomic.Pointer[pace]
	mine   *pace         // that the caller took over
	hold   hold          // of the caller's thread
	worked time.Duration // since the last rest
	now    func() time.Time
	after  func(time.Duration) (<-chan time.Time, func() bool)
	stalls stalls
	wake   []chan struct{}
	parked []atomic.Bool
	idle   chan struct{} // the last worker to finish tells a parked caller
	waits  atomic.Bool   // the caller is parked
	quit   atomic.Bool
}

// share is the stretch of a task's items that a worker begins with. It is alone in its cache line.
type share struct {
	next atomic.Int64 // first item not yet taken
	end  int64
	_    [48]byte
}

// NewPool starts workers−1 goroutines; the caller of a pass is worker 0.
func NewPool(workers int) *Pool {
	p := &Pool{workers: max(1, workers), pass: make(chan struct{}, 1), idle: make(chan struct{}, 1)}
	p.back = p.leave
	p.now, p.after, p.stalls.now = time.Now, newAfter(), time.Now
	p.all = make([]share, p.workers)
	p.SetPace(Pace{})
	p.wake = make([]chan struct{}, p.workers)
	p.parked = make([]atomic.Bool, p.workers)
	for w := 1; w < p.workers; w++ {
		p.wake[w] = make(chan struct{}, 1)
		go p.work(w)
	}
	return p
}

// Workers returns the number of workers.
func (p *Pool) Workers() int { return p.workers }

// Close ends the workers. No pass may be in progress or follow.
func (p *Pool) Close() {
	p.quit.Swap(true) // see work
	p.release(p.workers)
}

// Pass takes the pool for one forward pass, waiting for the pass in progress. The returned function gives it back. If ctx ends
// while waiting, the team does nothing but tell so.
func (p *Pool) Pass(ctx context.Context) (seq.Team, func()) {
	select {
	case p.pass <- struct{}{}:
	case <-ctx.Done():
		return ended{context.Cause(ctx)}, func() {}
	}
	p.ctx, p.done = ctx, ctx.Done()
	p.err.Store(nil)
	return p, p.back
}

func (p *Pool) leave() {
	p.stalls.pause()
	p.hold.set(nil)
	p.mine = nil
	p.ctx, p.done = nil, nil
	<-p.pass
}

// Err returns the first failure of the pass, or why it was cancelled.
func (p *Pool) Err() error {
	if e := p.err.Load(); e != nil {
		return *e
	}
	select {
	case <-p.done:
		err := context.Cause(p.ctx)
		p.fail(err)
		return err
	default:
		return nil
	}
}

func (p *Pool) fail(err error) { p.err.CompareAndSwap(nil, &err) }

// Run implements seq.Team. Every worker has a contiguous share of the items, so that it reads memory as one stream, and takes it
// grain by grain; who is done takes from the others' shares, so an uneven machine stays busy. Which worker gets which item
// does not matter to any result.
func (p *Pool) Run(n, grain int, t seq.Task) error {
	if err := p.Err(); err != nil {
		return err
	}
	pc := p.pace.Load()
	if pc != p.mine {
		p.mine = pc
		p.hold.set(pc.CPUs)
	}
	if pc.Rest == 0 {
		p.run(n, grain, t, pc)
	} else {
		p.rest(pc)
		start := p.now()
		p.run(n, grain, t, pc)
		p.worked += p.now().Sub(start)
	}
	return p.Err()
}

func (p *Pool) run(n, grain int, t seq.Task, pc *pace) {
	p.task, p.grain = t, max(1, grain)
	limit := p.stalls.may(pc.Workers)
	if limit > 1 && n > p.grain {
		p.shares = p.all[:limit]
		grains := (n + p.grain - 1) / p.grain
		for w := range p.shares {
			s := &p.shares[w]
			s.next.Store(int64(w * grains / limit * p.grain))
			s.end = int64(min((w+1)*grains/limit*p.grain, n))
		}
		p.left.Store(0)
		p.gate.open(limit)
		p.release(limit)
		p.safely(0)
		joined := p.gate.shut()
		p.stalls.came(limit, int(joined))
		p.join(joined)
	} else {
		p.alone(n)
	}
	p.task = nil
}

// release wakes workers below limit, which may join the task.
func (p *Pool) release(limit int) {
	for w := 1; w < limit; w++ {
		if p.parked[w].Load() {
			select {
			case p.wake[w] <- struct{}{}:
			default:
			}
		}
	}
}

// join waits until every worker that joined has finished. A worker that came too late, because its CPU was busy with something
// else or it had to be woken, is not waited for.
func (p *Pool) join(joined int32) {
	for s := (spin{patience: p.mine.patience, bound: p.hold.bound}); p.left.Load() < joined; {
		if s.more() {
			continue
		}
		p.waits.Swap(true) // see work
		if p.left.Load() < joined {
			<-p.idle
		}
		p.waits.Store(false)
	}
	select {
	case <-p.idle: // a late token of this task
	default:
	}
}

// spin is a wait that goes on until its patience is used up.
type spin struct {
	patience time.Duration
	bound    bool // the goroutine is bound to its thread
	n        int
	since    time.Time
}

// more waits some 50 ns and reports whether there is patience left. Now and then it looks at the clock and lets other
// goroutines run, so that a process with fewer CPUs than workers makes progress. A goroutine that is bound to its thread must not
// yield to Go's scheduler, which would park the thread and wake another one, twice; it yields to the system's.
func (s *spin) more() bool {
	relax()
	if s.n++; s.n%64 != 0 {
		return true
	}
	if s.n == 64 {
		s.since = time.Now()
	}
	if s.bound {
		yield()
	} else {
		runtime.Gosched()
	}
	return time.Since(s.since) < s.patience
}

func (p *Pool) work(w int) {
	debug.SetPanicOnFault(true)
	seen := uint32(0)
	var h hold // until the goroutine ends, and with it the thread that it is bound to
	pc := p.pace.Load()
	for {
		for s := (spin{patience: pc.patience, bound: h.bound}); !p.gate.join(w, &seen); {
			if p.quit.Load() {
				return
			}
			if s.more() {
				continue
			}
			// The store must come before the load, or a wake is lost. Stores and loads of sync/atomic promise that, but QEMU 7
			// on amd64 does not keep arm64's order of the two; a swap has it everywhere.
			p.parked[w].Swap(true)
			if !p.gate.mayJoin(w, seen) && !p.quit.Load() {
				<-p.wake[w]
				s = spin{patience: pc.patience, bound: h.bound}
			}
			p.parked[w].Store(false)
		}
		if next := p.pace.Load(); next != pc {
			pc = next
			h.set(pc.CPUs)
		}
		p.safely(w)
		p.left.Add(1)
		if p.waits.Load() {
			select {
			case p.idle <- struct{}{}:
			default:
			}
		}
	}
}

// safely takes items until none are left: of worker w's share, then of the others'.
func (p *Pool) safely(w int) {
	if w == 0 {
		old := debug.SetPanicOnFault(true)
		defer debug.SetPanicOnFault(old)
	}
	defer p.recover()
	grain := int64(p.grain)
	for v := w; v < w+len(p.shares); v++ {
		s := &p.shares[v%len(p.shares)]
		for {
			lo := s.next.Load()
			if lo >= s.end {
				break
			}
			if lo = s.next.Add(grain) - grain; lo >= s.end {
				break
			}
			if p.Err() != nil {
				return
			}
			p.task.Do(w, int(lo), int(min(lo+grain, s.end)))
		}
	}
}

// alone does all n items on the caller.
func (p *Pool) alone(n int) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer p.recover()
	for lo := 0; lo < n && p.Err() == nil; lo += p.grain {
		p.task.Do(0, lo, min(lo+p.grain, n))
	}
}

func (p *Pool) recover() {
	if r := recover(); r != nil {
		p.fail(caught(r))
	}
}

// ended is the team of a pass that was cancelled before it began.
type ended struct{ err error }

func (ended) Workers() int                   { return 1 }
func (e ended) Err() error                   { return e.err }
func (e ended) Run(int, int, seq.Task) error { return e.err }

// serial is a team of one without cancellation.
type serial struct{}

// Serial returns a team of one worker, for tests and tools. It does not guard against faults.
func Serial() seq.Team { return serial{} }

func (serial) Workers() int { return 1 }
func (serial) Err() error   { return nil }
func (serial) Run(n, grain int, t seq.Task) error {
	grain = max(1, grain)
	for lo := 0; lo < n; lo += grain {
		t.Do(0, lo, min(lo+grain, n))
	}
	return nil
}
