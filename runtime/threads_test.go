package runtime_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/internal/testmodel"
	"github.com/godwit-ai/godwit/runtime"
)

// TestThreadsMeasured: the number is measured in a short time, and remembered; a file that is damaged or cannot be written does not
// matter.
func TestThreadsMeasured(t *testing.T) {
	path := testmodel.Path(t, "smollm2:135m")
	file := filepath.Join(t.TempDir(), "threads.json")
	cpus := goruntime.GOMAXPROCS(0)
	try := func(file string) (runtime.ThreadsBy, time.Duration) {
		t.Helper()
		start := time.Now()
		m, err := runtime.Open(path, runtime.Options{Threads: runtime.ThreadsMeasured, ThreadsFile: file})
		took := time.Since(start)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if n := m.Threads(); n < 1 || n > cpus {
			t.Errorf("%d threads on %d CPUs", n, cpus)
		}
		return m.ThreadsBy(), took
	}
	by, took := try(file)
	if took > 2*time.Second { // 0.1 s; more on a busy machine
		t.Errorf("the first time: %v", took)
	}
	// On a busy machine, and where there is no choice, nothing is measured that could be remembered.
	if by != runtime.ThreadsNew && by != runtime.ThreadsCores {
		t.Errorf("the first time: %s", by)
	}
	again, _ := try(file)
	if by == runtime.ThreadsNew && again != runtime.ThreadsRemembered {
		t.Errorf("the second time: %s", again)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{file, t.TempDir(), filepath.Join(file, "x")} {
		if by, _ := try(f); by == runtime.ThreadsRemembered {
			t.Errorf("%s: %s", f, by)
		}
	}
	for _, o := range []runtime.Options{{Threads: -2}, {Threads: runtime.MaxThreads + 1}, {Power: 3}, {Power: -1}} {
		m, err := runtime.Open(path, o)
		if err == nil {
			m.Close()
			t.Errorf("%+v opened", o)
		}
		if o.Power != 0 && !errors.Is(err, runtime.ErrPower) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestPressureKeepsBits: profiles and pressures change while a session computes, from other goroutines, and no bit of the logits
// does.
func TestPressureKeepsBits(t *testing.T) {
	ctx := context.Background()
	m := small(t, "llama", runtime.Options{Threads: 4})
	run := func() string {
		s := session(t, m, runtime.SessionOptions{})
		ids := tokens(60, m.Info.Vocab, 1)
		if err := s.Feed(ctx, ids[:20], nil); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids[20:] {
			if err := s.Feed(ctx, []int32{id}, nil); err != nil {
				t.Fatal(err)
			}
		}
		return s.Stats().LogitsHash
	}
	want := run()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			m.SetPressure(runtime.Pressure(i%6 - 1)) // two of them outside
			if err := m.SetPower(runtime.Power(i % 4)); (err != nil) != (i%4 == 3) || err != nil && !errors.Is(err, runtime.ErrPower) {
				t.Error(err)
			}
		}
	}()
	for range 3 {
		if got := run(); got != want {
			t.Errorf("logits %s, want %s", got, want)
		}
	}
	close(stop)
	<-stopped
}

// TestCancelInRest: a generation that rests, as it does most of the time under critical pressure, ends at once when it is cancelled.
func TestCancelInRest(t *testing.T) {
	m := small(t, "llama", runtime.Options{Threads: 2, Power: runtime.PowerBackground})
	m.SetPressure(runtime.PressureCritical)
	s := session(t, m, runtime.SessionOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Millisecond) // after about 30 it rests
	defer cancel()
	start := time.Now()
	var err error
	for err == nil && time.Since(start) < 10*time.Second {
		if s.Len() >= s.Context()-1 {
			if err = s.Rewind(context.Background(), 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		err = s.Feed(ctx, []int32{1}, nil)
	}
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
