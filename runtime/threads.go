package runtime

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/topo"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// ThreadsMeasured is the Options.Threads that has the number of workers measured at the first use of a machine, in less than
// 150 ms, and remembered from then on.
const ThreadsMeasured = -1

// ThreadsBy says where a model's number of workers comes from.
type ThreadsBy string

// The ways to a number of workers.
const (
	ThreadsGiven      ThreadsBy = "given"      // by the caller
	ThreadsCores      ThreadsBy = "cores"      // one for each big core that the process may use
	ThreadsNew        ThreadsBy = "measured"   // just now
	ThreadsRemembered ThreadsBy = "remembered" // measured before
)

// Machine describes the CPUs that this process may use.
func Machine() string { return topo.Default().String() }

// threads chooses the number of workers.
func (m *Model) threads(o Options, machine *topo.Machine) (int, ThreadsBy) {
	usual := min(machine.Workers(), MaxThreads)
	if o.Threads == 0 {
		return usual, ThreadsCores
	}
	if o.Threads != ThreadsMeasured {
		return o.Threads, ThreadsGiven
	}
	counts := machine.Candidates()
	counts = slices.DeleteFunc(counts, func(n int) bool { return n > MaxThreads })
	if len(counts) < 2 {
		return usual, ThreadsCores
	}
	memo, key := topo.Memo{Path: threadsFile(o.ThreadsFile)}, memoKey(machine)
	if n := memo.Get(key, slices.Max(counts)); n > 0 {
		return n, ThreadsRemembered
	}
	var n int
	if err := par.Guard(func() error { n = measure(decoding(m.file), counts); return nil }); err != nil || n == 0 {
		return usual, ThreadsCores
	}
	if n < usual && topo.Loaded(os.DirFS("/")) {
		return usual, ThreadsCores // another program had a core, and will not have it forever
	}
	memo.Put(key, n)
	return n, ThreadsNew
}

// threadsFile is where numbers are remembered; "": nowhere.
func threadsFile(path string) string {
	if path != "" {
		return path
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "godwit", "threads.json")
}

// memoKey names what the best number depends on: the machine, the kernels, the program.
func memoKey(machine *topo.Machine) string {
	h := fnv.New64a()
	h.Write([]byte(machine.Key()))
	return fmt.Sprintf("%s, %s, %s, %016x", machine, cpu.Best(), programVersion(), h.Sum64())
}

// programVersion is that of this module in the program, or its commit.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	const module = "github.com/godwit-ai/godwit"
	for _, d := range info.Deps {
		if d.Path == module {
			return d.Version + d.Sum
		}
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v
}

const (
	measureLeast = 4 << 20  // bytes of weights below which a token is too short to tell anything
	measureAll   = 64 << 20 // that are read at most, in turns
	measureTurn  = 16 << 20 // that one turn reads: some 30 regions, 1 ms on a fast machine and 8 on a phone
	measurePart  = 1 << 20  // that one product reads at most, like those of a model of 1,000 columns

	measureWarm   = 60 * time.Millisecond // for the first reading; it takes longer when the file comes from the disk
	measureBudget = 80 * time.Millisecond // for the turns
)

// decoding returns matrices of the file, in its order, like those that a token is multiplied by.
func decoding(f *gguf.File) (list []quant.Matrix) {
	total := 0
	for i := range f.Tensors {
		m, err := f.Tensors[i].Matrix()
		if err != nil || m.Rows < 16 || m.Cols < 16 || total >= measureAll {
			continue
		}
		step := max(16, measurePart/m.RowBytes())
		for r := 0; r < m.Rows && total < measureAll && r < 16*step; r += step { // no more of an embedding, whose rows are not all read
			part := m.Slice(r, min(r+step, m.Rows))
			list, total = append(list, part), total+len(part.Data)
		}
	}
	if total < measureLeast {
		return nil
	}
	return list
}

// measure returns the best of some numbers of workers for products with one row of activations; 0 if it cannot tell in time.
func measure(list []quant.Matrix, counts []int) int {
	if list == nil {
		return 0
	}
	d := &decoder{list: list, pools: map[int]*par.Pool{}}
	rows := 0
	for _, m := range list {
		rows, d.cols = max(rows, m.Rows), max(d.cols, m.Cols)
	}
	d.x, d.y = make([]float32, d.cols), make([]float32, rows)
	for i := range d.x {
		d.x[i] = float32(i%7) - 3
	}
	for _, n := range counts {
		p := par.NewPool(n)
		defer p.Close()
		d.pools[n] = p
	}
	start := time.Now()
	for range list { // pages come from the file
		if !d.product(slices.Max(counts)) || time.Since(start) > measureWarm {
			return 0
		}
	}
	trial := topo.Trial{Counts: counts, Budget: measureBudget, Run: d.turn}
	best := trial.Choose()
	for _, p := range d.pools {
		if p.Absent() > measureBudget/16 { // another program is busy now, and not forever
			return 0
		}
	}
	return best
}

// decoder multiplies one row by matrices, one after the other, over and over.
type decoder struct {
	list  []quant.Matrix
	next  int
	pools map[int]*par.Pool
	cols  int
	x     []float32 // [cols]
	y     []float32 // [most rows of a matrix]
	in    quant.Input
	mem   seq.Arena
}

func (d *decoder) turn(n int) bool {
	for done := 0; done < measureTurn; {
		done += len(d.list[d.next].Data)
		if !d.product(n) {
			return false
		}
	}
	return true
}

// product multiplies by the next matrix, with n workers.
func (d *decoder) product(n int) bool {
	m := d.list[d.next]
	d.next = (d.next + 1) % len(d.list)
	team, done := d.pools[n].Pass(context.Background())
	defer done()
	mark := d.mem.Mark()
	defer d.mem.Release(mark)
	return d.in.Set(d.x, 1, m.Cols, false, team, &d.mem) == nil &&
		quant.Mul(&d.in, team, &d.mem, quant.Job{M: m, Y: d.y[:m.Rows], Stride: m.Rows}) == nil
}
