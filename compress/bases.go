package compress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/convert"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/runtime/arch"
	"github.com/godwit-ai/godwit/runtime/layer"
	"github.com/godwit-ai/godwit/seq"
)

// BasesOptions are the choices of Bases.
type BasesOptions struct {
	Calibration [][]int32 // windows of token ids, of more than a tile of 64
	Threads     int       // workers; 0: one per CPU

	Progress func(stage Stage, done, total int64) // nil: nobody
}

// Fitting is a stage of Bases.
const Fitting Stage = "fitting" // counts layers

// BasesResult is what was written.
type BasesResult struct {
	Arch          string
	Layers, Heads int // KV heads
	Dim, VDim     int
	Tokens        int
	Bytes         int64
	Keys, Values  []float64 // [Layers] coding gain in bits: half the logarithm of the arithmetic over the geometric mean of variances
}

// basisDamping keeps what queries of the text hardly ask for from counting nothing.
const basisDamping = 1e-2

// Bases fits bases for the keys and values of the GGUF model at in to a text, and writes them to out (attention.Bases). They are those of the
// principal components of keys within tiles of 64 rows, about the mean of the tile, weighted by the second moments of queries, so that the error
// of products is the least; and of values, not weighted, about 0. First tiles are left out, since they are usually near.
func Bases(ctx context.Context, in, out string, o BasesOptions) (r BasesResult, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("calibrate %s: %w", in, err)
		}
	}()
	tokens := 0
	for _, w := range o.Calibration {
		tokens += len(w)
	}
	if tokens == 0 {
		return r, fmt.Errorf("%w: no text to calibrate on", ErrOptions)
	}
	src, err := convert.Open(in, out)
	if err != nil {
		return r, err
	}
	defer func() { err = src.Close(err) }()
	var net *layer.Net
	var info arch.Info
	var print string
	err = par.Guard(func() (err error) {
		net, info, err = arch.Build(src.File, plainPlan)
		print = layer.Fingerprint(src.File)
		return err
	})
	if err != nil {
		return r, err
	}
	threads := o.Threads
	if threads <= 0 {
		threads = min(runtime.NumCPU(), 256)
	}
	pool := par.NewPool(threads)
	defer pool.Close()
	progress := func(s Stage, done, total int) {
		if o.Progress != nil {
			o.Progress(s, int64(done), int64(total))
		}
	}
	all := &spreads{info: info, heads: make([]headSpreads, info.Layers)}
	cut := *net
	cut.Head = layer.Linear{W: net.Embed.Slice(0, 1)}
	n := &network{net: &cut, pool: pool}
	if err := n.runHeads(ctx, o.Calibration, all.add, func(done int) { progress(Calibrating, done, tokens) }); err != nil {
		return r, err
	}
	b := &attention.Bases{Layers: make([]attention.LayerBases, info.Layers)}
	r = BasesResult{Arch: info.Arch, Layers: info.Layers, Heads: info.KVHeads, Dim: all.dim, VDim: all.vdim, Tokens: tokens}
	for l := range b.Layers {
		if b.Layers[l], err = all.fit(l); err != nil {
			return r, fmt.Errorf("layer %d: %w", l, err)
		}
		r.Keys, r.Values = append(r.Keys, codingGain(b.Layers[l].Key)), append(r.Values, codingGain(b.Layers[l].Value))
		progress(Fitting, l+1, info.Layers)
	}
	r.Bytes, err = convert.Atomically(out, func(dst io.Writer) (int64, error) { return layer.WriteBases(dst, b, print, tokens) })
	return r, err
}

// plainPlan keeps all rows as they are.
func plainPlan(p attention.Plan) (attention.Plan, error) { return p.Edit("kv=f32") }

// spreads are second moments of what attention layers see.
type spreads struct {
	info      arch.Info
	dim, vdim int
	heads     []headSpreads // [layers]
}

// headSpreads are those of a layer, by KV head; queries are those of its group.
type headSpreads struct {
	n, queries        int
	query, key, value [][]float64 // [KVHeads][dim, dim] Σ q·qᵀ, Σ (k − mean of tile)·(…)ᵀ, Σ v·vᵀ
}

// add is a seq.HeadTap.
func (s *spreads) add(at *seq.Step, l int, q, k, v []float32) error {
	if at.First != 0 || at.N < 2*attention.Tile {
		return nil
	}
	heads, kv := s.info.Heads, s.info.KVHeads
	s.dim, s.vdim = len(k)/at.N/kv, len(v)/at.N/kv
	h := &s.heads[l]
	if h.query == nil {
		for range kv {
			h.query = append(h.query, make([]float64, s.dim*s.dim))
			h.key = append(h.key, make([]float64, s.dim*s.dim))
			h.value = append(h.value, make([]float64, s.vdim*s.vdim))
		}
	}
	var wait sync.WaitGroup
	for head := range kv {
		wait.Go(func() {
			w := newSquares(max(s.dim, s.vdim))
			for lo := attention.Tile; lo+attention.Tile <= at.N; lo += attention.Tile {
				w.add(h.key[head], k[(lo*kv+head)*s.dim:], s.dim, kv*s.dim, true)
				w.add(h.value[head], v[(lo*kv+head)*s.vdim:], s.vdim, kv*s.vdim, false)
				for g := range heads / kv {
					w.add(h.query[head], q[(lo*heads+head*(heads/kv)+g)*s.dim:], s.dim, heads*s.dim, false)
				}
			}
		})
	}
	wait.Wait()
	tiles := at.N/attention.Tile - 1
	h.n += tiles * attention.Tile
	h.queries += tiles * attention.Tile * heads / kv
	return nil
}

