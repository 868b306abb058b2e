package attention

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

func init() {
	keepers.add("expected", parseExpected, "expected(90,every=64)", "expected(130,window=40,sinks=0,recent=20,every=128)")
}

// Expected keeps the rows that queries to come will attend to most, if these are distributed as the last Window ones were
// (Expected Attention, arXiv 2510.00636). A logit is then normal, and the mean of its exponential e^(mean + variance/2), which is
// normalised over the rows, averaged over the query heads of a group and multiplied with the norm of the value. Queries are
// at the mean of the next 512 positions, of which every 16th is taken.
type Expected struct {
	Keep   KeepBudget
	Window int // queries that stand for those to come
}

// Budget implements Keeper.
func (k Expected) Budget() KeepBudget { return k.Keep }

// Watch implements Watcher.
func (k Expected) Watch() (int, Watched) { return k.Window, Ahead }

// Score implements Keeper.
func (k Expected) Score(dst []float32, e *Evidence) {
	clear(dst)
	group := e.Group()
	part := float32(group) / float32(e.Queries())
	for h := range group {
		mean, variance := e.Room, e.Query(h)
		clear(mean)
		for q := h; q < e.Queries(); q += group {
			vec.Add(mean, e.Query(q))
		}
		vec.Scale(mean, part)
		for q := h; q < e.Queries(); q += group {
			for i, x := range e.Query(q) {
				d := x - mean[i]
				if q == h {
					variance[i] = 0
				}
				variance[i] += float32(d * d)
			}
		}
		for i, x := range variance {
			if mean[i] != minusInf { // which a row that is not seen has
				mean[i] += float32(x * part / 2)
			}
		}
		vec.Softmax(mean)
		vec.Add(dst, mean)
	}
	for t := range e.Tiles() {
		values, n := e.Values(t)
		dim := len(values) / Tile
		for i := range n {
			sum := float32(0)
			for _, x := range values[i*dim:][:dim] {
				sum += float32(x * x)
			}
			dst[t*Tile+i] *= float32(math.Sqrt(float64(sum)))
		}
	}
}

func (k Expected) String() string {
	return k.Keep.text("expected", usualRecent, unlessUsual("window", k.Window, 64))
}

func parseExpected(a *args, _ Keeper) (Keeper, error) {
	k := Expected{Keep: parseBudget(a, usualRecent), Window: a.whole("window", 64)}
	return k, checkKeep(k)
}
