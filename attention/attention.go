// Package attention is softmax attention over a token's past, as a composition of independent parts: a Span says which
// positions a query may see, a Scheme how positions enter the score, a Temperature how sharp it is, a Codec how rows of keys and
// values are stored, a Layout where they live, a Selector which of them are worth reading, a Keeper which of them are forgotten when
// there are too many, a Fold which rows stand for others that are dropped, a Far at which positions those that are not near are met, a
// Grouping which rows are a sequence of their own.
// One loop (attend.go) runs every combination; a Plan names the parts of every layer and has a text form.
//
// A part is one file: span_*.go, scheme_*.go, scaling_*.go, ids_*.go, far_*.go, temp_*.go, codec_*.go, layout_*.go,
// select_*.go, keeper_*.go, fold_*.go, group_*.go. It registers its name in init
// (registry.go); from then on plans can name it, and the conformance suite tests it with every other part.
package attention

import (
	"errors"
	"fmt"
	"slices"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// Tile is the number of consecutive rows that are stored, read and softmaxed together. Tile t holds the rows at
// positions [64t, 64t+64), wherever it lives, so that the order of a row's additions never depends on the storage.
const Tile = vec.TileCols

// Span says which positions a query may see.
type Span interface {
	// Sees is the definition: whether the query at q sees the key at k ≤ q. Tests compare everything else with it.
	Sees(q, k seq.Pos) bool
	// Runs appends the visible positions of [0, hi) for the query at q: sorted, disjoint runs. hi is q+1 in causal
	// attention.
	Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run
	String() string
}

// Reacher is a Span that sees only the first positions and those near the query: it can live in a ring.
type Reacher interface {
	// Reach returns (first, back): the query at q sees nothing outside [0, first) and (q−back, q].
	Reach() (first, back seq.Pos)
}

// Reach is how far a layer's spans see: the query at q sees nothing outside [0, First) and (q−Back, q].
type Reach struct {
	First, Back seq.Pos
	Bounded     bool // false: anything
}

// tile reports whether the query at q sees anything of a tile.
func (r Reach) tile(t, q int) bool {
	return !r.Bounded || t*Tile < int(r.First) || (t+1)*Tile > q-int(r.Back)+1
}

// Codec says how rows of keys or values are stored. The two are stored differently: a tile of keys is kept dimension by
// dimension, so that a vector register holds one value of many keys and no dot product ends in a sum across lanes.
type Codec interface {
	Keys(dim int) (Rows, error)   // for keys of dim values; an error when they do not fit
	Values(dim int) (Rows, error) // for values of dim values
	String() string
}

// Rows is a codec made for the keys or the values of one width.
type Rows interface {
	Size() int // bytes of a tile: Tile rows of one head
	// Put encodes x[dim], in the basis of the tiles, as a row of the tile. Rows of one tile may be put by several goroutines at once.
	Put(tile []byte, row int, x []float32)
	// Get decodes a tile: keys into dst[dim, Tile], values into dst[Tile, dim]. Only the first n rows need to be right.
	Get(dst []float32, tile []byte, n int)
}

// Multiplier is Rows whose tiles can be multiplied as they are stored, which is faster than Get for a few queries. The
// bits must be those of Get and vec.MulAdd.
type Multiplier interface {
	// MulAdd adds a[m, k]·b[k, n] to c[m, n], b being the tile ([dim, Tile] of keys, [Tile, dim] of values) from the
	// first-th of its rows on. Rows of c and a lie ldc and lda elements apart.
	MulAdd(c, a []float32, tile []byte, first, m, k, n, lda, ldc int)
}

// Integers is Rows whose tiles hold integers with scales. Unless a step is exact, queries, or the weights of values, are
// quantised too and multiplied as integers, which is several times as fast as Get and vec.MulAdd.
type Integers interface {
	// Ints returns a tile of keys as panels [Tile/16, dim/4, 16, 4] with scales [Tile/16, dim/32, 16], dim rounded up to a
	// multiple of 32; one of values as panels [dim/16, Tile/4, 16, 4], dim rounded up to a multiple of 16, with scales [Tile].
	// They lie in the tile, or are unpacked to room.
	Ints(tile []byte, room []int8) (ints []int8, scales []uint16)
	Room() int // length of room
}

// Nibbles is Integers that few query rows multiply as they are stored.
type Nibbles interface {
	Integers
	// Nibbles returns a tile of keys as panels for i8.Dot4, dim a multiple of 64, one of values as panels for i8.MulAdd4, dim a
	// multiple of 32; nil for other dims.
	Nibbles(tile []byte) (nibbles []byte, scales []uint16)
}

// Channels is Integers of keys with a scale and an offset for each channel instead of scales for rows: channel c of a key is its
// integer times scale[c], plus low[c]. Ints are the same panels, Nibbles panels for i8.MulAdd4.
type Channels interface {
	Integers
	Channels(tile []byte, scale, low []float32) // sets [padded dim]
}

// TurnedKeys is Rows of keys in another basis than the layer's, which may be each KV head's own. dst has room for a vector and is
// another one than x.
type TurnedKeys interface {
	Turn(dst, x []float32, head int) // a key, into the basis of the tiles
	Meet(dst, q []float32, head int) // a query, so that its products with turned keys are those with the keys
}

// TurnedValues is the same of values.
type TurnedValues interface {
	Turn(dst, x []float32, head int) // a value, into the basis of the tiles
	Back(dst, x []float32, head int) // sums of values, out of it
}

// turning is what the two share.
type turning interface {
	Turn(dst, x []float32, head int)
}

// Narrow is Rows of fewer coordinates than a vector has: the others count as 0, and Get sets them to that. Products have so many
// terms, or results, as there are.
type Narrow interface {
	Width() int
}

// Sealer is Rows that encode a tile at once, when it is full, so that a channel's scale can be one for all its rows. Until then,
// and as long as a query is close, rows are read from the layer's near store.
type Sealer interface {
	Rows
	// Seal encodes a tile: of keys x[dim, Tile], of values x[Tile, dim], in the basis of the tiles.
	Seal(tile []byte, x []float32)
}

// Layout says where tiles live.
type Layout interface {
	// Place returns the placement for sessions of at most maxLen rows in steps of at most maxChunk; an error that
	// says why when the layout cannot serve that reach.
	Place(r Reach, maxLen, maxChunk int) (Placement, error)
	String() string
}

// Placement maps tiles to slots of storage.
type Placement interface {
	Slots() int        // tiles of storage at most
	Slot(tile int) int // where a tile lives, in [0, Slots())
	// Held returns which tiles are intact when top is the newest ever written: [0, first) and [from, top].
	Held(top int) (first, from int)
}

// Mover is Rows that can copy a row as it is stored, from one tile to another.
type Mover interface {
	Move(dst []byte, to int, src []byte, from int)
}

// Scheme says how positions enter queries and keys.
type Scheme interface {
	Fit(dim int) (Positioner, error) // the scheme made for heads of dim values; nil: nothing to do
	String() string
}

// Positioner puts positions into query and key vectors.
type Positioner interface {
	Width() int                       // floats that Row writes
	Row(dst []float32, pos seq.Pos)   // what the position contributes, shared by all heads of a row
	Apply(x []float32, row []float32) // applies it to one head's vector, in place
}

// Numbering gives rows other positions than their own, which are put into queries and keys instead. Spans and temperatures go by
// the row's own.
type Numbering interface {
	Fit() (Numbers, error)
	String() string
}

// Numbers is a Numbering made ready.
type Numbers interface {
	At(pos seq.Pos) seq.Pos // rises with pos
}

// Biased is a Scheme that adds to the logits.
type Biased interface {
	Bias(heads int) (Biaser, error) // for so many query heads
}

// Biaser adds to the logits of queries what depends on their positions and those of keys. A key beyond the query, which only
// positions that do not rise have, counts as one at the query's own position.
type Biaser interface {
	Width() int // floats that Row writes for each key
	// Row writes what the positions contribute, shared by all heads, to dst[Width, len(keys)].
	Row(dst []float32, q seq.Pos, keys []seq.Pos)
	// Add adds the biases of a query head to its logits of the same keys. What a logit gets depends on nothing but the two positions.
	Add(logits []float32, head int, row []float32)
}

// maxDistance is the largest distance that biases tell from farther ones: float32 has all whole numbers up to it.
const maxDistance = 1 << 24

// distance is how far a key lies behind a query.
func distance(q, k seq.Pos) int { return max(int(q)-int(k), 0) }

// Temperature says by what the dot products of a query are multiplied. It enters the query, so that keys that are stored stay
// as they are.
type Temperature interface {
	// Factor is that of a query head at a position: above 0, and the same bits on every CPU.
	Factor(head int, pos seq.Pos) float32
	Check(heads int) error // whether it can serve so many query heads
	String() string
}

// maxTemp bounds the factors of temperatures.
const maxTemp = 1000

// Score turns dot products into logits: Softcap·tanh(q·k·Scale/Softcap).
type Score struct {
	Scale   float32   // 0: 1/√Dim
	Softcap float32   // 0: none
	Sinks   []float32 // [Heads] logits that take part in the softmax and have no value; nil: none
}

// Layer is the plan of one attention layer. The zero value of each part is the usual one.
type Layer struct {
	Span   []Span      // one for all KV heads, or one per KV head; nil: full
	Pos    Scheme      // nil: none
	Ids    Numbering   // nil: a row's position is its own
	Temp   Temperature // nil: 1
	Key    Codec       // nil: f16
	Value  Codec       // nil: f16
	Near   Span        // rows that queries read from a second store; nil: what Far or a codec usually has, else none
	NearKV Codec       // how those are stored; nil: f16
	Far    Far         // positions of rows that are not near; nil: their own
	Layout Layout      // nil: grouped with a Group, folded with a Fold that lets go of tokens, kept with a Keep, mixed when some heads see less than others, ring when the span is bounded, else grow
	Select []Selector  // one, or one for each KV head, of which nil reads all that a query may see; empty: all heads do
	Keep   Keeper      // nil: nothing is forgotten that the span sees
	Fold   Fold        // nil: no rows stand for others
	Group  Grouping    // nil: all rows are one sequence
	Score  Score
	Bases  *LayerBases // what Calibrated codecs need; nil: none
}

// Shape is what the model fixes about an attention layer.
type Shape struct {
	Layer   int // index in the model, for errors
	Heads   int // query heads
	KVHeads int // key and value heads; Heads is a multiple
	Dim     int // width of a query or key head
	VDim    int // width of a value head; 0: Dim
}

// ErrCompose is wrapped by the errors of parts that do not fit each other or the model's shape.
var ErrCompose = errors.New("these parts do not compose")

// String names the shape in errors.
func (s Shape) String() string {
	return fmt.Sprintf("%d/%d heads of %d/%d", s.Heads, s.KVHeads, s.Dim, s.VDim)
}

func (s Shape) check() error {
	const most = 1 << 16
	if min(s.Heads, s.KVHeads, s.Dim, s.VDim) < 1 || max(s.Heads, s.KVHeads, s.Dim, s.VDim) > most || s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("attention layer %d: the shape %s is not possible", s.Layer, s)
	}
	return nil
}

