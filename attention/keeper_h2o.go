package attention

import "github.com/godwit-ai/godwit/internal/vec"

func init() {
	keepers.add("h2o", parseH2O, "h2o(90,every=64)", "h2o(130,window=40,sinks=0,recent=20,every=128,ada=0.2)")
}

// H2O keeps the heavy hitters: the rows with the largest sum of attention weights, over the queries that came since and the query
// heads of a group (arXiv 2306.14048). Half of the budget are the newest rows, as in the paper, since sums favour old ones.
type H2O struct {
	Keep   KeepBudget
	Window int // of the queries between two boundaries, the last so many are counted; 0: all
}

// Budget implements Keeper.
func (k H2O) Budget() KeepBudget { return k.Keep }

// Watch implements Watcher.
func (k H2O) Watch() (int, Watched) { return k.window(), Weights }

func (k H2O) window() int {
	if k.Window == 0 {
		return k.Keep.usual().Every
	}
	return k.Window
}

// Remembers implements Rememberer.
func (H2O) Remembers() {}

// Score implements Keeper.
func (k H2O) Score(dst []float32, e *Evidence) {
	for q := range e.Queries() {
		vec.Add(e.Memory, e.Query(q))
	}
	copy(dst, e.Memory)
}

func (k H2O) String() string {
	return k.Keep.text("h2o", half, unlessUsual("window", k.window(), k.Keep.usual().Every))
}

func half(n int) int { return n / 2 }

func parseH2O(a *args, _ Keeper) (Keeper, error) {
	k := H2O{Keep: parseBudget(a, half)}
	k.Window = a.whole("window", k.Keep.Every)
	return k, checkKeep(k)
}
