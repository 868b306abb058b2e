//go:build unix

package par_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/godwit-ai/godwit/mmap"
)

// cpuTime is the CPU time of this process.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestIdleWorkersPark: between tasks and between passes a pool takes no CPU time.
func TestIdleWorkersPark(t *testing.T) {
	p := newPool(t, 4)
	team, leave := p.Pass(context.Background())
	if err := team.Run(100, 1, nothing{}); err != nil {
		t.Fatal(err)
	}
	for _, between := range []string{"tasks", "passes"} {
		if between == "passes" {
			leave()
		}
		runtime.GC()
		time.Sleep(50 * time.Millisecond) // long enough to stop spinning
		before := cpuTime(t)
		time.Sleep(300 * time.Millisecond)
		if used := cpuTime(t) - before; used > 100*time.Millisecond { // a spinning worker takes 300
			t.Errorf("between %s: %v of CPU time in 300ms", between, used)
		}
	}
	// A caller that waits for a slow worker parks too.
	team, leave = p.Pass(context.Background())
	defer leave()
	before := cpuTime(t)
	err := team.Run(2, 1, task(func(w, lo, hi int) {
		if lo == 0 {
			time.Sleep(300 * time.Millisecond)
		}
	}))
	if used := cpuTime(t) - before; err != nil || used > 150*time.Millisecond {
		t.Errorf("waiting for a worker: %v, %v of CPU time in 300ms", err, used)
	}
}

func init() { unreadable = truncated }

func truncated(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := mmap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	return f.Bytes()
}
