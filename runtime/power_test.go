package runtime

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/topo"
)

// phone has four little cores, 0 to 3, and four big ones.
func phone(t *testing.T) *topo.Machine {
	root := fstest.MapFS{}
	for id, capacity := range []string{"300", "300", "300", "300", "1024", "1024", "1024", "1024"} {
		root["sys/devices/system/cpu/cpu"+string(rune('0'+id))+"/cpu_capacity"] = &fstest.MapFile{Data: []byte(capacity)}
	}
	m := topo.Linux(root, []int{0, 1, 2, 3, 4, 5, 6, 7})
	if !m.Hybrid() {
		t.Fatal(m)
	}
	return m
}

// TestPace: what profiles and pressures mean for four workers of a phone and eight of a desktop.
func TestPace(t *testing.T) {
	little, big := []int{0, 1, 2, 3}, []int{4, 5, 6, 7}
	const ms = time.Millisecond
	for _, c := range []struct {
		name          string
		c             pacing
		phone, others par.Pace
	}{
		{"as it comes", pacing{}, par.Pace{Workers: 4, CPUs: big}, par.Pace{Workers: 8}},
		{"performance", pacing{power: PowerPerformance}, par.Pace{Workers: 4, CPUs: big, Spin: par.SpinLong}, par.Pace{Workers: 8, Spin: par.SpinLong}},
		{"background", pacing{power: PowerBackground}, par.Pace{Workers: 1, CPUs: little, Spin: par.SpinShort, Work: 30 * ms, Rest: 70 * ms},
			par.Pace{Workers: 1, Spin: par.SpinShort, Work: 30 * ms, Rest: 70 * ms}},
		{"unbound", pacing{pin: PinOff}, par.Pace{Workers: 4}, par.Pace{Workers: 8}},
		{"unbound background", pacing{pin: PinOff, power: PowerBackground}, par.Pace{Workers: 1, Spin: par.SpinShort, Work: 30 * ms, Rest: 70 * ms},
			par.Pace{Workers: 1, Spin: par.SpinShort, Work: 30 * ms, Rest: 70 * ms}},
		{"bound", pacing{pin: PinOn}, par.Pace{Workers: 4, CPUs: big}, par.Pace{Workers: 8, CPUs: []int{0, 1, 2, 3, 4, 5, 6, 7}}},
		{"fair", pacing{pressure: PressureFair}, par.Pace{Workers: 3, CPUs: big, Spin: par.SpinShort}, par.Pace{Workers: 6, Spin: par.SpinShort}},
		{"serious", pacing{pressure: PressureSerious, power: PowerPerformance}, par.Pace{Workers: 2, CPUs: big, Spin: par.SpinShort, Work: 60 * ms, Rest: 40 * ms},
			par.Pace{Workers: 4, Spin: par.SpinShort, Work: 60 * ms, Rest: 40 * ms}},
		{"critical", pacing{pressure: PressureCritical}, par.Pace{Workers: 1, CPUs: big, Spin: par.SpinShort, Work: 30 * ms, Rest: 70 * ms},
			par.Pace{Workers: 1, Spin: par.SpinShort, Work: 30 * ms, Rest: 70 * ms}},
		{"serious in the background", pacing{pressure: PressureSerious, power: PowerBackground},
			par.Pace{Workers: 1, CPUs: little, Spin: par.SpinShort, Work: 30 * ms, Rest: 70 * ms},
			par.Pace{Workers: 1, Spin: par.SpinShort, Work: 30 * ms, Rest: 70 * ms}},
	} {
		for n, want := range map[*topo.Machine]par.Pace{phone(t): c.phone, topo.Flat(8): c.others} {
			got := c.c.pace(n, map[bool]int{true: 4, false: 8}[n.Hybrid()])
			if n.Hybrid() && c.c.power == PowerBackground {
				want.Workers = min(4, n.LittleWorkers()) // by how many goroutines run at once here
			} else if c.c.power == PowerBackground {
				want.Workers = n.LittleWorkers()
			}
			if got.Workers != want.Workers || !slices.Equal(got.CPUs, want.CPUs) || got.Spin != want.Spin || got.Work != want.Work || got.Rest != want.Rest {
				t.Errorf("%s on %s: %+v, want %+v", c.name, n, got, want)
			}
		}
	}
}

// TestPressureFalls: no level and no profile lets more work than a milder one.
func TestPressureFalls(t *testing.T) {
	share := func(p par.Pace) float64 {
		if p.Rest == 0 {
			return float64(p.Workers)
		}
		return float64(p.Workers) * float64(p.Work) / float64(p.Work+p.Rest)
	}
	for n := 1; n <= 20; n++ {
		for power := range Power(len(powerNames)) {
			last := 1e9
			for level := PressureNone; level <= PressureCritical; level++ {
				p := pacing{power: power, pressure: level}.pace(topo.Flat(n), n)
				if s := share(p); s > last || p.Workers < 1 || p.Workers > n {
					t.Errorf("%d workers, %v, pressure %d: %+v, %.2f after %.2f", n, power, level, p, s, last)
				} else {
					last = s
				}
			}
			if last > 0.3 {
				t.Errorf("%d workers, %v, critical: %.2f workers' time", n, power, last)
			}
		}
	}
}

func TestPowerNames(t *testing.T) {
	for _, name := range powerNames {
		if p, err := ParsePower(name); err != nil || p.String() != name {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if _, err := ParsePower("Balanced"); !errors.Is(err, ErrPower) {
		t.Error(err)
	}
	if Power(7).String() != "power profile 7" || Power(-1).String() != "power profile -1" {
		t.Error(Power(7), Power(-1))
	}
}

// TestThreads: what the options say, on a machine that is not this one.
func TestThreads(t *testing.T) {
	m := &Model{}
	file := filepath.Join(t.TempDir(), "threads.json")
	eight := topo.Flat(2)
	for _, c := range []struct {
		o    Options
		n    int
		by   ThreadsBy
		memo int // what is in the file before
	}{
		{Options{}, eight.Workers(), ThreadsCores, 0},
		{Options{Threads: 5}, 5, ThreadsGiven, 0},
		{Options{Threads: 5, ThreadsFile: file}, 5, ThreadsGiven, 1},
		{Options{ThreadsFile: file}, eight.Workers(), ThreadsCores, 1},
		{Options{Threads: ThreadsMeasured, ThreadsFile: file}, 1, ThreadsRemembered, 1},
	} {
		if c.memo > 0 {
			topo.Memo{Path: file}.Put(memoKey(eight), c.memo)
		}
		if n, by := m.threads(c.o, eight); (n != c.n || by != c.by) && eight.Most() > 1 {
			t.Errorf("%+v: %d, %s; want %d, %s", c.o, n, by, c.n, c.by)
		}
	}
	if n, by := m.threads(Options{Threads: ThreadsMeasured}, topo.Flat(1)); n != 1 || by != ThreadsCores {
		t.Errorf("on one CPU: %d, %s", n, by)
	}
}
