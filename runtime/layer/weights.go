package layer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

// Errors about a file's tensors, for errors.Is.
var (
	ErrMissing   = errors.New("the file lacks tensors")
	ErrUnclaimed = errors.New("the file holds tensors that the architecture does not have")
	ErrShape     = errors.New("tensors do not have the shape that the hyper-parameters give")
	ErrType      = errors.New("norms, biases and factors must be stored as floats")
	ErrFactors   = errors.New("tensors do not make a factorised matrix")
)

// Weights hands out the tensors of a file by name. Each is claimed once; builders read straight through, and Done tells
// what was wrong. A tensor that cannot be had comes back as zero values.
type Weights struct {
	file    *gguf.File
	claimed map[string]bool
	missing []string
	errs    []error
}

// NewWeights returns the tensors of a file.
func NewWeights(f *gguf.File) *Weights {
	return &Weights{file: f, claimed: make(map[string]bool, len(f.Tensors))}
}

// Has reports whether the file holds the tensor or, for name.weight, one of its factors.
func (w *Weights) Has(name string) bool {
	if _, ok := w.file.Tensor(name); ok {
		return true
	}
	u, v := w.factors(name)
	return u != nil || v != nil
}

// Dims returns the tensor's dimensions, the fastest first, without claiming it; nil when the file lacks it. Of factors it returns
// those of their product.
func (w *Weights) Dims(name string) []int {
	if t, ok := w.file.Tensor(name); ok {
		return t.Dims
	}
	if u, v := w.factors(name); u != nil && v != nil && len(u.Dims) > 1 {
		return []int{v.Dims[0], u.Dims[1]}
	}
	return nil
}

// take claims a tensor and checks its dimensions, the fastest first.
func (w *Weights) take(name string, dims ...int) *gguf.Tensor {
	t, ok := w.file.Tensor(name)
	switch {
	case !ok:
		w.missing = append(w.missing, name)
		return nil
	case w.claimed[name]:
		w.errs = append(w.errs, fmt.Errorf("tensor %q: claimed twice", name))
		return nil
	}
	w.claimed[name] = true
	have := t.Dims
	for len(have) > len(dims) && have[len(have)-1] == 1 {
		have = have[:len(have)-1] // some writers keep trailing ones
	}
	if !slices.Equal(have, dims) {
		w.errs = append(w.errs, fmt.Errorf("tensor %q: want %v, have %v: %w", name, dims, t.Dims, ErrShape))
		return nil
	}
	return t
}

// Matrix claims a matrix: dimensions [cols, rows] in the file's order.
func (w *Weights) Matrix(name string, rows, cols int) quant.Matrix {
	return w.matrix(w.take(name, cols, rows))
}

// Experts claims n matrices of one tensor, [cols, rows, n] in the file's order, as one matrix of n·rows rows.
func (w *Weights) Experts(name string, n, rows, cols int) quant.Matrix {
	return w.matrix(w.take(name, cols, rows, n))
}

func (w *Weights) matrix(t *gguf.Tensor) quant.Matrix {
	if t == nil {
		return quant.Matrix{}
	}
	m, err := t.Matrix()
	if err != nil {
		w.errs = append(w.errs, err)
		return quant.Matrix{}
	}
	return m
}

// Vector claims n numbers and decodes them.
func (w *Weights) Vector(name string, n int) []float32 {
	t := w.take(name, n)
	if t == nil {
		return nil
	}
	m := w.matrix(t)
	switch {
	case m.Format == nil:
		return nil
	case m.Format.Group != 0: // nobody quantises these, and decoding would multiply what a hostile file costs
		w.errs = append(w.errs, fmt.Errorf("tensor %q: %s: %w", name, m.Format.Name, ErrType))
		return nil
	}
	x := make([]float32, n) // at most twice the tensor's bytes
	m.DecodeRow(x, 0)
	return x
}

// Linear claims name.weight or its factors and, if it is there, name.bias.
func (w *Weights) Linear(name string, rows, cols int) Linear {
	l := Linear{Name: name}
	if u, v := w.factors(name + ".weight"); u == nil && v == nil {
		l.W = w.Matrix(name+".weight", rows, cols)
	} else if rank, err := w.rank(name+".weight", u, v, rows, cols); err != nil {
		w.errs = append(w.errs, err)
	} else {
		l.W, l.V = w.Matrix(u.Name, rows, rank), w.Matrix(v.Name, rank, cols)
	}
	if w.Has(name + ".bias") {
		l.B = w.Vector(name+".bias", rows)
	}
	return l
}

// RMSNorm claims name.weight.
func (w *Weights) RMSNorm(name string, width int, eps float32) Norm {
	return Norm{Weight: w.Vector(name+".weight", width), Eps: eps}
}

// Done returns the errors of all claims, and one for the tensors that were not claimed.
func (w *Weights) Done() error {
	errs := slices.Clone(w.errs)
	if len(w.missing) > 0 {
		errs = append(errs, fmt.Errorf("%w: %s", ErrMissing, list(w.missing)))
	}
	var rest []string
	for i := range w.file.Tensors {
		if name := w.file.Tensors[i].Name; !w.claimed[name] {
			rest = append(rest, name)
		}
	}
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("%w: %s", ErrUnclaimed, list(rest)))
	}
	return errors.Join(errs...)
}

// list names tensors, not more than a reader can take in.
func list(names []string) string {
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
