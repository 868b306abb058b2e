package gguf

import (
	"errors"
	"fmt"
)

// Errors of this package; test with errors.Is. Everything that Parse and Join return also wraps ErrFormat.
var (
	ErrFormat    = errors.New("not a usable GGUF file")
	ErrMagic     = errors.New("no GGUF magic")
	ErrVersion   = errors.New("unsupported GGUF version")
	ErrBigEndian = errors.New("big-endian GGUF files are not supported")
	ErrTruncated = errors.New("file ends early")
	ErrLimit     = errors.New("limit exceeded")
	ErrDuplicate = errors.New("duplicate name")
	ErrName      = errors.New("bad name")
	ErrAlignment = errors.New("bad alignment")
	ErrShape     = errors.New("bad tensor dimensions")
	ErrOverlap   = errors.New("tensors overlap")
	ErrSplit     = errors.New("parts of a split model do not fit")

	// Of the getters of Meta.
	ErrMissing = errors.New("missing")
	ErrType    = errors.New("wrong type") // also of Parse: a value or tensor type that GGUF does not define
	ErrRange   = errors.New("out of range")
)

// FormatError tells where a file is bad.
type FormatError struct {
	Offset int64  // bytes from the start of the file
	Field  string // what was being read: `tensor "blk.0.attn_q.weight": offset`
	Err    error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("gguf: byte %d: %s: %v", e.Offset, e.Field, e.Err)
}

// Unwrap returns the cause and ErrFormat.
func (e *FormatError) Unwrap() []error { return []error{e.Err, ErrFormat} }
