package layer

import (
	"fmt"
	"strings"

	"github.com/godwit-ai/godwit/gguf"
)

// A matrix W[out, in] that is stored as the product U·V of two has no tensor NAME.weight; it has NAME.weight_u, which is U[out, rank], and
// NAME.weight_v, which is V[rank, in]. NAME.bias is the product's. (NAME_v.weight would be attention's values of a name like blk.0.attn.)
const (
	weight  = ".weight"
	suffixU = "_u"
	suffixV = "_v"
)

// FactorNames returns the names of the tensors that a matrix NAME.weight is stored in when it is factorised.
func FactorNames(name string) (u, v string) { return name + suffixU, name + suffixV }

// Factored returns the matrix NAME.weight that a tensor is a factor of by its name, and the name of the other factor.
func Factored(name string) (matrix, other string, ok bool) {
	if rest, ok := strings.CutSuffix(name, weight+suffixU); ok {
		return rest + weight, rest + weight + suffixV, true
	}
	if rest, ok := strings.CutSuffix(name, weight+suffixV); ok {
		return rest + weight, rest + weight + suffixU, true
	}
	return "", "", false
}

// factors returns the tensors that are the factors of name.weight, nil for those that the file lacks.
func (w *Weights) factors(name string) (u, v *gguf.Tensor) {
	if strings.HasSuffix(name, weight) {
		nu, nv := FactorNames(name)
		u, _ = w.file.Tensor(nu)
		v, _ = w.file.Tensor(nv)
	}
	return u, v
}

// rank returns the rank of a pair of factors of name.weight, of which one may be nil. Tensors that it refuses count as claimed.
func (w *Weights) rank(name string, u, v *gguf.Tensor, rows, cols int) (rank int, err error) {
	dense, both := w.file.Tensor(name)
	defer func() {
		for _, t := range []*gguf.Tensor{u, v, dense} {
			if err != nil && t != nil {
				w.claimed[t.Name] = true
			}
		}
	}()
	nu, nv := FactorNames(name)
	switch {
	case v == nil && !both:
		return 0, fmt.Errorf("tensor %q: %w: the file lacks %q", nu, ErrFactors, nv)
	case u == nil && !both:
		return 0, fmt.Errorf("tensor %q: %w: the file lacks %q", nv, ErrFactors, nu)
	case u == nil:
		nu = nv
		fallthrough
	case both:
		return 0, fmt.Errorf("tensor %q: %w: the file holds %q too", name, ErrFactors, nu)
	}
	rank = u.Dims[0]
	if len(v.Dims) < 2 || v.Dims[1] != rank {
		return 0, fmt.Errorf("tensor %q: %w: rank %d, but %q is %v", nu, ErrFactors, rank, nv, v.Dims)
	}
	if rank > min(rows, cols) { // a pass's scratch would be out of proportion to the file
		return 0, fmt.Errorf("tensor %q: %w: rank %d of %d×%d", nu, ErrFactors, rank, rows, cols)
	}
	return rank, nil
}
