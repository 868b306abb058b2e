package attention

import (
	"fmt"
	"strconv"
)

func init() {
	folds.add("gist", parseGist, "gist(r=4,sinks=10,window=16,chunk=32)", "gist(r=3,sinks=0,window=0,chunk=1,token=7)", "gist(r=8,sinks=70,window=64)")
}

// Gist puts a row behind every R tokens that stands for them once they are dropped, in the manner of UniGist (arXiv 2509.15763): a query
// sees the first tokens, all gists, and the tokens of the last units. All gists are the same vector, at the position of the token behind.
type Gist struct {
	R      int // tokens for each gist
	Sinks  int // first tokens of the session, which stay
	Window int // tokens of the units before the query's own that it still sees: whole units only
	Chunk  int // tokens that may come at once; the ring of the last tokens is made for that
	Token  int // whose embedding a gist is; −1: the model has a vector for it
}

const usualChunk = 256

// Folding implements Fold.
func (g Gist) Folding() Folding {
	return Folding{First: g.Sinks, Unit: g.R, After: 1, Token: int32(g.Token)}
}

// Parts implements Parter.
func (g Gist) Parts() (back, chunk int) { return g.Window / g.R, g.Chunk }

func (g Gist) String() string {
	return term("gist", fmt.Sprintf("r=%d", g.R), fmt.Sprintf("sinks=%d", g.Sinks), fmt.Sprintf("window=%d", g.Window),
		unlessUsual("chunk", g.Chunk, usualChunk), tokenText(g.Token))
}

func tokenText(id int) string {
	if id < 0 {
		return ""
	}
	return "token=" + strconv.Itoa(id)
}

func parseGist(a *args, _ Fold) (Fold, error) {
	g := Gist{R: atLeast1(a, "r", 4), Sinks: a.whole("sinks", 128), Window: a.whole("window", 128), Chunk: atLeast1(a, "chunk", usualChunk), Token: a.whole("token", -1)}
	if most := 1 << 20; max(g.R, g.Sinks, g.Window, g.Chunk) > most {
		return nil, fmt.Errorf("r, sinks, window and chunk are at most %d", most)
	}
	return g, nil
}
