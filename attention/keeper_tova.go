package attention

import "github.com/godwit-ai/godwit/internal/vec"

func init() {
	keepers.add("tova", parseTOVA, "tova(90,every=64)", "tova(130,sinks=0,recent=1,every=128)")
}

// TOVA keeps the rows that the last query attends to most, by the mean over all heads of the layer, which all keep the same rows
// (token omission via attention, arXiv 2401.06104).
type TOVA struct{ Keep KeepBudget }

// Budget implements Keeper.
func (k TOVA) Budget() KeepBudget { return k.Keep }

// Watch implements Watcher.
func (TOVA) Watch() (int, Watched) { return 1, Weights }

// Shares implements Sharer.
func (TOVA) Shares() {}

// Score implements Keeper.
func (TOVA) Score(dst []float32, e *Evidence) {
	clear(dst)
	for q := range e.Queries() {
		vec.Add(dst, e.Query(q))
	}
}

func (k TOVA) String() string { return k.Keep.text("tova", usualRecent) }

func parseTOVA(a *args, _ Keeper) (Keeper, error) {
	k := TOVA{parseBudget(a, usualRecent)}
	return k, checkKeep(k)
}
