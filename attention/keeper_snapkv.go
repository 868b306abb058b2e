package attention

import (
	"fmt"
	"strconv"

	"github.com/godwit-ai/godwit/internal/vec"
)

func init() {
	keepers.add("snapkv", parseSnapKV, "snapkv(90,window=16,sinks=2,recent=20,every=64)", "snapkv(130,window=64,pool=1,sinks=0,recent=64,every=128)",
		"snapkv(90,window=16,recent=20,every=64,ada=0.3,merge)")
}

// SnapKV keeps the rows that the last Window queries attend to, votes being pooled over Pool neighbours, so that what
// surrounds a looked-up row stays with it (arXiv 2404.14469). The paper prunes a prompt once; here it is done again at every
// boundary. Scores are the mean over the queries and over the query heads of a group.
type SnapKV struct {
	Keep   KeepBudget
	Window int // queries that vote
	Pool   int // rows of a neighbourhood, an odd number; 1: none
}

// Budget implements Keeper.
func (k SnapKV) Budget() KeepBudget { return k.Keep }

// Watch implements Watcher.
func (k SnapKV) Watch() (int, Watched) { return k.Window, Weights }

// Score implements Keeper.
func (k SnapKV) Score(dst []float32, e *Evidence) {
	votes := e.Room
	clear(votes)
	for q := range e.Queries() {
		vec.Add(votes, e.Query(q))
	}
	// The maximum over a neighbourhood.
	for i := range dst {
		dst[i] = vec.Max(votes[max(0, i-k.Pool/2):min(len(votes), i+k.Pool/2+1)])
	}
}

func (k SnapKV) String() string {
	return k.Keep.text("snapkv", usualRecent, unlessUsual("window", k.Window, 32), unlessUsual("pool", k.Pool, 7))
}

func parseSnapKV(a *args, _ Keeper) (Keeper, error) {
	k := SnapKV{Keep: parseBudget(a, usualRecent), Window: a.whole("window", 32), Pool: a.whole("pool", 7)}
	if k.Pool%2 != 1 {
		return nil, fmt.Errorf("pool=%s is not odd", strconv.Itoa(k.Pool))
	}
	return k, checkKeep(k)
}
