package attention

import "fmt"

func init() {
	keepers.add("fifo", parseFIFO, "fifo(90,every=64)")
	keepers.add("lra", parseUsed("lra"), "lra(90,top=8,every=64)", "lra(130,window=20,sinks=0,recent=20,every=128)")
	keepers.add("lfa", parseUsed("lfa"), "lfa(90,top=8,every=64)", "lfa(130,window=20,sinks=0,recent=20,every=128)")
}

// FIFO keeps the newest rows, and the first.
type FIFO struct{ Keep KeepBudget }

// Budget implements Keeper.
func (k FIFO) Budget() KeepBudget { return k.Keep }

// Score implements Keeper.
func (FIFO) Score(dst []float32, _ *Evidence) {
	for i := range dst {
		dst[i] = float32(i)
	}
}

func (k FIFO) String() string { return k.Keep.text("fifo", usualRecent) }

func parseFIFO(a *args, _ Keeper) (Keeper, error) {
	k := FIFO{parseBudget(a, usualRecent)}
	return k, checkKeep(k)
}

// Used keeps the rows that were attended to most recently ("lra"), or most often ("lfa"), as caches of memory do (Attendre, arXiv
// 2401.04881). A query attends to the Top rows of its largest weights. Of the queries between two boundaries, the last Window
// are asked.
type Used struct {
	Keep   KeepBudget
	Often  bool // by how often, not how recently
	Top    int
	Window int
}

// Budget implements Keeper.
func (k Used) Budget() KeepBudget { return k.Keep }

// Watch implements Watcher.
func (k Used) Watch() (int, Watched) { return k.Window, Weights }

// Remembers implements Rememberer.
func (Used) Remembers() {}

// Score implements Keeper. What is remembered is the number of the last row that attended, at first the row itself; or how many
// did.
func (k Used) Score(dst []float32, e *Evidence) {
	if !k.Often {
		for i, row := range e.Rows {
			e.Memory[i] = max(e.Memory[i], float32(row))
		}
	}
	for q := range e.Queries() {
		w := e.Query(q)
		least := kth(e.Room[:copy(e.Room, w)], min(k.Top, len(w)))
		row := int(e.End) - k.Window + q/e.Group()
		for i, x := range w {
			switch {
			case x < least || x == 0:
			case k.Often:
				e.Memory[i]++
			default:
				e.Memory[i] = max(e.Memory[i], float32(row))
			}
		}
	}
	copy(dst, e.Memory)
}

// kth returns the k-th largest of x, k from 1 on, by Hoare's selection. It changes the order of x.
func kth(x []float32, k int) float32 {
	lo, hi := 0, len(x)-1
	for lo < hi {
		pivot := x[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for i <= hi && x[i] > pivot {
				i++
			}
			for j >= lo && x[j] < pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k-1 <= j:
			hi = j
		case k-1 >= i:
			lo = i
		default:
			return x[k-1]
		}
	}
	return x[lo]
}

func (k Used) name() string {
	if k.Often {
		return "lfa"
	}
	return "lra"
}

func (k Used) String() string {
	return k.Keep.text(k.name(), usualRecent, unlessUsual("top", k.Top, 64), unlessUsual("window", k.Window, 32))
}

func parseUsed(name string) func(a *args, _ Keeper) (Keeper, error) {
	return func(a *args, _ Keeper) (Keeper, error) {
		k := Used{Keep: parseBudget(a, usualRecent), Often: name == "lfa", Top: a.whole("top", 64), Window: a.whole("window", 32)}
		if k.Top < 1 {
			return nil, fmt.Errorf("top=%d is less than one", k.Top)
		}
		return k, checkKeep(k)
	}
}
