package runtime

import (
	"errors"
	"fmt"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/internal/blas"
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// Errors of this package, for errors.Is.
var (
	ErrToken      = errors.New("token id outside the vocabulary")
	ErrBusy       = errors.New("the session is in use by another goroutine")
	ErrClosed     = errors.New("already closed")
	ErrInUse      = errors.New("the model is in use by sessions")
	ErrEmpty      = errors.New("the session has no tokens to continue from")
	ErrPower      = errors.New("no such power profile")
	ErrBases      = attention.ErrBases                             // a plan needs bases and has none, or Options.Bases has those of another shape
	ErrOtherModel = layer.ErrOtherModel                            // Options.Bases has those of another model
	ErrBadSession = seq.ErrImage                                   // what LoadSession reads is no session, or a damaged one
	ErrCPU        = cpu.ErrLevel                                   // the environment's GODWIT_CPU names instructions that the machine does not have
	ErrBLAS       = blas.ErrLibrary                                // the environment's GODWIT_BLAS names a library that cannot be loaded
	ErrGroups     = attention.ErrGroups                            // a stream has more groups than the plan has room for
	ErrSpill      = errors.New("the file of the session's caches") // could not be made, or grow: the disk may be full; see Options.Spill
	// ErrOtherPlan says that a session was saved with another plan, or other bases, than the model has that is to go on with it.
	ErrOtherPlan = errors.New("the session is of another plan")
	// ErrSessionFile says that a session's file could not be made, read or written: the disk may be full. See Model.OpenSession.
	ErrSessionFile = errors.New("the session's file")
	// ErrSessionInUse says that another process, or another session of this one, has a session's file.
	ErrSessionInUse = errors.New("the session's file is in use")
	// ErrMemory is matched by every *MemoryError.
	ErrMemory = errors.New("the memory budget is too small")
	// ErrContext is matched by every *ContextError.
	ErrContext = errors.New("the context is full")
)

// ContextError says that tokens do not fit into a session. Nothing of the refused tokens was read.
type ContextError struct {
	Limit int // most tokens the session may hold
	Have  int // tokens it holds
	Want  int // tokens that were to be added
}

func (e *ContextError) Error() string {
	return fmt.Sprintf("the context is full: %d tokens held and %d more do not fit into %d (%d too many)",
		e.Have, e.Want, e.Limit, e.Have+e.Want-e.Limit)
}

// Is makes errors.Is(err, ErrContext) true.
func (e *ContextError) Is(target error) bool { return target == ErrContext }
