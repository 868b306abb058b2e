//go:build long && linux

package godwit_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/godwit-ai/godwit"
	"github.com/godwit-ai/godwit/internal/testmodel"
)

// TestLongPower measures what docs/POWER.md says: speed and processor time of the profiles, pressures and pinning, which take turns;
// fewer with -short.
func TestLongPower(t *testing.T) {
	ctx := context.Background()
	kinds := []struct {
		name     string
		o        godwit.Options
		pressure godwit.Pressure
		most     float64 // CPUs that it keeps busy
	}{
		{"balanced", godwit.Options{}, godwit.PressureNone, 2.1},
		{"performance", godwit.Options{Power: godwit.PowerPerformance}, godwit.PressureNone, 2.1},
		{"background", godwit.Options{Power: godwit.PowerBackground}, godwit.PressureNone, 0.4},
		{"bound", godwit.Options{Pin: godwit.PinOn}, godwit.PressureNone, 2.1},
		{"fair", godwit.Options{}, godwit.PressureFair, 2.1},
		{"serious", godwit.Options{}, godwit.PressureSerious, 0.75},
		{"critical", godwit.Options{}, godwit.PressureCritical, 0.4},
	}
	type result struct {
		s        *godwit.Session
		speed    []float64 // tokens per second
		busy     []float64 // CPUs
		perToken []float64 // ms of processor time
	}
	results := make([]result, len(kinds))
	for i, k := range kinds {
		k.o.Threads = 2
		m, err := godwit.Open(testmodel.Path(t, smollm2), k.o)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		m.SetPressure(k.pressure)
		s, err := m.NewSession(godwit.SessionOptions{Context: 512})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Feed(ctx, make([]int32, 64), nil); err != nil {
			t.Fatal(err)
		}
		results[i].s = s
	}
	turns := 11
	if testing.Short() {
		turns = 3
	}
	for range turns {
		for i := range kinds {
			r := &results[i]
			if err := r.s.Rewind(ctx, 64, nil); err != nil {
				t.Fatal(err)
			}
			const n = 48
			start, cpu := time.Now(), cpuTime(t)
			for range n {
				if err := r.s.Feed(ctx, []int32{1}, nil); err != nil {
					t.Fatal(err)
				}
			}
			took, used := time.Since(start).Seconds(), (cpuTime(t) - cpu).Seconds()
			r.speed, r.busy, r.perToken = append(r.speed, n/took), append(r.busy, used/took), append(r.perToken, 1e3*used/n)
		}
	}
	median := func(x []float64) float64 { return slices.Sorted(slices.Values(x))[len(x)/2] }
	want := results[0].s.Stats().LogitsHash
	for i, k := range kinds {
		r := &results[i]
		t.Logf("| %s | %.0f | %.2f | %.1f |", k.name, median(r.speed), median(r.busy), median(r.perToken))
		if got := r.s.Stats().LogitsHash; got != want {
			t.Errorf("%s: logits %s, want %s", k.name, got, want)
		}
		if b := median(r.busy); b > k.most {
			t.Errorf("%s keeps %.2f CPUs busy, want %.2f at most", k.name, b, k.most)
		}
	}
}
