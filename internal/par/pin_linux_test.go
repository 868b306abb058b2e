package par

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// mask is the calling thread's CPUs.
func mask(t *testing.T) (ids []int) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Error(err)
	}
	for id := range 1024 {
		if set.IsSet(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestPin: during a pass all workers are on the CPUs that they are given; afterwards the caller's thread has its own mask again,
// whatever happened in the pass.
func TestPin(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := mask(t)
	if !Bindable() || len(before) < 1 {
		t.Fatalf("bindable: %v, mask %v", Bindable(), before)
	}
	workers := min(2, runtime.GOMAXPROCS(0))
	p := NewPool(workers)
	defer p.Close()
	for _, cpus := range [][]int{nil, before[:1], before[len(before)-1:], nil, {5000}, before[:1], {5000}} {
		p.SetPace(Pace{CPUs: cpus})
		want := cpus
		if cpus == nil || cpus[0] == 5000 { // there is no such CPU: better any than none
			want = before
		}
		for _, end := range []string{"", "panic", "cancel"} {
			ctx, cancel := context.WithCancel(context.Background())
			team, leave := p.Pass(ctx)
			var all sync.WaitGroup
			all.Add(workers)
			err := team.Run(workers, 1, meet(func(w int) {
				all.Done()
				all.Wait() // each has one
				if got := mask(t); !slices.Equal(got, want) {
					t.Errorf("worker %d is on %v, want %v", w, got, want)
				}
				switch {
				case end == "panic":
					panic(end)
				case end == "cancel":
					cancel()
				}
			}))
			if (err != nil) != (end != "") {
				t.Errorf("%q: %v", end, err)
			}
			leave()
			cancel()
			if got := mask(t); !slices.Equal(got, before) {
				t.Errorf("after the pass the caller is on %v, before on %v", got, before)
			}
		}
	}
	// In the middle of a pass.
	team, leave := p.Pass(context.Background())
	for _, cpus := range [][]int{before[:1], nil, before[:1]} {
		p.SetPace(Pace{CPUs: cpus})
		want := cpus
		if cpus == nil {
			want = before
		}
		team.Run(1, 1, meet(func(w int) {
			if got := mask(t); !slices.Equal(got, want) {
				t.Errorf("in a pass: worker %d is on %v, want %v", w, got, want)
			}
		}))
	}
	leave()
	if got := mask(t); !slices.Equal(got, before) {
		t.Errorf("at the end the caller is on %v, before on %v", got, before)
	}
}
