// Package seq is the vocabulary that every sequence operation shares: positions, steps, state, workers and scratch
// memory. It is a leaf: it imports nothing of godwit.
package seq

import "errors"

// Pos is a logical position in the token stream, counted from 0. It is never a storage slot.
type Pos = int32

// Run is the half-open range of positions [Lo, Hi).
type Run struct{ Lo, Hi Pos }

// Len returns the number of positions in the run.
func (r Run) Len() int { return int(r.Hi - r.Lo) }

// Coord is where a row stands on two axes that have a meaning for whoever feeds it: line and column of a table, turn and speaker.
type Coord struct{ A, B int32 }

// Step is one forward pass over N consecutive rows, the tokens First … First+N−1 of a session.
type Step struct {
	First int   // index of the first row in the session's token stream
	N     int   // rows in this step
	Pos   []Pos // [N] logical positions of the rows
	Hide  Run   // rows of the session that no row of the step sees, whatever its span; empty: none
	// Coords are those of the rows, for layers that have groups of rows. [N]; nil: all rows have the same
	Coords []Coord
	Want   []int // rows (0 ≤ r < N, ascending) whose logits are needed; nil: none
	// Surprise is −ln p of the session's tokens up to First, by the logits of the row before each. It is needed only where an
	// operation says so. [≥ First]
	Surprise []float32
	Given    []float32 // [vectors, width] what rows begin with instead of embeddings: a row whose token is −1−i with vector i; nil: no row
	States   []float32 // [len(Want), width] where the wanted rows go as the last norm leaves them, instead of logits; nil: logits
	Exact    bool      // float32 activations throughout, no int8 blocks
	Team     Team      // workers of this pass
	Mem      *Arena
	Tap      Tap     // sees activations; nil: nobody does
	Heads    HeadTap // sees queries, keys and values; nil: nobody does
}

// Tap sees the activations x[N, cols] of a step that go into the linear maps of these names, in the order of the computation and
// before the maps are computed. x is valid during the call. An error ends the step.
type Tap func(at *Step, names []string, x []float32, cols int) error

// HeadTap sees the queries q[N, Heads, Dim], keys k[N, KVHeads, Dim] and values v[N, KVHeads, VDim] of a step in an attention layer, the
// first two with their positions. They are valid during the call. An error ends the step.
type HeadTap func(at *Step, layer int, q, k, v []float32) error

// Task is a piece of parallel work. Do must be safe to call from several goroutines for disjoint ranges, must not
// allocate, and must compute each item the same way whatever the split (results may not depend on lo, hi or worker).
type Task interface{ Do(worker, lo, hi int) }

// Team runs tasks on a fixed set of workers. Worker 0 is the caller.
type Team interface {
	Workers() int
	// Run splits [0, n) into ranges whose bounds are multiples of grain (the last one ends at n) and returns when all
	// are done. It returns the context's error when the pass was cancelled (some items are then left undone) or
	// an error that wraps ErrFault when mapped memory could not be read.
	Run(n, grain int, t Task) error
	// Err returns the reason to stop, or nil. Operations that do not call Run for long stretches ask it.
	Err() error
}

// State is what one operation remembers about one session.
type State interface {
	Len() int           // rows held, counted from the session's start
	Rewind(n int) error // forget rows ≥ n; ErrRewind (wrapped) when that past is gone
	Bytes() int64       // memory held
}

// Fetcher is a State that may have what a step is going to read of it brought into memory before the step runs. It changes no result.
type Fetcher interface{ Fetch(at *Step) }

// Env is what an operation may rely on when it makes its state.
type Env struct {
	MaxLen   int                         // most rows the session will ever hold
	MaxChunk int                         // most rows in one Step
	Alloc    func(n int) ([]byte, error) // zeroed page-aligned memory for the cache, outside the Go heap; nil: make
	// Spill is Alloc in a file, for rows that stay where they were written; nil: there is none.
	Spill func(n int) ([]byte, Spill, error)
}

// Spill is the file behind a State's memory.
type Spill interface {
	// Reserve makes room on the disk for the first n bytes, before they are written. A full disk is an error here.
	Reserve(n int) error
	// Ran tells that a step has run: the first used bytes may have been read or written, rows of so many bytes were written, and the
	// first done bytes will not be written again unless rows are rewound.
	Ran(used, done, written int) error
	// Cold tells whether reading has lately waited for the disk.
	Cold() bool
	// Want tells that n bytes from off are about to be read.
	Want(off, n int)
}

// Op is one residual branch's function: attention, a recurrence, a feed-forward network. Ops are immutable and shared
// by all sessions; whatever changes lives in a State or in the step's Arena.
type Op interface {
	// NewState returns the state of a fresh session, or nil for position-wise operations.
	NewState(env *Env) (State, error)
	// Run computes y[N, width] from x[N, width] and advances st by N rows. On error st may hold up to N extra rows;
	// the session rewinds it.
	Run(y, x []float32, st State, at *Step) error
}

// StepSize is what the scratch of a step depends on.
type StepSize struct {
	N       int // rows
	MaxLen  int // most rows of the session
	Workers int
	Exact   bool
}

// Sized is an Op that tells the scratch it takes. A planner asks it before there is a session; what an Op that is not Sized
// takes comes on top of the plan.
type Sized interface {
	// Scratch counts what Run takes from the step's arena, or more where that depends on the rows' contents.
	Scratch(mem *Sizer, at *StepSize)
	// Heap returns the bytes that a session's state takes of the Go heap, beside its cache.
	Heap(at *StepSize) int64
}

// Errors that cross package borders.
var (
	ErrFault  = errors.New("mapped memory could not be read (file truncated or device error)")
	ErrRewind = errors.New("that part of the past is no longer stored")
)
