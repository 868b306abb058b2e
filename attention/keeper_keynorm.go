package attention

func init() {
	keepers.add("keynorm", parseKeyNorm, "keynorm(90,every=64,merge)", "keynorm(130,sinks=0,recent=0,every=128)")
}

// KeyNorm keeps the rows whose keys have the smallest norms, which are those that get much attention (Devoto and others, arXiv
// 2406.11430). It looks at no query.
type KeyNorm struct{ Keep KeepBudget }

// Budget implements Keeper.
func (k KeyNorm) Budget() KeepBudget { return k.Keep }

// Score implements Keeper: −‖k‖².
func (KeyNorm) Score(dst []float32, e *Evidence) {
	clear(dst)
	for t := range e.Tiles() {
		keys, n := e.Keys(t)
		score := dst[t*Tile:][:n]
		for ; len(keys) > 0; keys = keys[Tile:] {
			for i := range score {
				score[i] -= float32(keys[i] * keys[i])
			}
		}
	}
}

func (k KeyNorm) String() string { return k.Keep.text("keynorm", usualRecent) }

func parseKeyNorm(a *args, _ Keeper) (Keeper, error) {
	k := KeyNorm{parseBudget(a, usualRecent)}
	return k, checkKeep(k)
}
