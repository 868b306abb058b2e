// Package attention is softmax attention over a token's past, as a composition of independent parts: a Span says which
// positions a query may see, a Scheme how positions enter the score, a Codec how rows of keys and values are stored, a
// Layout where they live. One loop (attend.go) runs every combination; a Plan names the parts of every layer and has a
// text form.
//
// A part is one file: span_*.go, scheme_*.go, codec_*.go, layout_*.go. It registers its name in init, and the
// conformance suite tests every registered part with every other.
package attention

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/seq"
)

// Tile is the number of consecutive rows that are stored, read and softmaxed together. Tile t holds the rows at
// positions [64t, 64t+64), wherever it lives, so that the order of a row's additions never depends on the storage.
const Tile = 64

// Span says which positions a query may see.
type Span interface {
	// Runs appends the visible positions of [0, hi) for the query at position q: sorted, disjoint runs. hi is q+1 for
	// causal attention.
	Runs(dst []seq.Run, q, hi seq.Pos) []seq.Run
	String() string
}

// Reacher is a Span that sees only the first positions and those near the query: it can live in a ring.
type Reacher interface {
	// Reach returns (first, back): the query at q sees nothing outside [0, first) and [q−back+1, q].
	Reach() (first, back seq.Pos)
}

// Codec says how rows of keys or values are stored.
type Codec interface {
	Rows(dim int) (Rows, error) // the encoding for rows of dim values; an error when dim does not fit it
	String() string
}

// Rows is a codec made for one row width. One head's tile of Tile rows is Size bytes.
type Rows interface {
	Size() int
	Put(tile []byte, row int, x []float32)      // encodes x[dim] as row of the tile
	Get(dst []float32, tile []byte, lo, hi int) // decodes rows [lo, hi) into dst[hi−lo, dim]
}

// Layout says where tiles live.
type Layout interface {
	// Place returns the placement for a span with this reach (back < 0: unbounded) in sessions of at most maxLen rows
	// and steps of at most maxChunk.
	Place(first, back seq.Pos, maxLen, maxChunk int) (Placement, error)
	// Holds reports whether the layout can hold a span with this reach.
	Holds(first, back seq.Pos) bool
	String() string
}

// Placement maps tiles to slots of storage.
type Placement interface {
	Slot(tile int) int               // where the tile lives, in [0, Slots())
	Slots() int                      // tiles of storage at most
	Oldest(top int) (keep, from int) // when the newest tile is top, tiles [0, keep) and [from, top] are held
}

// Scheme says how positions enter queries and keys.
type Scheme interface {
	Fit(dim int) (Positioner, error) // the scheme made for heads of dim values; nil: nothing to do
	String() string
}

// Positioner puts a position into query and key vectors.
type Positioner interface {
	Width() int                       // floats that Row writes
	Row(dst []float32, pos seq.Pos)   // what the position contributes, shared by all heads of a row
	Apply(x []float32, row []float32) // applies it to one head's vector, in place
}

// Score turns dot products into logits: cap·tanh(q·k·Scale/cap).
type Score struct {
	Scale   float32   // 0: 1/√Dim
	Softcap float32   // 0: none
	Sinks   []float32 // [Heads] logits that take part in the softmax and have no value (attention sinks); nil: none
}

// Layer is the plan of one attention layer. The zero value of each part is the usual one: full span, no positions,
// f16 rows, a layout that fits the span.
type Layer struct {
	Span   []Span // one for all KV heads, or one per KV head; nil: full
	Pos    Scheme // nil: NoPE
	Key    Codec  // nil: f16
	Value  Codec  // nil: f16
	Layout Layout // nil: ring when the span is bounded, else grow
	Score  Score
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
var ErrCompose = errors.New("parts do not compose")

func (s Shape) check() error {
	if s.Heads < 1 || s.KVHeads < 1 || s.Dim < 1 || s.VDim < 1 || s.Heads%s.KVHeads != 0 {
		return fmt.Errorf("attention: layer %d: shape of %d heads, %d KV heads, %d and %d wide: %w",
			s.Layer, s.Heads, s.KVHeads, s.Dim, s.VDim, ErrCompose)
	}
	return nil
}
