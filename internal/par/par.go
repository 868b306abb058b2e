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

	// The task in progress. Workers read these between a wake and their own decrement of busy.
	task   seq.Task
	grain  int
	shares []share
	busy   atomic.Int32 // workers that have not finished the task

	epoch  atomic.Uint32 // counts tasks; workers spin on it, then park
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

// patience is how long a waiting worker looks before it parks. Tasks of a pass follow each other within some 10 µs, and waking
// a parked thread takes up to 50 µs where a hypervisor has to be asked.
const patience = 200 * time.Microsecond

// NewPool starts workers−1 goroutines; the caller of a pass is worker 0.
func NewPool(workers int) *Pool {
	p := &Pool{workers: max(1, workers), pass: make(chan struct{}, 1), idle: make(chan struct{}, 1)}
	p.back = p.leave
	p.shares = make([]share, p.workers)
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
	p.quit.Store(true)
	p.release()
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
	p.task, p.grain = t, max(1, grain)
	if p.workers > 1 && n > p.grain {
		grains := (n + p.grain - 1) / p.grain
		for w := range p.shares {
			s := &p.shares[w]
			s.next.Store(int64(w * grains / p.workers * p.grain))
			s.end = int64(min((w+1)*grains/p.workers*p.grain, n))
		}
		p.busy.Store(int32(p.workers - 1))
		p.release()
		p.safely(0)
		p.join()
	} else {
		p.alone(n)
	}
	p.task = nil
	return p.Err()
}

// release starts the workers on a new epoch.
func (p *Pool) release() {
	p.epoch.Add(1)
	for w := 1; w < p.workers; w++ {
		if p.parked[w].Load() {
			select {
			case p.wake[w] <- struct{}{}:
			default:
			}
		}
	}
}

// join waits until every worker has finished.
func (p *Pool) join() {
	for s := (spin{}); p.busy.Load() > 0; {
		if s.more() {
			continue
		}
		p.waits.Swap(true) // see work
		if p.busy.Load() > 0 {
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
	n     int
	since time.Time
}

// more waits some 50 ns and reports whether there is patience left. Now and then it looks at the clock and lets other
// goroutines run, so that a process with fewer CPUs than workers makes progress.
func (s *spin) more() bool {
	relax()
	if s.n++; s.n%64 != 0 {
		return true
	}
	if s.n == 64 {
		s.since = time.Now()
	}
	runtime.Gosched()
	return time.Since(s.since) < patience
}

func (p *Pool) work(w int) {
	debug.SetPanicOnFault(true)
	seen := uint32(0)
	for {
		for s := (spin{}); p.epoch.Load() == seen; {
			if s.more() {
				continue
			}
			// The store must come before the load, or a wake is lost. Stores and loads of sync/atomic promise that, but QEMU 7
			// on amd64 does not keep arm64's order of the two; a swap has it everywhere.
			p.parked[w].Swap(true)
			if p.epoch.Load() == seen {
				<-p.wake[w]
			}
			p.parked[w].Store(false)
		}
		seen++
		if p.quit.Load() {
			return
		}
		p.safely(w)
		if p.busy.Add(-1) == 0 && p.waits.Load() {
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
	for v := w; v < w+p.workers; v++ {
		s := &p.shares[v%p.workers]
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