// reach returns how far the layer's spans see together.
func (l Layer) reach() Reach { return reach(l.Span) }

func reach(spans []Span) Reach {
	r := Reach{Bounded: len(spans) > 0}
	for _, s := range spans {
		b, ok := s.(Reacher)
		if !ok {
			return Reach{}
		}
		first, back := b.Reach()
		r.First, r.Back = max(r.First, first), max(r.Back, back)
	}
	return r
}

// differs reports whether spans of the KV heads reach differently far.
func (l Layer) differs() bool {
	return slices.ContainsFunc(l.Span, func(s Span) bool { return reach([]Span{s}) != reach(l.Span[:1]) })
}

// filled returns the layer with every part named.
func (l Layer) filled() Layer {
	if len(l.Span) == 0 {
		l.Span = []Span{Full{}}
	}
	if l.Pos == nil {
		l.Pos = None{}
	}
	if of, ok := l.Pos.(Infused); ok {
		l.Span = placed(l.Span, of.With(Projected{}).(Infused))
	}
	if l.Key == nil {
		l.Key = F16{}
	}
	if l.Value == nil {
		l.Value = F16{}
	}
	if l.Near == nil {
		l.Near = l.usualNear()
	}
	if l.NearKV == nil {
		l.NearKV = F16{}
	}
	if l.Layout == nil {
		switch l.Layout = (Grow{}); {
		case l.Group != nil:
			l.Layout = Grouped{}
		case l.parted() != nil:
			l.Layout = Folded{}
		case l.Keep != nil:
			l.Layout = Kept{}
		case l.differs():
			l.Layout = Mixed{}
		case l.reach().Bounded:
			l.Layout = Ring{}
		}
	}
	return l
}