// squares is scratch for second moments of a tile.
type squares struct {
	turned, rows, square []float32
}

func newSquares(dim int) squares {
	return squares{make([]float32, dim*attention.Tile), make([]float32, dim*attention.Tile), make([]float32, dim*dim)}
}

// add adds xᵀ·x of a tile's rows, stride numbers apart, to sum.
func (w squares) add(sum []float64, x []float32, dim, stride int, centred bool) {
	const rows = attention.Tile
	a, b, square := w.turned, w.rows, w.square[:dim*dim]
	clear(square)
	for r := range rows {
		copy(b[r*dim:][:dim], x[r*stride:])
	}
	for c := range dim {
		mean := float32(0)
		for r := range rows {
			mean += b[r*dim+c] / rows
		}
		for r := range rows {
			if centred {
				b[r*dim+c] -= mean
			}
			a[c*rows+r] = b[r*dim+c]
		}
	}
	vec.MulAdd(square, a, b, dim, rows, dim, rows, dim, dim)
	for i, v := range square {
		sum[i] += float64(v)
	}
}

// fit returns a layer's bases.
func (s *spreads) fit(l int) (b attention.LayerBases, err error) {
	h := &s.heads[l]
	if h.n == 0 {
		return b, fmt.Errorf("%w: no window of the text has two tiles of %d tokens", ErrOptions, attention.Tile)
	}
	for head := range h.key {
		key, err := fitBasis(symmetric(h.key[head], s.dim, h.n), symmetric(h.query[head], s.dim, h.queries))
		if err != nil {
			return b, fmt.Errorf("keys of head %d: %w", head, err)
		}
		value, err := fitBasis(symmetric(h.value[head], s.vdim, h.n), nil)
		if err != nil {
			return b, fmt.Errorf("values of head %d: %w", head, err)
		}
		b.Key, b.Value = append(b.Key, key), append(b.Value, value)
	}
	return b, nil
}

func symmetric(sum []float64, dim, n int) *mat.SymDense {
	c := mat.NewSymDense(dim, nil)
	for i := range dim {
		for j := range i + 1 {
			c.SetSym(i, j, sum[i*dim+j]/float64(n))
		}
	}
	return c
}

// fitBasis returns the basis in which errors of vectors with covariance c are worth their variances, where the error e costs eᵀ·m·e: with
// m = S·Sᵀ and Sᵀ·c·S = P·Λ·Pᵀ the coordinates are Pᵀ·Sᵀ·x, scaled to a variance of 1.
func fitBasis(c, m *mat.SymDense) (b attention.Basis, err error) {
	dim := c.SymmetricDim()
	s := mat.NewTriDense(dim, mat.Lower, nil)
	for i := range dim {
		s.SetTri(i, i, 1)
	}
	if m != nil {
		if s, err = cholesky(m, basisDamping); err != nil {
			return b, err
		}
	}
	var half, full mat.Dense
	half.Mul(s.T(), c)
	full.Mul(&half, s)
	sym := mat.NewSymDense(dim, nil)
	for i := range dim {
		for j := range i + 1 {
			sym.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	if t := mat.Trace(sym); !(t > 0) || math.IsInf(t, 0) {
		return b, fmt.Errorf("%w: a variance of %v", ErrNumbers, t)
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(sym, true) {
		return b, fmt.Errorf("%w: the eigenvalues of %d×%d do not converge", ErrNumbers, dim, dim)
	}
	var p, in, out mat.Dense
	eigen.VectorsTo(&p)
	values := eigen.RawValues() // ascending
	in.Mul(s, &p)
	var inverse mat.TriDense
	if err := inverse.InverseTri(s); err != nil && !errors.As(err, new(mat.Condition)) {
		return b, fmt.Errorf("%w: %w", ErrNumbers, err)
	}
	out.Mul(inverse.T(), &p) // In·Outᵀ = S·P·Pᵀ·S⁻¹
	b = attention.Basis{In: make([]float32, dim*dim), Out: make([]float32, dim*dim), Var: make([]float32, dim)}
	for k := range dim {
		v := max(values[dim-1-k], 1e-9*values[dim-1])
		b.Var[k] = float32(v)
		for i := range dim {
			b.In[i*dim+k] = float32(in.At(i, dim-1-k) / math.Sqrt(v))
			b.Out[i*dim+k] = float32(out.At(i, dim-1-k) * math.Sqrt(v))
		}
	}
	return b, nil
}

// codingGain is what coordinates of different variances save of the bits of equal ones.
func codingGain(heads []attention.Basis) float64 {
	sum := 0.0
	for _, b := range heads {
		mean, log := 0.0, 0.0
		for _, v := range b.Var {
			mean += float64(v) / float64(len(b.Var))
			log += math.Log2(float64(v)) / float64(len(b.Var))
		}
		sum += (math.Log2(mean) - log) / 2
	}
	return sum / float64(len(heads))
}
