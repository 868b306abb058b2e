package compress

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/godwit-ai/godwit/quant"
)

// ErrNumbers says that a decomposition failed: weights or activations that are no numbers, or not finite.
var ErrNumbers = errors.New("the weights cannot be decomposed")

// factors are W ≈ U·V at all ranks at once: the factors of rank r are the first r columns of U and the first r rows of V.
type factors struct {
	u *mat.Dense // [out, ranks]
	v *mat.Dense // [ranks, in]

	// tail[r] is the squared error ‖(W−UV)·S‖² of rank r, Σ σ² of what it leaves out. [min(out, in) + 1]
	tail []float64
}

// decompose takes apart w[out, in] so that ‖(W−UV)·S‖ is the least possible at every rank up to ranks. S is the lower Cholesky
// factor of the second moments of the activations; nil stands for the identity, which gives the truncated SVD.
//
// With W·S = P·Σ·Qᵀ the answer is U = P·Σ^½, V = Σ^½·Qᵀ·S⁻¹. P or Q, whichever is smaller, and Σ² come from the symmetric
// eigenvalue problem of (W·S)·(W·S)ᵀ or (W·S)ᵀ·(W·S), which takes a half to a third of the time of an SVD; what float64 loses there is
// singular values below 1e-8 of the largest, and weights have at most float32's 24 bits. The other factor comes from W: V = Σ^-½·Pᵀ·W,
// or U = W·S·Q·Σ^-½.
func decompose(w *mat.Dense, s *mat.TriDense, ranks int) (*factors, error) {
	out, in := w.Dims()
	ws := w
	if s != nil {
		ws = new(mat.Dense)
		ws.Mul(w, s)
	}
	wide, gram := out <= in, new(mat.SymDense)
	if wide {
		gram.SymOuterK(1, ws)
	} else {
		gram.SymOuterK(1, ws.T())
	}
	n := gram.SymmetricDim()
	if trace := mat.Trace(gram); math.IsNaN(trace) || math.IsInf(trace, 0) {
		return nil, fmt.Errorf("%w: ‖W·S‖² is %v", ErrNumbers, trace)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(gram, true) {
		return nil, fmt.Errorf("%w: the eigenvalues of %d×%d do not converge", ErrNumbers, n, n)
	}
	values, vectors := eigen.RawValues(), new(mat.Dense)
	eigen.VectorsTo(vectors) // ascending
	f := &factors{tail: make([]float64, n+1)}
	for r := n - 1; r >= 0; r-- {
		f.tail[r] = f.tail[r+1] + max(0, values[n-1-r])
	}
	side := mat.NewDense(n, ranks, nil) // P or Q, descending
	for i := range n {
		for r := range ranks {
			side.Set(i, r, vectors.At(i, n-1-r))
		}
	}
	if wide {
		f.u, f.v = side, new(mat.Dense)
		f.v.Mul(side.T(), w)
	} else {
		f.u = new(mat.Dense)
		f.u.Mul(ws, side)
		if s != nil { // Qᵀ·S⁻¹ = (S⁻ᵀ·Q)ᵀ
			blas64.Trsm(blas.Left, blas.Trans, 1, s.RawTriangular(), side.RawMatrix())
		}
		f.v = mat.DenseCopyOf(side.T())
	}
	least := 1e-15 * max(0, values[n-1])
	for r := range ranks {
		unit, scaled := 0.0, 0.0 // factors of the side that has length 1, and of the one that has σ
		if v := values[n-1-r]; v > least {
			unit = math.Sqrt(math.Sqrt(v))
			scaled = 1 / unit
		}
		if !wide {
			unit, scaled = scaled, unit
		}
		scaleColumn(f.u, r, unit)
		row := f.v.RawRowView(r)
		for i := range row {
			row[i] *= scaled
		}
	}
	return f, nil
}

func scaleColumn(m *mat.Dense, c int, by float64) {
	rows, _ := m.Dims()
	for r := range rows {
		m.Set(r, c, m.At(r, c)*by)
	}
}

// cholesky returns the lower factor of c + λI, λ being damping times the mean of c's diagonal, or more as long as rounding
// leaves c + λI indefinite. c is changed.
func cholesky(c *mat.SymDense, damping float64) (*mat.TriDense, error) {
	n := c.SymmetricDim()
	mean := mat.Trace(c) / float64(n)
	if !(mean > 0) || math.IsInf(mean, 0) {
		return nil, fmt.Errorf("%w: the mean square of the activations is %v", ErrNumbers, mean)
	}
	for ; damping < 1; damping *= 10 {
		for i := range n {
			c.SetSym(i, i, c.At(i, i)+damping*mean)
		}
		var f mat.Cholesky
		if f.Factorize(c) {
			s := new(mat.TriDense)
			f.LTo(s)
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: the second moments of %d activations are not positive definite", ErrNumbers, n)
}

// dense decodes a matrix.
func dense(m quant.Matrix) *mat.Dense {
	d, row := mat.NewDense(m.Rows, m.Cols, nil), make([]float32, m.Cols)
	for r := range m.Rows {
		m.DecodeRow(row, r)
		for c, v := range row {
			d.Set(r, c, float64(v))
		}
	}
	return d
}

// encode stores a matrix row by row.
func encode(f *quant.Format, m *mat.Dense) []byte {
	rows, cols := m.Dims()
	size := cols / f.Elems * f.Size
	data, row := make([]byte, rows*size), make([]float32, cols)
	for r := range rows {
		for c, v := range m.RawRowView(r) {
			row[c] = float32(v)
		}
		f.Encode(data[r*size:(r+1)*size], row, nil)
	}
	return data
}
