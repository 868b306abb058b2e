// Package topo finds out what CPUs this process may use, which of them are the same core, which are fast, and how much of their
// time it gets; and how many workers suit them.
//
// Nothing here fails: a file that is missing, damaged or hostile is as good as none, and in the end there is the number of CPUs
// that Go counts.
package topo

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
)

// CPU is one logical CPU that the process may use.
type CPU struct {
	ID     int
	Core   int     // the lowest ID of the hardware threads of its core, of those that may be used
	Speed  float64 // compared with the fastest that may be used, which has 1
	Little bool    // made to save power: not for work that somebody waits for
}

// Machine is what the process may use.
type Machine struct {
	Model string  // of the CPU, as the system names it; "" where it does not
	CPUs  []CPU   // by ID, one at least
	Quota float64 // CPUs' worth of time that the process gets; 0: all of it
}

// Flat is a machine of n CPUs of which nothing else is known.
func Flat(n int) *Machine {
	m := &Machine{}
	for i := range max(1, n) {
		m.CPUs = append(m.CPUs, CPU{ID: i, Core: i, Speed: 1})
	}
	return m
}

// Hybrid reports whether there are big and little CPUs, so that it matters where a worker runs.
func (m *Machine) Hybrid() bool {
	return slices.ContainsFunc(m.CPUs, func(c CPU) bool { return c.Little != m.CPUs[0].Little })
}

// Big returns the IDs of the CPUs that are not little, all of them where there is only one kind.
func (m *Machine) Big() []int { return m.ids(false) }

// Little returns the IDs of the little CPUs, none where there is only one kind.
func (m *Machine) Little() []int {
	if !m.Hybrid() {
		return nil
	}
	return m.ids(true)
}

func (m *Machine) ids(little bool) (ids []int) {
	hybrid := m.Hybrid()
	for _, c := range m.CPUs {
		if !hybrid || c.Little == little {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// cores counts the cores that some CPUs belong to.
func (m *Machine) cores(ids []int) int {
	seen := map[int]bool{}
	for _, c := range m.CPUs {
		if slices.Contains(ids, c.ID) {
			seen[c.Core] = true
		}
	}
	return len(seen)
}

// Most is the number of workers beyond which they only take time from each other: one for each CPU, no more than the quota is
// worth and no more than Go runs at once.
func (m *Machine) Most() int {
	n := min(len(m.CPUs), runtime.GOMAXPROCS(0))
	if m.Quota > 0 && m.Quota < float64(n) {
		n = int(m.Quota) // a worker that the quota stops for the rest of its period would stop all others
	}
	return max(1, n)
}

// Workers is the number that suits before anything was measured: one for each big core. Two hardware threads of a core share
// what a product needs, its arithmetic units and its way to memory, and a little core's last piece is what all wait for.
func (m *Machine) Workers() int { return min(m.cores(m.Big()), m.Most()) }

// LittleWorkers is Workers for work that nobody waits for: one for each little core, and a quarter of the cores, where all
// are alike.
func (m *Machine) LittleWorkers() int {
	if little := m.Little(); little != nil {
		return min(m.cores(little), m.Most())
	}
	return max(1, m.Workers()/4)
}

// Candidates are the numbers of workers among which a measurement should choose, ascending: the big cores, half and a
// quarter of them (memory may be busy with fewer), all cores, and all hardware threads.
func (m *Machine) Candidates() []int {
	all := m.ids(false)
	all = append(all, m.Little()...)
	big, most := m.cores(m.Big()), m.Most()
	list := []int{most}
	for _, n := range []int{big, big / 2, big / 4, m.cores(all)} {
		if n > 0 {
			list = append(list, min(n, most))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Pin returns the CPUs that n workers should stay on: the big ones, if they have room. It is nil where all CPUs are alike: the
// system knows better then, who else is there. Workers get all these CPUs together and not one each, so that the system can move
// one away from somebody else's work.
func (m *Machine) Pin(n int) []int {
	if big := m.Big(); m.Hybrid() && n <= len(big) {
		return big
	}
	return nil
}

// PinCores returns the first hardware thread of each core, if there are as many as n workers.
func (m *Machine) PinCores(n int) (ids []int) {
	for _, c := range m.CPUs {
		if c.ID == c.Core {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) < n {
		return nil
	}
	return ids
}

// Key names the machine, for what is remembered about it.
func (m *Machine) Key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s %s quota=%.2f procs=%d cpus=", runtime.GOOS, runtime.GOARCH, m.Model, m.Quota, runtime.GOMAXPROCS(0))
	for _, c := range m.CPUs {
		fmt.Fprintf(&b, "%d:%d:%.2f:%t,", c.ID, c.Core, c.Speed, c.Little)
	}
	return b.String()
}

// String describes the machine in one line.
func (m *Machine) String() string {
	var b strings.Builder
	if m.Model != "" {
		fmt.Fprintf(&b, "%s, ", m.Model)
	}
	part := func(ids []int, kind string) {
		cores := m.cores(ids)
		fmt.Fprintf(&b, "%d %score%s", cores, kind, plural(cores))
		if len(ids) > cores {
			fmt.Fprintf(&b, " with %d threads", len(ids))
		}
	}
	if m.Hybrid() {
		part(m.Big(), "big ")
		b.WriteString(" and ")
		part(m.Little(), "little ")
	} else {
		part(m.Big(), "")
	}
	if m.Quota > 0 {
		fmt.Fprintf(&b, ", time of %.3g", m.Quota)
	}
	return b.String()
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// Speeds of the slowest CPU that is not little, compared with the fastest one. Capacities measure work: the middle cores of phones have
// 0.65 and more, little ones less than 0.45. Clocks tell less: middle cores run at 0.85 of the fastest and more, as do cores that
// differ by luck of manufacture; little ones at 0.75 and less.
const (
	bigCapacity = 0.55
	bigClock    = 0.8
)

// classify fills in what follows from raw speeds, 0 where one is not known, and from the system's own word on some.
func (m *Machine) classify(speed []float64, limit float64, little map[int]bool) {
	top := 0.0
	for _, s := range speed {
		if s > 0 && !math.IsInf(s, 0) {
			top = max(top, s)
		}
	}
	for i := range m.CPUs {
		c := &m.CPUs[i]
		c.Speed = 1 // not known: no reason to avoid it
		if s := speed[i]; s > 0 && top > 0 {
			c.Speed = s / top
		}
		c.Little = c.Speed < limit || little[c.ID]
	}
	if !m.Hybrid() {
		for i := range m.CPUs {
			m.CPUs[i].Little = false
		}
	}
	slices.SortFunc(m.CPUs, func(a, b CPU) int { return cmp.Compare(a.ID, b.ID) })
}
