package attention

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/godwit-ai/godwit/seq"
)

// Keeper says which rows of a KV head stay when its budget is full; the others are forgotten. Rows go at fixed places of the
// session, when a row at a multiple of KeepBudget.Every is about to come and more than KeepBudget.Rows are held, so that what is
// forgotten does not depend on the steps. Each KV head may keep other rows.
type Keeper interface {
	Budget() KeepBudget
	// Score says how much each row is worth: dst[n], for the rows of one KV head. It must not allocate.
	Score(dst []float32, e *Evidence)
	String() string
}

// KeepBudget is what keepers have in common.
type KeepBudget struct {
	Rows   int // rows of a KV head that stay
	Sinks  int // of these, the first ones of the session always do (StreamingLLM, arXiv 2309.17453)
	Recent int // and the newest ones
	Every  int // rows between two times that rows are forgotten, a multiple of Tile; at most Rows + Every are held

	// Ada lets the KV heads share their rows: those of the highest scores of all heads stay, but of each head at least this part
	// of Rows. 0: each head has Rows of its own.
	Ada float64

	Merge bool // rows that go are merged into like ones that stay
}

// Watcher is a Keeper that judges rows by queries.
type Watcher interface {
	// Watch returns how many rows before a boundary have their queries kept, at most KeepBudget.Every, and what of them Score
	// is given.
	Watch() (rows int, what Watched)
}

// Watched is what Evidence.Query returns.
type Watched int

const (
	Weights Watched = iota // the softmax of a query's logits, 0 for rows that it does not see
	Ahead                  // logits as if the query came at a mean position after the boundary
)

// aheadRows and aheadStep are the positions after the boundary that Ahead takes the mean of, as in the paper on Expected
// Attention, which takes every one of the next 512.
const aheadRows, aheadStep = 32, 16

// Rememberer is a Keeper that keeps a number with every row, which Score finds in Evidence.Memory and changes.
type Rememberer interface{ Remembers() }

// Sharer is a Keeper whose heads all keep the same rows, those of the best mean score.
type Sharer interface{ Shares() }

// Surprised is a Keeper that judges rows by their tokens' −ln p. A step may then not have rows on both sides of a boundary.
type Surprised interface{ Surprised() }

// Evidence is what a Keeper may know of the rows of a KV head, n of them, in order.
type Evidence struct {
	End      seq.Pos   // the boundary: the row that comes next
	Rows     []seq.Pos // [n] which rows they are, ascending
	Memory   []float32 // [n] what a Rememberer keeps with them; 0 for rows that are judged for the first time
	Surprise []float32 // [rows that are judged for the first time] −ln p of the tokens of these, the last ones; for one that is Surprised
	Spare    []uint64  // [n] scratch
	Room     []float32 // [n] more of it
	Mean     []float32 // [Dim] and more

	core   *Core
	s      *state
	head   int
	logits []float32 // [queries, stride]
	stride int
	key    []float32 // [Dim, Tile]
	value  []float32 // [Tile, VDim]
}

// Queries returns how many queries a Watcher is given: those of each row in order, one for each head of the group.
func (e *Evidence) Queries() int { return len(e.logits) / max(e.stride, 1) }

// Group returns the query heads of the KV head.
func (e *Evidence) Group() int { return e.core.group }

// Query returns what a query has for each row. [n]
func (e *Evidence) Query(i int) []float32 { return e.logits[i*e.stride:][:len(e.Rows)] }

// Keys returns the keys of the rows from 64·tile on, positions applied, one dimension after the other, and how many they are.
// They are in the codec's basis, which has the same norms and products. [Dim, Tile], valid until the next call.
func (e *Evidence) Keys(tile int) (keys []float32, n int) {
	n = min(Tile, len(e.Rows)-tile*Tile)
	k, _ := e.s.tile(tile, e.head)
	e.core.key.Get(e.key, k, n)
	return e.key, n
}

