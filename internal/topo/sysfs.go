package topo

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	maxCPU  = 8192    // Linux has a limit of this size
	maxPath = 4096    // of Linux
	maxFile = 1 << 18 // of /proc/cpuinfo of 256 CPUs; the rest of a larger file is not read
)

// Linux finds out about a Linux machine from the files of its root, of the CPUs that the process may use. Without any, they are
// those that the files tell of.
func Linux(root fs.FS, allowed []int) *Machine {
	s := sysfs{root}
	ids := valid(allowed)
	if len(ids) == 0 {
		ids = valid(s.list("sys/devices/system/cpu/online"))
	}
	if len(ids) == 0 {
		ids = []int{0}
	}
	m := &Machine{Model: s.model(), Quota: s.quota()}
	capacity, clock := make([]float64, len(ids)), make([]float64, len(ids))
	known := 0 // capacities
	for i, id := range ids {
		m.CPUs = append(m.CPUs, CPU{ID: id, Core: s.core(id, ids)})
		dir := "sys/devices/system/cpu/cpu" + strconv.Itoa(id)
		capacity[i] = s.number(dir + "/cpu_capacity")
		clock[i] = s.number(dir + "/cpufreq/cpuinfo_max_freq")
		if capacity[i] > 0 {
			known++
		}
	}
	little := map[int]bool{}
	for _, id := range s.list("sys/devices/cpu_atom/cpus") { // hybrid Intel CPUs
		little[id] = true
	}
	// Of capacities that are all the same (x86 without hybrid support) the clocks may still tell; half a table tells nothing.
	if known == len(ids) && slices.Min(capacity) < slices.Max(capacity) {
		m.classify(capacity, bigCapacity, little)
	} else {
		m.classify(clock, bigClock, little)
	}
	return m
}

// valid sorts IDs and drops what can be none.
func valid(ids []int) []int {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id int) bool { return id < 0 || id >= maxCPU })
	slices.Sort(ids)
	return slices.Compact(ids)
}

type sysfs struct{ fs.FS }

// text returns a file's text; "" if there is none.
func (s sysfs) text(name string) string {
	f, err := s.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// number returns a file's positive number; 0 if it has none.
func (s sysfs) number(name string) float64 {
	n, err := strconv.ParseUint(s.text(name), 10, 40)
	if err != nil {
		return 0
	}
	return float64(n)
}

// list returns the numbers of a text such as "0-3,8"; none at all if any part of it is wrong.
func (s sysfs) list(name string) (ids []int) {
	text := s.text(name)
	if text == "" {
		return nil
	}
	for part := range strings.SplitSeq(text, ",") {
		a, b, span := strings.Cut(part, "-")
		lo, err := strconv.ParseUint(a, 10, 16)
		hi := lo
		if err == nil && span {
			hi, err = strconv.ParseUint(b, 10, 16)
		}
		if err != nil || hi < lo || hi >= maxCPU || len(ids) > maxCPU {
			return nil
		}
		for id := lo; id <= hi; id++ {
			ids = append(ids, int(id))
		}
	}
	return ids
}

// core returns the lowest ID of a CPU's hardware threads among ids. A list without the CPU itself is not believed.
func (s sysfs) core(id int, ids []int) int {
	dir := "sys/devices/system/cpu/cpu" + strconv.Itoa(id) + "/topology/"
	for _, name := range []string{"core_cpus_list", "thread_siblings_list"} { // the second is the old name
		list := s.list(dir + name)
		if !slices.Contains(list, id) {
			continue
		}
		for _, other := range ids { // ascending
			if slices.Contains(list, other) {
				return other
			}
		}
	}
	return id
}

// model returns the CPU's name, or the parts of an ARM chip, which has several kinds of cores and no name for all.
func (s sysfs) model() string {
	var names []string
	for line := range strings.Lines(s.text("proc/cpuinfo")) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "model name", "Hardware", "CPU part", "uarch", "cpu model":
			if v := strings.ToValidUTF8(strings.Join(strings.Fields(value), " "), "?"); v != "" && len(names) < 8 && !slices.Contains(names, v) {
				names = append(names, strings.ToValidUTF8(v[:min(len(v), 80)], ""))
			}
		}
	}
	return strings.Join(names, " ")
}

