package par_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/testenv"
	"github.com/godwit-ai/godwit/seq"
)

// task is a function as a seq.Task.
type task func(worker, lo, hi int)

func (t task) Do(worker, lo, hi int) { t(worker, lo, hi) }

func newPool(t testing.TB, workers int) *par.Pool {
	p := par.NewPool(workers)
	t.Cleanup(p.Close)
	return p
}

// count runs n items and fails unless each is done exactly once, in ranges as seq.Team promises.
func count(t *testing.T, team seq.Team, n, grain int) {
	t.Helper()
	done := make([]atomic.Int32, n)
	var wrong atomic.Pointer[string]
	err := team.Run(n, grain, task(func(w, lo, hi int) {
		if g := max(1, grain); w < 0 || w >= team.Workers() || lo < 0 || lo >= hi || hi > n || lo%g != 0 || hi%g != 0 && hi != n {
			s := fmt.Sprintf("worker %d of %d: [%d, %d) of %d by %d", w, team.Workers(), lo, hi, n, grain)
			wrong.Store(&s)
			return
		}
		for i := lo; i < hi; i++ {
			done[i].Add(1)
		}
	}))
	if err != nil || wrong.Load() != nil {
		t.Fatalf("%d by %d: %v, %v", n, grain, err, wrong.Load())
	}
	for i := range done {
		if c := done[i].Load(); c != 1 {
			t.Fatalf("%d by %d: item %d was done %d times", n, grain, i, c)
		}
	}
}

func TestEveryItemOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tasks := 200
	if testing.Short() {
		tasks = 40
	}
	count(t, par.Serial(), 100, 7)
	count(t, par.Serial(), 0, 7)
	for _, workers := range []int{-1, 0, 1, 2, 3, 4, 9, 33} {
		p := newPool(t, workers)
		if p.Workers() != max(1, workers) {
			t.Errorf("%d workers, want %d", p.Workers(), workers)
		}
		team, leave := p.Pass(context.Background())
		for range tasks {
			count(t, team, rng.IntN(1000), rng.IntN(50)-2)
			count(t, team, rng.IntN(5), rng.IntN(3))
		}
		count(t, team, 10, 1<<40)
		leave()
	}
}

// TestRunSeesUneven: the caller takes part, and a slow item does not hold up the others.
func TestRunSeesUneven(t *testing.T) {
	p := newPool(t, 2)
	team, leave := p.Pass(context.Background())
	defer leave()
	var mu sync.Mutex
	by := map[int]int{}
	hold := make(chan struct{})
	err := team.Run(100, 1, task(func(w, lo, hi int) {
		mu.Lock()
		by[w]++
		first := len(by) == 1 && by[w] == 1
		total := by[0] + by[1]
		mu.Unlock()
		if total == 100 {
			close(hold)
		}
		if first { // whoever comes first waits until the other has done everything else
			<-hold
		}
	}))
	if err != nil || by[0]+by[1] != 100 || by[0] == 0 || by[1] == 0 {
		t.Errorf("%v, items by worker: %v", err, by)
	}
	// Worker 0 is the calling goroutine itself.
	single := newPool(t, 1)
	team1, leave1 := single.Pass(context.Background())
	defer leave1()
	here := make([]byte, 64)
	runtime.Stack(here, false)
	if err := team1.Run(3, 1, task(func(w, lo, hi int) {
		there := make([]byte, 64)
		runtime.Stack(there, false)
		if id(here) != id(there) {
			t.Errorf("item %d ran on %s, the caller is %s", lo, id(there), id(here))
		}
	})); err != nil {
		t.Error(err)
	}
}

// id is the goroutine's name in its stack trace: "goroutine 7".
func id(stack []byte) string {
	s, _, _ := strings.Cut(string(stack), " [")
	return s
}

func TestCancelled(t *testing.T) {
	why := errors.New("why")
	for _, workers := range []int{1, 2, 4} {
		p := newPool(t, workers)
		ctx, cancel := context.WithCancelCause(context.Background())
		team, leave := p.Pass(ctx)
		var done, after atomic.Int32
		var cancelled atomic.Bool
		err := team.Run(100_000, 1, task(func(w, lo, hi int) {
			if cancelled.Load() {
				after.Add(1)
			}
			if done.Add(1) == 10 {
				cancel(why)
				cancelled.Store(true)
			}
		}))
		if !errors.Is(err, why) || !errors.Is(team.Err(), why) {
			t.Errorf("%d workers: %v, Err %v", workers, err, team.Err())
		}
		if n := after.Load(); n > int32(workers) {
			t.Errorf("%d workers: %d items were begun after the end, want one each at most", workers, n)
		}
		if err := team.Run(10, 1, task(func(w, lo, hi int) { t.Error("an item after the end") })); !errors.Is(err, why) {
			t.Errorf("the next task: %v", err)
		}
		leave()
		team, leave = p.Pass(context.Background())
		if team.Err() != nil {
			t.Errorf("the next pass: %v", team.Err())
		}
		count(t, team, 100, 3)
		leave()
	}
}

