package attention

import "math"

func init() {
	keepers.add("keydiff", parseKeyDiff, "keydiff(90,every=64)", "keydiff(130,sinks=0,recent=0,every=128)")
}

// KeyDiff keeps the rows whose keys are least like the others: those of the smallest cosine with the mean of the normalised keys
// (arXiv 2504.15364). It looks at no query.
type KeyDiff struct{ Keep KeepBudget }

// Budget implements Keeper.
func (k KeyDiff) Budget() KeepBudget { return k.Keep }

// Score implements Keeper: −cos(k, m), m = Σ k/‖k‖. The norm of m is the same for all.
func (KeyDiff) Score(dst []float32, e *Evidence) {
	m, inv := e.Mean, e.Room
	clear(m)
	for t := range e.Tiles() {
		keys, n := e.Keys(t)
		inv := inv[t*Tile:][:n]
		clear(inv)
		for d := range m {
			for i, x := range keys[d*Tile:][:n] {
				inv[i] += float32(x * x)
			}
		}
		for i, x := range inv {
			if x > 0 {
				inv[i] = float32(1 / math.Sqrt(float64(x)))
			}
		}
		for d := range m {
			for i, x := range keys[d*Tile:][:n] {
				m[d] += float32(x * inv[i])
			}
		}
	}
	clear(dst)
	for t := range e.Tiles() {
		keys, n := e.Keys(t)
		score := dst[t*Tile:][:n]
		for d, a := range m {
			for i, x := range keys[d*Tile:][:n] {
				score[i] -= float32(x * a)
			}
		}
		for i := range score {
			score[i] *= inv[t*Tile+i]
		}
	}
}

func (k KeyDiff) String() string { return k.Keep.text("keydiff", usualRecent) }

func parseKeyDiff(a *args, _ Keeper) (Keeper, error) {
	k := KeyDiff{parseBudget(a, usualRecent)}
	return k, checkKeep(k)
}