// Values returns the values of the rows from 64·tile on, and how many they are. [Tile, VDim], valid until the next call.
func (e *Evidence) Values(tile int) (values []float32, n int) {
	n = min(Tile, len(e.Rows)-tile*Tile)
	_, v := e.s.tile(tile, e.head)
	e.core.value.Get(e.value, v, n)
	return e.value, n
}

// Tiles returns the number of tiles that Keys and Values have.
func (e *Evidence) Tiles() int { return tiles(len(e.Rows)) }

// usualEvery is the rows between two evictions: as many as a session takes at once.
const usualEvery = 256

// usual fills in what is not set.
func (b KeepBudget) usual() KeepBudget {
	if b.Every == 0 {
		b.Every = usualEvery
	}
	return b
}

func (b KeepBudget) check() error {
	switch {
	case b.Rows < 1 || b.Rows > 1<<30 || b.Sinks < 0 || b.Recent < 0:
		return fmt.Errorf("a budget of %d rows, %d first and %d newest ones, is not possible", b.Rows, b.Sinks, b.Recent)
	case b.Every < Tile || b.Every%Tile != 0 || b.Every > 1<<20:
		return fmt.Errorf("every=%d is not a multiple of %d", b.Every, Tile)
	case !(b.Ada >= 0 && b.Ada <= 1):
		return fmt.Errorf("ada=%v is not from 0 to 1", b.Ada)
	case b.Sinks+b.Recent >= b.Rows:
		return fmt.Errorf("%d first and %d newest rows leave none of %d to choose", b.Sinks, b.Recent, b.Rows)
	}
	return nil
}

// next returns the first boundary after a row at which rows may go.
func (b KeepBudget) next(row int) int { return (max(row, b.Rows)/b.Every + 1) * b.Every }

// held returns how many rows there are when that of position row is stored, its own included.
func (b KeepBudget) held(row int) int {
	if end := row / b.Every * b.Every; end > b.Rows {
		return b.Rows + row - end + 1
	}
	return row + 1
}

// usualSinks are the first rows that stay, as many as the paper on attention sinks found to be needed.
const usualSinks = 4

// usualRecent returns the newest rows that stay of so many.
func usualRecent(rows int) int { return min(64, rows/4) }

// parseBudget reads a keeper's arguments: the rows, sinks=, recent= and every=.
func parseBudget(a *args, recent func(rows int) int) KeepBudget {
	b := KeepBudget{Rows: int(a.count())}
	b.Sinks, b.Recent, b.Every = a.whole("sinks", usualSinks), a.whole("recent", recent(b.Rows)), a.whole("every", usualEvery)
	b.Ada, b.Merge = a.number("ada", 0), a.flag("merge")
	return b
}

// text prints a keeper: what is not usual of its budget, then what else it has.
func (b KeepBudget) text(name string, recent func(rows int) int, more ...string) string {
	own := append(more, unlessUsual("sinks", b.Sinks, usualSinks), unlessUsual("recent", b.Recent, recent(b.Rows)),
		unlessUsual("every", b.usual().Every, usualEvery), optNum("ada", b.Ada), optFlag("merge", b.Merge))
	return term(name, append([]string{strconv.Itoa(b.Rows)}, own...)...)
}

// unlessUsual prints key=n unless n is what the text means without it.
func unlessUsual(key string, n, usual int) string {
	if n == usual {
		return ""
	}
	return key + "=" + strconv.Itoa(n)
}

func init() {
	keepers.add("none", func(*args, Keeper) (Keeper, error) { return nil, nil }, "none")
}

// checkKeep says why a keeper cannot be.
func checkKeep(k Keeper) error {
	b := k.Budget().usual()
	if err := b.check(); err != nil {
		return err
	}
	if _, ok := k.(Sharer); ok && b.Ada != 0 {
		return errors.New("ada is for heads that keep different rows")
	}
	if w, ok := k.(Watcher); ok {
		if rows, _ := w.Watch(); rows < 1 || rows > b.Every {
			return fmt.Errorf("the queries of %d rows are not between 1 and every=%d", rows, b.Every)
		}
	}
	return nil
}
