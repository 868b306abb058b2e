//go:build long && linux

package godwit_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// busyLoop keeps a CPU busy until standard input ends: what TestLongBusyCore starts this program for.
func busyLoop(cpu string) {
	if n := int(cpu[0] - '0'); n < 8 {
		var set unix.CPUSet
		set.Set(n)
		unix.SchedSetaffinity(0, &set) // all threads that come after inherit it; the loop is on this one or on such a one
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for n := uint(0); ; n++ {
		spun = n
	}
}

var spun uint

func init() {
	if cpu := os.Getenv("GODWIT_TEST_BUSY"); cpu != "" {
		busyLoop(cpu)
	}
}

// busy runs a busy loop on a CPU, "9": on any, until the returned function is called.
func busy(t *testing.T, cpu string) (stop func()) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "GODWIT_TEST_BUSY="+cpu)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		in.Close()
		c.Wait()
	}
}

// TestLongBusyCore: with another program keeping one of two cores busy, decoding keeps 40% of its speed at least.
func TestLongBusyCore(t *testing.T) {
	ctx := context.Background()
	m, err := godwit.Open(testmodel.Path(t, smollm2), godwit.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession(godwit.SessionOptions{Context: 512})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Feed(ctx, make([]int32, 64), nil); err != nil {
		t.Fatal(err)
	}
	speed := func() float64 { // tokens per second
		const n = 64
		if err := s.Rewind(ctx, 64, nil); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range n {
			if err := s.Feed(ctx, []int32{1}, nil); err != nil {
				t.Fatal(err)
			}
		}
		return n / time.Since(start).Seconds()
	}
	for _, cpu := range []string{"0", "1", "9"} {
		var quiet, loaded, share []float64
		for range 9 {
			speed()
			q := speed()
			stop := busy(t, cpu)
			time.Sleep(50 * time.Millisecond) // it has begun
			l := speed()
			stop()
			quiet, loaded, share = append(quiet, q), append(loaded, l), append(share, l/q)
		}
		median := func(x []float64) float64 { return slices.Sorted(slices.Values(x))[len(x)/2] }
		t.Logf("CPU %s busy: %.1f tokens per second of %.1f; pairs: median %.0f%%, %.0f%% to %.0f%%", cpu, median(loaded), median(quiet),
			100*median(share), 100*slices.Min(share), 100*slices.Max(share))
		if median(share) < 0.4 {
			t.Errorf("CPU %s busy: decoding keeps %.0f%% of its speed, want 40%% at least", cpu, 100*median(share))
		}
	}
}
