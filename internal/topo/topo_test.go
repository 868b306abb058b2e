package topo

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// tree is a stub of a machine's files.
type tree fstest.MapFS

func (t tree) put(name, text string) tree {
	t[name] = &fstest.MapFile{Data: []byte(text + "\n")}
	return t
}

// cpu adds files of one CPU below its folder.
func (t tree) cpu(id int, files map[string]string) tree {
	for name, text := range files {
		t.put(fmt.Sprintf("sys/devices/system/cpu/cpu%d/%s", id, name), text)
	}
	return t
}

// phone has clusters of cores that share a capacity and a clock in kHz.
func phone(clusters ...[3]int) tree {
	t, id := tree{}, 0
	for _, c := range clusters {
		for range c[0] {
			files := map[string]string{"topology/core_cpus_list": fmt.Sprint(id)}
			if c[1] > 0 {
				files["cpu_capacity"] = fmt.Sprint(c[1])
			}
			if c[2] > 0 {
				files["cpufreq/cpuinfo_max_freq"] = fmt.Sprint(c[2])
			}
			t.cpu(id, files)
			id++
		}
	}
	return t.put("sys/devices/system/cpu/online", fmt.Sprintf("0-%d", id-1))
}

// smt is a desktop or server: cores with two threads each, whose IDs are apart by step, then single ones.
func smt(pairs, step, singles int, clockBig, clockLittle int) tree {
	t, n := tree{}, 0
	for c := range pairs {
		a, b := c, c+step
		if step == 1 {
			a, b = 2*c, 2*c+1
		}
		for _, id := range []int{a, b} {
			t.cpu(id, map[string]string{"topology/thread_siblings_list": fmt.Sprintf("%d,%d", a, b), "cpufreq/cpuinfo_max_freq": fmt.Sprint(clockBig)})
			n++
		}
	}
	for range singles {
		t.cpu(n, map[string]string{"topology/thread_siblings_list": fmt.Sprint(n), "cpufreq/cpuinfo_max_freq": fmt.Sprint(clockLittle)})
		n++
	}
	return t.put("sys/devices/system/cpu/online", fmt.Sprintf("0-%d", n-1))
}

func span(lo, hi int) (ids []int) {
	for id := lo; id <= hi; id++ {
		ids = append(ids, id)
	}
	return ids
}

