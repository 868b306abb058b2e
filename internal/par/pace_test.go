package par

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// fake is a clock that moves when a task says so, and timers that end at once; it notes them.
type fake struct {
	t     atomic.Int64 // nanoseconds
	rests []time.Duration
	stuck bool          // timers never end
	began chan struct{} // told of each, when not nil
}

func (f *fake) on(p *Pool) {
	p.now = func() time.Time { return time.Unix(1e9, f.t.Load()) }
	p.after = func(d time.Duration) (<-chan time.Time, func() bool) {
		f.rests = append(f.rests, d)
		c := make(chan time.Time, 1)
		if !f.stuck {
			f.t.Add(int64(d))
			c <- time.Time{}
		}
		if f.began != nil {
			f.began <- struct{}{}
		}
		return c, func() bool { return true }
	}
}

// slow is a task of so many items that take a time each; every item counts.
type slow struct {
	f    *fake
	d    time.Duration
	done atomic.Int64
	by   [8]atomic.Int64 // items by worker
}

func (s *slow) Do(w, lo, hi int) {
	s.done.Add(int64(hi - lo))
	s.by[w].Add(int64(hi - lo))
	s.f.t.Add(int64(s.d) * int64(hi-lo))
}

func TestDuty(t *testing.T) {
	for _, c := range []struct {
		name       string
		work, rest time.Duration
		each       time.Duration
		rests      []time.Duration // of 100 tasks
	}{
		{"none", 0, 0, time.Millisecond, nil},
		{"30 of 100 ms", 30 * time.Millisecond, 70 * time.Millisecond, time.Millisecond, []time.Duration{70e6, 70e6, 70e6}},
		{"tasks longer than the work", 30 * time.Millisecond, 70 * time.Millisecond, 60 * time.Millisecond, nil},
		{"very long tasks", 30 * time.Millisecond, 70 * time.Millisecond, time.Hour, nil},
	} {
		p, f := NewPool(1), &fake{}
		f.on(p)
		p.SetPace(Pace{Work: c.work, Rest: c.rest})
		team, leave := p.Pass(context.Background())
		task := &slow{f: f, d: c.each}
		for range 100 {
			if err := team.Run(1, 1, task); err != nil {
				t.Fatal(err)
			}
		}
		leave()
		p.Close()
		if c.rests == nil && c.rest > 0 { // one before each task but the first
			long := min(time.Duration(float64(c.each)*7/3), restMost)
			for range 99 {
				c.rests = append(c.rests, long)
			}
		}
		if len(f.rests) != len(c.rests) || task.done.Load() != 100 {
			t.Errorf("%s: %d rests, want %d; %d items", c.name, len(f.rests), len(c.rests), task.done.Load())
			continue
		}
		for i := range f.rests {
			if d := f.rests[i] - c.rests[i]; d < -time.Microsecond || d > time.Microsecond {
				t.Errorf("%s: rest %d is %v, want %v", c.name, i, f.rests[i], c.rests[i])
			}
		}
	}
}

// TestRestEnds: a rest ends when the pass is cancelled, and when the pace changes.
func TestRestEnds(t *testing.T) {
	why := errors.New("why")
	for _, how := range []string{"cancel", "pace"} {
		p, f := NewPool(2), &fake{stuck: true, began: make(chan struct{})}
		f.on(p)
		p.SetPace(Pace{Work: time.Millisecond, Rest: time.Hour})
		same := p.pace.Load()
		if p.SetPace(Pace{Work: time.Millisecond, Rest: time.Hour, Workers: 2}); p.pace.Load() != same {
			t.Error("the same pace ends a rest")
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		team, leave := p.Pass(ctx)
		task := &slow{f: f, d: time.Millisecond}
		if err := team.Run(1, 1, task); err != nil {
			t.Fatal(err)
		}
		go func() {
			<-f.began
			if how == "cancel" {
				cancel(why)
			} else {
				p.SetPace(Pace{})
			}
		}()
		err := team.Run(10, 1, task)
		if how == "cancel" && (!errors.Is(err, why) || task.done.Load() != 1) || how == "pace" && (err != nil || task.done.Load() != 11) {
			t.Errorf("%s: %v, %d items", how, err, task.done.Load())
		}
		cancel(nil)
		leave()
		p.Close()
	}
}

// TestRestAllocatesNothing: rests share a timer, and one that ended early leaves nothing to the next, which lasts its time.
func TestRestAllocatesNothing(t *testing.T) {
	p := NewPool(1)
	defer p.Close()
	p.SetPace(Pace{Rest: time.Microsecond})
	team, leave := p.Pass(context.Background())
	defer leave()
	task := &slow{f: &fake{}}
	if n := testing.AllocsPerRun(100, func() {
		if err := team.Run(1, 1, task); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per rest, want none", n)
	}
	_, stop := p.after(time.Microsecond)
	time.Sleep(time.Millisecond) // it is over, and nobody looked
	stop()
	start := time.Now()
	over, _ := p.after(20 * time.Millisecond)
	<-over
	if d := time.Since(start); d < 20*time.Millisecond {
		t.Errorf("a rest of 20 ms took %v", d)
	}
}

// TestFewer: the number of workers may change while a pass runs; those that are left out do nothing, and come back.
func TestFewer(t *testing.T) {
	p, f := NewPool(4), &fake{}
	f.on(p)
	defer p.Close()
	team, leave := p.Pass(context.Background())
	defer leave()
	for i, n := range []int{4, 2, 1, 3, 1, 4, 0, 9, -1} {
		p.SetPace(Pace{Workers: n, Spin: Spin(i % 3)})
		may := n
		if n < 1 || n > 4 {
			may = 4
		}
		all := make(chan struct{})
		var in atomic.Int32
		task := &slow{f: f}
		// Each worker that may join is needed: an item ends when all are there.
		err := team.Run(may+1, 1, meet(func(w int) {
			if w >= may {
				t.Errorf("worker %d of %d", w, may)
			}
			if in.Add(1) == int32(may) {
				close(all)
			}
			<-all
			task.Do(w, 0, 1)
		}))
		if err != nil || task.done.Load() != int64(may)+1 {
			t.Errorf("%d workers: %v, %d items", n, err, task.done.Load())
		}
	}
}

// meet is a task of items that only ask who does them.
type meet func(w int)

func (m meet) Do(w, lo, hi int) {
	for range hi - lo {
		m(w)
	}
}

// TestPaceWhileRunning changes the pace at random moments of passes: every item is done once. The race detector looks on.
func TestPaceWhileRunning(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	stop := make(chan struct{})
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				p.SetPace(Pace{Workers: i % 4, Spin: Spin(i % 3), Rest: time.Duration(i%2) * time.Microsecond})
			}
		}
	}()
	for range 20 {
		team, leave := p.Pass(context.Background())
		for n := range 20 {
			task := &slow{f: &fake{}}
			if err := team.Run(5*n, 2, task); err != nil || task.done.Load() != int64(5*n) {
				t.Fatalf("%v, %d of %d items", err, task.done.Load(), 5*n)
			}
		}
		leave()
	}
	close(stop)
	<-changed
}