// quota returns the CPUs' worth of time that the process's control groups leave it; 0: no limit. Every group up to the root limits.
func (s sysfs) quota() (least float64) {
	take := func(q float64) {
		if q > 0 && (least == 0 || q < least) {
			least = q
		}
	}
	v1, v2 := s.groups()
	for _, m := range s.mounts() {
		group, of := v2, s.quota2
		if m.v1 {
			group, of = v1, s.quota1
		}
		dir := m.dir(group)
		for range 64 { // a path of more parts is cut
			take(of(dir))
			if dir == m.point || dir == "." || !strings.HasPrefix(dir, m.point) {
				break
			}
			dir = path.Dir(dir)
		}
	}
	return least
}

// groups returns the paths of the process's control group for CPU time, of version 1 and 2; "" for one that it has not.
func (s sysfs) groups() (v1, v2 string) {
	for line := range strings.Lines(s.text("proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) < 3 || !strings.HasPrefix(parts[2], "/") || len(parts[2]) > maxPath:
		case parts[0] == "0" && parts[1] == "":
			v2 = parts[2]
		case slices.Contains(strings.Split(parts[1], ","), "cpu"):
			v1 = parts[2]
		}
	}
	return v1, v2
}

// mount is a mounted tree of control groups.
type mount struct {
	point string // without the first slash
	root  string // the group that is mounted there
	v1    bool
}

// dir returns the folder of a group. Inside a container the path may be the host's, of which the mount shows a part only, or
// nothing: the mount's own folder is the nearest then.
func (m mount) dir(group string) string {
	rest, inside := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
	if !inside || rest != "" && rest[0] != '/' || strings.Contains(rest, "..") {
		return m.point
	}
	return path.Join(m.point, rest)
}

// mounts lists the trees that limit CPU time; without a table, where they usually are.
func (s sysfs) mounts() (list []mount) {
	for line := range strings.Lines(s.text("proc/self/mountinfo")) {
		left, right, found := strings.Cut(line, " - ")
		f, kind := strings.Fields(left), strings.Fields(right)
		if !found || len(f) < 5 || len(kind) < 3 || len(list) >= 16 {
			continue
		}
		m := mount{point: strings.TrimPrefix(path.Clean(f[4]), "/"), root: f[3]}
		switch m.v1 = kind[0] == "cgroup"; {
		case !fs.ValidPath(m.point) || m.point == ".":
		case kind[0] == "cgroup2", m.v1 && slices.Contains(strings.Split(kind[2], ","), "cpu"):
			list = append(list, m)
		}
	}
	if list == nil {
		list = []mount{{"sys/fs/cgroup", "/", false}, {"sys/fs/cgroup/cpu", "/", true}}
	}
	return list
}

// quota2 reads a group of version 2: "150000 100000" or "max 100000", microseconds of each period.
func (s sysfs) quota2(dir string) float64 {
	f := strings.Fields(s.text(dir + "/cpu.max"))
	if len(f) == 1 {
		f = append(f, "100000")
	}
	if len(f) != 2 {
		return 0
	}
	return part(f[0], f[1])
}

// quota1 reads one of version 1, where −1 is no limit.
func (s sysfs) quota1(dir string) float64 {
	return part(s.text(dir+"/cpu.cfs_quota_us"), s.text(dir+"/cpu.cfs_period_us"))
}

func part(quota, period string) float64 {
	q, err1 := strconv.ParseUint(quota, 10, 40)
	p, err2 := strconv.ParseUint(period, 10, 40)
	if err1 != nil || err2 != nil || p == 0 {
		return 0
	}
	return float64(q) / float64(p)
}