// procs lets Go run as many goroutines at once as the stub machines have CPUs.
func procs(t *testing.T, n int) {
	old := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

func TestMachines(t *testing.T) {
	procs(t, 256)
	hybrid := smt(6, 1, 8, 5_200_000, 3_900_000)
	lucky := smt(8, 1, 0, 5_700_000, 0).cpu(0, map[string]string{"cpufreq/cpuinfo_max_freq": "5480000"}) // one kind, two grades
	quota := func(t tree, max string) tree {
		return t.put("proc/self/cgroup", "0::/").put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw").
			put("sys/fs/cgroup/cpu.max", max)
	}
	for _, c := range []struct {
		name        string
		root        tree
		allowed     []int
		big, little []int
		workers     int
		candidates  []int
	}{
		{"phone 4+4", phone([3]int{4, 414, 1_800_000}, [3]int{4, 1024, 2_800_000}), span(0, 7), span(4, 7), span(0, 3), 4, []int{1, 2, 4, 8}},
		{"phone 4+3+1", phone([3]int{4, 325, 1_800_000}, [3]int{3, 871, 2_400_000}, [3]int{1, 1024, 2_800_000}), span(0, 7), span(4, 7), span(0, 3), 4, []int{1, 2, 4, 8}},
		{"phone 4+2+2, weak middle", phone([3]int{4, 250, 0}, [3]int{2, 664, 0}, [3]int{2, 1024, 0}), span(0, 7), span(4, 7), span(0, 3), 4, []int{1, 2, 4, 8}},
		{"phone without capacities", phone([3]int{4, 0, 1_800_000}, [3]int{3, 0, 2_420_000}, [3]int{1, 0, 2_840_000}), span(0, 7), span(4, 7), span(0, 3), 4, []int{1, 2, 4, 8}},
		{"phone in the background", phone([3]int{4, 325, 0}, [3]int{4, 1024, 0}), span(0, 3), span(0, 3), nil, 4, []int{1, 2, 4}},
		{"phone with one big core left", phone([3]int{4, 325, 0}, [3]int{4, 1024, 0}), []int{0, 1, 7}, []int{7}, []int{0, 1}, 1, []int{1, 3}},
		{"phone of equal cores", phone([3]int{8, 1024, 2_000_000}), span(0, 7), span(0, 7), nil, 8, []int{2, 4, 8}},
		{"hybrid desktop by clocks", hybrid, span(0, 19), span(0, 11), span(12, 19), 6, []int{1, 3, 6, 14, 20}},
		{"hybrid desktop by name", smt(6, 1, 8, 5_200_000, 5_000_000).put("sys/devices/cpu_atom/cpus", "12-19"), span(0, 19), span(0, 11), span(12, 19), 6, []int{1, 3, 6, 14, 20}},
		{"desktop of two grades", lucky, span(0, 15), span(0, 15), nil, 8, []int{2, 4, 8, 16}},
		{"server", smt(32, 32, 0, 0, 0), span(0, 63), span(0, 63), nil, 32, []int{8, 16, 32, 64}},
		{"server, a core and a half", smt(32, 32, 0, 0, 0), []int{3, 35, 4}, []int{3, 4, 35}, nil, 2, []int{1, 2, 3}},
		{"two virtual CPUs of one core", smt(1, 1, 0, 0, 0), span(0, 1), span(0, 1), nil, 1, []int{1, 2}},
		{"container of 0.5", quota(smt(32, 32, 0, 0, 0), "50000 100000"), span(0, 63), span(0, 63), nil, 1, []int{1}},
		{"container of 1.5", quota(smt(32, 32, 0, 0, 0), "150000 100000"), span(0, 63), span(0, 63), nil, 1, []int{1}},
		{"container of 6", quota(smt(32, 32, 0, 0, 0), "600000 100000"), span(0, 63), span(0, 63), nil, 6, []int{6}},
		{"container without limit", quota(smt(2, 2, 0, 0, 0), "max 100000"), span(0, 3), span(0, 3), nil, 2, []int{1, 2, 4}},
		{"no files, mask", tree{}, span(2, 5), span(2, 5), nil, 4, []int{1, 2, 4}},
		{"no files, no mask", tree{}, nil, []int{0}, nil, 1, []int{1}},
		{"online only", phone([3]int{4, 0, 0}), nil, span(0, 3), nil, 4, []int{1, 2, 4}},
	} {
		m := Linux(fstest.MapFS(c.root), c.allowed)
		if !slices.Equal(m.Big(), c.big) || !slices.Equal(m.Little(), c.little) || m.Hybrid() != (c.little != nil) {
			t.Errorf("%s: big %v, little %v; want %v and %v", c.name, m.Big(), m.Little(), c.big, c.little)
		}
		if m.Workers() != c.workers || !slices.Equal(m.Candidates(), c.candidates) {
			t.Errorf("%s: %d workers of %v, want %d of %v", c.name, m.Workers(), m.Candidates(), c.workers, c.candidates)
		}
		pin := c.big
		if c.little == nil {
			pin = nil
		}
		if !slices.Equal(m.Pin(m.Workers()), pin) || m.Pin(len(c.big)+1) != nil {
			t.Errorf("%s: pinned to %v, with more workers %v", c.name, m.Pin(m.Workers()), m.Pin(len(c.big)+1))
		}
	}
}

// TestGoLimit: no more workers than Go runs goroutines at once.
func TestGoLimit(t *testing.T) {
	procs(t, 3)
	m := Flat(8)
	if m.Most() != 3 || m.Workers() != 3 || slices.Max(m.Candidates()) != 3 {
		t.Errorf("%d, %d, %v with GOMAXPROCS=3", m.Most(), m.Workers(), m.Candidates())
	}
}

func TestLittleWorkers(t *testing.T) {
	procs(t, 256)
	for name, c := range map[string]struct {
		root tree
		n    int
		want int
	}{
		"phone":  {phone([3]int{4, 300, 0}, [3]int{4, 1024, 0}), 8, 4},
		"server": {smt(32, 32, 0, 0, 0), 64, 8},
		"small":  {phone([3]int{2, 0, 0}), 2, 1},
	} {
		if got := Linux(fstest.MapFS(c.root), span(0, c.n-1)).LittleWorkers(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestQuotas(t *testing.T) {
	v2 := "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
	v1 := "33 32 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  float64
	}{
		{"none", map[string]string{"proc/self/cgroup": "0::/", "proc/self/mountinfo": v2}, 0},
		{"v2", map[string]string{"proc/self/cgroup": "0::/", "proc/self/mountinfo": v2, "sys/fs/cgroup/cpu.max": "150000 100000"}, 1.5},
		{"v2, a parent is narrower", map[string]string{"proc/self/cgroup": "0::/a/b/c", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/a/b/c/cpu.max": "400000 100000", "sys/fs/cgroup/a/cpu.max": "50000 100000", "sys/fs/cgroup/a/b/cpu.max": "max 100000"}, 0.5},
		{"v2, a child is narrower", map[string]string{"proc/self/cgroup": "0::/a/b", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/a/b/cpu.max": "50000 100000", "sys/fs/cgroup/a/cpu.max": "400000 100000"}, 0.5},
		{"v2, the host's path in a container", map[string]string{"proc/self/cgroup": "0::/host/x", "sys/fs/cgroup/cpu.max": "300000 100000",
			"proc/self/mountinfo": "30 23 0:26 /host/x /sys/fs/cgroup ro - cgroup2 cgroup rw"}, 3},
		{"v2, a path outside of the mount", map[string]string{"proc/self/cgroup": "0::/../../x", "sys/fs/cgroup/cpu.max": "300000 100000",
			"proc/self/mountinfo": "30 23 0:26 /host/x /sys/fs/cgroup ro - cgroup2 cgroup rw"}, 3},
		{"v2, no period", map[string]string{"proc/self/cgroup": "0::/", "proc/self/mountinfo": v2, "sys/fs/cgroup/cpu.max": "200000"}, 2},
		{"v1", map[string]string{"proc/self/cgroup": "4:cpu,cpuacct:/docker/x\n0::/", "proc/self/mountinfo": v1,
			"sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "250000", "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000"}, 2.5},
		{"v1 without limit", map[string]string{"proc/self/cgroup": "4:cpu,cpuacct:/", "proc/self/mountinfo": v1,
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}, 0},
		{"both, no table of mounts", map[string]string{"sys/fs/cgroup/cpu.max": "400000 100000",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 1},
		{"no period at all", map[string]string{"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000"}, 0},
		{"period 0", map[string]string{"sys/fs/cgroup/cpu.max": "100000 0"}, 0},
		{"words", map[string]string{"sys/fs/cgroup/cpu.max": "many of them"}, 0},
		{"negative", map[string]string{"sys/fs/cgroup/cpu.max": "-5 100000"}, 0},
		{"enormous", map[string]string{"sys/fs/cgroup/cpu.max": "99999999999999999999999 1"}, 0},
		{"mount outside of the root", map[string]string{"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "100000 100000",
			"proc/self/mountinfo": "30 23 0:26 / ../../sys rw - cgroup2 cgroup2 rw\n1 2 3 - \n- cgroup2\nx"}, 1},
	} {
		root := tree{}
		for name, text := range c.files {
			root.put(name, text)
		}
		if got := Linux(fstest.MapFS(root), []int{0}).Quota; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestDamaged gives every file of a machine bad contents, one at a time and all at once: what is left must make sense.
func TestDamaged(t *testing.T) {
	procs(t, 256)
	good := func() tree {
		return smt(4, 1, 4, 5_000_000, 3_000_000).put("proc/cpuinfo", "model name : A CPU").put("proc/self/cgroup", "0::/").
			put("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw").put("sys/fs/cgroup/cpu.max", "max 100000").
			put("sys/devices/cpu_atom/cpus", "8-11")
	}
	bad := []string{"", "\x00\xff", "-", ",", "0-", "-1", "0-4294967295", "0-8191", "3-1", "1,,2", "99999999999999999999", "NaN", "1e9", "../../..",
		strings.Repeat("0-8191,", 50_000), strings.Repeat("a b - c\n", 50_000), "0::/" + strings.Repeat("a/", 100_000)}
	check := func(what string, root tree) {
		t.Helper()
		m := Linux(fstest.MapFS(root), span(0, 11))
		if len(m.CPUs) != 12 || m.Workers() < 1 || m.Workers() > 12 || m.Most() > 12 || len(m.Big()) < 1 {
			t.Errorf("%s: %d CPUs, %d workers of at most %d", what, len(m.CPUs), m.Workers(), m.Most())
		}
		for _, c := range m.CPUs {
			if c.Core < 0 || c.Core > c.ID || !(c.Speed > 0 && c.Speed <= 1) {
				t.Errorf("%s: %+v", what, c)
			}
		}
		if n := len(m.Key()) + len(m.String()); n > 4000 {
			t.Errorf("%s: a name of %d bytes", what, n)
		}
	}
	if m := Linux(fstest.MapFS(good()), span(0, 11)); m.Workers() != 4 || m.String() != "A CPU, 4 big cores with 8 threads and 4 little cores" {
		t.Fatalf("%d workers on %s", m.Workers(), m)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for name := range good() {
		for _, text := range bad {
			check(fmt.Sprintf("%s = %.20q", name, text), good().put(name, text))
		}
		root := good()
		delete(root, name)
		check(name+" is missing", root)
		check(name+" is a folder", root.put(name+"/x", ""))
	}
	for range 50 {
		root := good()
		for name := range root {
			root.put(name, bad[rng.IntN(len(bad))])
		}
		check("all", root)
	}
	for _, ids := range [][]int{{-1, 9000, 3, 3}, {1 << 40}, nil} {
		m := Linux(fstest.MapFS(good()), ids)
		if len(m.CPUs) < 1 || len(m.CPUs) > 12 {
			t.Errorf("mask %v: %d CPUs", ids, len(m.CPUs))
		}
	}
}

func TestDarwin(t *testing.T) {
	procs(t, 256)
	m4 := map[string]int{"hw.nperflevels": 2, "hw.perflevel0.physicalcpu": 4, "hw.perflevel0.logicalcpu": 4, "hw.perflevel1.physicalcpu": 6,
		"hw.perflevel1.logicalcpu": 6}
	for name, c := range map[string]struct {
		cpus        int
		number      map[string]int
		big, little int
		workers     int
	}{
		"apple silicon":    {10, m4, 4, 6, 4},
		"intel":            {8, map[string]int{"hw.physicalcpu": 4}, 8, 0, 4},
		"nothing":          {8, nil, 8, 0, 8},
		"more than all":    {6, m4, 6, 0, 6},
		"fewer than all":   {12, m4, 12, 0, 12},
		"levels of no end": {4, map[string]int{"hw.nperflevels": 1 << 30}, 4, 0, 4},
	} {
		m := darwin("A chip", c.cpus, func(name string) int { return c.number[name] })
		if len(m.Big()) != c.big || len(m.Little()) != c.little || m.Workers() != c.workers || m.Model != "A chip" {
			t.Errorf("%s: %d big, %d little, %d workers", name, len(m.Big()), len(m.Little()), m.Workers())
		}
	}
}

// TestHere: this machine makes sense too.
func TestHere(t *testing.T) {
	m := Default()
	if n := m.Workers(); n < 1 || n > runtime.NumCPU() || len(m.CPUs) != runtime.NumCPU() || m.Most() > runtime.GOMAXPROCS(0) {
		t.Errorf("%s: %d workers, %d CPUs, Go counts %d", m, n, len(m.CPUs), runtime.NumCPU())
	}
	if m != Default() || m.Key() == Flat(200).Key() {
		t.Error(m.Key())
	}
}

func TestLoaded(t *testing.T) {
	for text, want := range map[string]bool{"0.08 0.02 0.01 1/123 4567\n": false, "1.93 0.4 0.1 3/99 1\n": true, "": false, "x": false, "NaN 1 1": false} {
		if got := Loaded(fstest.MapFS{"proc/loadavg": {Data: []byte(text)}}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if Loaded(fstest.MapFS{}) {
		t.Error("without a file")
	}
}