// TestCancelledWhileWaiting: who waits for another's pass can give up.
func TestCancelledWhileWaiting(t *testing.T) {
	p := newPool(t, 2)
	first, leave := p.Pass(context.Background())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	team, leave2 := p.Pass(ctx) // returns although leave was not called
	if err := team.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Err: %v", err)
	}
	if err := team.Run(5, 1, task(func(int, int, int) { t.Error("an item was run") })); !errors.Is(err, context.DeadlineExceeded) || team.Workers() != 1 {
		t.Errorf("Run: %v", err)
	}
	leave2()
	count(t, first, 100, 3)
	leave()
	team, leave = p.Pass(context.Background())
	count(t, team, 100, 3)
	leave()
}

// TestFailures: panics, runtime errors and faults on any worker become the pass's error; the pool goes on.
func TestFailures(t *testing.T) {
	cause := errors.New("cause")
	var nothing []int
	type failure struct {
		do   func()
		want func(error) bool
	}
	cases := map[string]failure{
		"panic":       {func() { panic("text") }, func(err error) bool { return errors.Is(err, par.ErrPanic) && strings.Contains(err.Error(), "text") }},
		"panic error": {func() { panic(cause) }, func(err error) bool { return errors.Is(err, par.ErrPanic) && errors.Is(err, cause) }},
		"index": {func() { nothing[len(nothing)]++ }, func(err error) bool {
			return errors.Is(err, par.ErrPanic) && strings.Contains(err.Error(), "par_test.go")
		}},
	}
	if unreadable != nil {
		fault := unreadable(t)
		cases["fault"] = failure{func() { sink += int(fault[100]) }, testenv.IsFault}
	}
	for name, c := range cases {
		if err := par.Guard(func() error { c.do(); return nil }); err == nil || !c.want(err) {
			t.Errorf("%s under Guard: %v", name, err)
		}
		for _, workers := range []int{1, 2, 4} {
			p := newPool(t, workers)
			for round := range 20 {
				team, leave := p.Pass(context.Background())
				err := team.Run(40, 1, task(func(w, lo, hi int) {
					if lo == round*2 {
						c.do()
					}
				}))
				if err == nil || !c.want(err) || team.Err() == nil {
					t.Errorf("%s, %d workers: %v", name, workers, err)
				}
				if err := team.Run(1, 1, task(func(int, int, int) { t.Error("an item after the failure") })); err == nil || !c.want(err) {
					t.Errorf("%s, %d workers: the next task: %v", name, workers, err)
				}
				leave()
				team, leave = p.Pass(context.Background())
				count(t, team, 50, 3)
				leave()
			}
		}
	}
	if err := par.Guard(func() error { return cause }); err != cause {
		t.Errorf("Guard changed an error: %v", err)
	}
	if err := par.Guard(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

var sink int // keeps reads from being dropped

// unreadable returns mapped memory whose file is gone; nil where a mapped file cannot be truncated.
var unreadable func(t *testing.T) []byte

// TestPassesTakeTurns: several goroutines share a pool; one pass has it at a time, and each gets its own results.
func TestPassesTakeTurns(t *testing.T) {
	p := newPool(t, 3)
	var inside atomic.Int32
	var wg sync.WaitGroup
	passes := 100
	if testing.Short() {
		passes = 20
	}
	for g := range 6 {
		wg.Go(func() {
			for range passes {
				team, leave := p.Pass(context.Background())
				if inside.Add(1) != 1 {
					t.Error("two passes at once")
				}
				for n := range 5 {
					var sum atomic.Int64
					if err := team.Run(50+n, 4, task(func(w, lo, hi int) {
						for i := lo; i < hi; i++ {
							sum.Add(int64(i * g))
						}
					})); err != nil {
						t.Error(err)
					}
					if want := int64((50 + n) * (49 + n) / 2 * g); sum.Load() != want {
						t.Errorf("sum %d, want %d", sum.Load(), want)
					}
				}
				inside.Add(-1)
				leave()
			}
		})
	}
	wg.Wait()
}

// TestMoreWorkersThanCores makes progress with waits between the tasks, so that workers park and wake.
func TestMoreWorkersThanCores(t *testing.T) {
	p := newPool(t, 4*runtime.NumCPU()+3)
	team, leave := p.Pass(context.Background())
	defer leave()
	start := time.Now()
	for i := range 60 {
		count(t, team, 200, 1)
		if i%10 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("60 tasks took %v", d)
	}
}

func TestNoGoroutineLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 10 {
		p := par.NewPool(8)
		team, leave := p.Pass(context.Background())
		team.Run(100, 1, task(func(w, lo, hi int) {
			if lo == 50 {
				panic(1)
			}
		}))
		leave()
		p.Close()
		idle := par.NewPool(8) // parked workers end too
		time.Sleep(time.Millisecond)
		idle.Close()
	}
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// nothing allocates nothing, as tasks should.
type nothing struct{}

func (nothing) Do(int, int, int) {}

func TestRunDoesNotAllocate(t *testing.T) {
	p := newPool(t, 3)
	team, leave := p.Pass(context.Background())
	defer leave()
	if n := testing.AllocsPerRun(100, func() { team.Run(100, 4, nothing{}) }); n >= 1 {
		t.Errorf("%v allocations per task", n)
	}
}

func BenchmarkRun(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			p := newPool(b, workers)
			team, leave := p.Pass(context.Background())
			defer leave()
			for b.Loop() {
				team.Run(64, 1, nothing{})
			}
		})
	}
}
