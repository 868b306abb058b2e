// Package compress makes GGUF files smaller and faster by replacing matrices of weights with products of two of low rank, as
// Greenformers do (arXiv 2108.10808): a map of W[out, in] becomes two of U[out, r] and V[r, in], which have r·(out + in) weights. The
// factors come from the truncated SVD of W or, with a text to calibrate on, of W weighted by the second moments of the activations
// that it meets, which minimises the error of its outputs. docs/COMPRESS.md has what that costs in quality.
package compress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/godwit-ai/godwit/attention"
	"github.com/godwit-ai/godwit/convert"
	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/runtime/arch"
	"github.com/godwit-ai/godwit/runtime/layer"
)

// Options are the choices of File. One of Rank, Part, Energy, Size and SizePart is set and says how ranks are chosen. Ranks are
// multiples of the block of Type, 32 or, for floats, 1; a weight that would not become smaller stays.
type Options struct {
	Rank     int     // the same for all weights, rounded up
	Part     float64 // of the rank out·in/(out+in) at which the factors have as many weights, in (0, 1]
	Energy   float64 // the smallest rank that keeps this part of the squares of (weighted) W, in (0, 1]
	Size     int64   // bytes of the file at most: ranks go where a byte saves most of the squares
	SizePart float64 // Size as a part of the source's, in (0, 1)

	Type        string    // of the factors, a format of blocks of at most 32 (Types); "": Q8_0
	Calibration [][]int32 // windows of token ids; nil: plain SVD
	Head        bool      // factorise the output matrix too, where it is not the embedding
	Keep        []string  // path.Match patterns of tensor names ("*" crosses dots) that stay
	Threads     int       // workers; 0: one per CPU

	Progress func(stage Stage, done, total int64) // nil: nobody

	full bool // in tests: full rank, although everything becomes larger
}

// Stage is a part of the work.
type Stage string

// The stages, in their order. A model whose moments do not fit into 1 GB has the first two several times.
const (
	Calibrating Stage = "calibrating" // counts tokens
	Factorising Stage = "factorising" // counts weights
	Writing     Stage = "writing"     // counts bytes
)

// Weight is a factorised weight.
type Weight struct {
	Name    string // of the tensor that was replaced
	In, Out int
	Rank    int
	Error   float64 // ‖(W−UV)X‖/‖WX‖, without a calibration text ‖W−UV‖/‖W‖; rounding to Type adds to it
}

// Result is what was written.
type Result struct {
	Arch     string
	Solver   string // "svd" or "activation-weighted svd"
	Type     string // of the factors
	Source   int64  // size of the source
	Bytes    int64  // size of the file
	Tensors  int
	Types    map[string]int // tensors by type
	Weights  []Weight       // those that were factorised
	Kept     int            // those that might have been and stay
	Warnings []string
}

// Errors of options, which wrap it.
var ErrOptions = errors.New("options that do not fit")

// damping is λ over the mean square of the activations.
const damping = 1e-3

// momentsLimit bounds the memory of moments.
const momentsLimit = 1 << 30

// Types lists what Options.Type takes.
func Types() (names []string) {
	for _, f := range quant.Formats() {
		if f.Elems <= 32 {
			names = append(names, f.Name)
		}
	}
	return names
}

// File writes the GGUF model at in (any part of a split one) with factorised weights to out, which appears when it is complete.
func File(ctx context.Context, in, out string, o Options) (r Result, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("compress %s: %w", in, err)
		}
	}()
	format, err := o.check()
	if err != nil {
		return r, err
	}
	src, err := convert.Open(in, out)
	if err != nil {
		return r, err
	}
	defer func() { err = src.Close(err) }()
	threads := o.Threads
	if threads <= 0 {
		threads = min(runtime.NumCPU(), 256)
	}
	c := &compressor{o: &o, src: src.File, format: format, threads: threads}
	if err := c.plan(ctx); err != nil {
		return r, err
	}
	r.Arch, _ = c.src.Meta.StringOr("general.architecture", "")
	r.Solver, r.Type, r.Source = o.solver(), format.Name, src.Bytes()
	if err := c.choose(r.Source); err != nil {
		return r, err
	}
	return r, c.write(ctx, out, &r)
}

// check returns the factors' format.
func (o *Options) check() (*quant.Format, error) {
	rules := 0
	for _, set := range []bool{o.Rank != 0, o.Part != 0, o.Energy != 0, o.Size != 0, o.SizePart != 0} {
		if set {
			rules++
		}
	}
	name := o.Type
	if name == "" {
		name = "Q8_0"
	}
	f, ok := quant.ByName(name)
	switch {
	case rules != 1:
		return nil, fmt.Errorf("%w: %d of Rank, Part, Energy, Size and SizePart are set, want one", ErrOptions, rules)
	case o.Rank < 0 || o.Size < 0:
		return nil, fmt.Errorf("%w: a rank of %d, a size of %d", ErrOptions, o.Rank, o.Size)
	case !ok || f.Elems > 32:
		return nil, fmt.Errorf("%w: factors of type %q (known: %s)", ErrOptions, name, strings.Join(Types(), ", "))
	}
	for _, v := range []float64{o.Part, o.Energy, o.SizePart} {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("%w: %v is not between 0 and 1", ErrOptions, v)
		}
	}
	for _, p := range o.Keep {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("%w: bad pattern %q", ErrOptions, p)
		}
	}
	for _, w := range o.Calibration {
		if len(w) == 0 {
			return nil, fmt.Errorf("%w: a window of no tokens", ErrOptions)
		}
	}
	return f, nil
}

func (o *Options) solver() string {
	if o.Calibration != nil {
		return "activation-weighted svd"
	}
	return "svd"
}

func (o *Options) progress(s Stage, done, total int64) {
	if o.Progress != nil {
		o.Progress(s, done, total)
	}
}

// compressor is the work on one file.
type compressor struct {
	o       *Options
	src     *gguf.File
	format  *quant.Format
	threads int
	weights []*weight
	kept    int // weights that no rank makes smaller

	mu   sync.Mutex
	done int64 // weights decomposed
}

// weight is a matrix that may be factorised.
type weight struct {
	curve
	tensor  *gguf.Tensor
	in      *input
	out     int
	encoded [2][]byte // U[out, most] and V[most, in]
	rank    int       // 0: it stays
}

// plan decomposes every weight that may be factorised.
func (c *compressor) plan(ctx context.Context) error {
	var net *layer.Net
	err := par.Guard(func() (err error) {
		net, _, err = arch.Build(c.src, func(p attention.Plan) (attention.Plan, error) {
			return p.Edit("fold=none") // the rows that a session would add are not there
		})
		return err
	})
	if err != nil {
		return err
	}
	pool := par.NewPool(c.threads)
	defer pool.Close()
	n, err := newNetwork(ctx, net, pool, c.o.Head)
	if err != nil {
		return err
	}
	byInput := map[*input][]*weight{}
	for _, in := range n.inputs {
		for _, name := range in.maps {
			if w := c.weight(name+".weight", in); w != nil {
				byInput[in] = append(byInput[in], w)
				c.weights = append(c.weights, w)
			}
		}
	}
	inputs := slices.DeleteFunc(slices.Clone(n.inputs), func(in *input) bool { return byInput[in] == nil })
	if c.o.Calibration == nil {
		return c.decompose(ctx, c.weights)
	}
	tokens := int64(0)
	for _, w := range c.o.Calibration {
		tokens += int64(len(w))
	}
	gs := groups(inputs, momentsLimit)
	for i, g := range gs {
		base := int64(i) * tokens
		err := n.collect(ctx, c.o.Calibration, g, func(done int) {
			c.o.progress(Calibrating, base+int64(done), int64(len(gs))*tokens)
		})
		if err != nil {
			return fmt.Errorf("calibration: %w", err)
		}
		var some []*weight
		for _, in := range g {
			some = append(some, byInput[in]...)
		}
		if err := c.decompose(ctx, some); err != nil {
			return err
		}
		for _, in := range g {
			in.moments = nil
		}
	}
	return nil
}

// weight returns the weight of that name, or nil when it is not one to factorise.
func (c *compressor) weight(name string, in *input) *weight {
	t, ok := c.src.Tensor(name)
	if !ok || len(t.Dims) < 2 || slices.ContainsFunc(c.o.Keep, func(p string) bool { ok, _ := path.Match(p, name); return ok }) {
		return nil
	}
	f := c.format
	w := &weight{tensor: t, in: in, out: t.Dims[1]}
	w.step, w.whole = f.Elems, int64(len(t.Data))
	w.unit = int64(w.out*f.Size) + int64(in.cols/f.Elems*f.Size*f.Elems)
	w.most = int(min(int64(min(w.out, in.cols)), (w.whole-1)/w.unit*int64(w.step))) / w.step * w.step
	if c.o.full {
		w.most = min(w.out, in.cols) / w.step * w.step
	}
	if w.most == 0 || in.cols%f.Elems != 0 {
		c.kept++
		return nil
	}
	return w
}

// decompose decomposes weights, several at once.
func (c *compressor) decompose(ctx context.Context, weights []*weight) error {
	var wg sync.WaitGroup
	next, roots := make(chan *weight), &roots{}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for range min(c.threads, len(weights)) {
		wg.Go(func() {
			for w := range next {
				if err := par.Guard(func() error { return c.one(w, roots) }); err != nil {
					cancel(fmt.Errorf("tensor %q: %w", w.tensor.Name, err))
					return
				}
			}
		})
	}
	func() {
		defer close(next)
		for _, w := range weights {
			select {
			case next <- w:
			case <-ctx.Done():
				return
			}
		}
	}()
	wg.Wait()
	return context.Cause(ctx)
}

// roots are the Cholesky factors of the last inputs: weights of the same input come one after the other.
type roots struct {
	mu   sync.Mutex
	last []*root
}

type root struct {
	once sync.Once
	in   *input
	s    *mat.TriDense
	err  error
}

func (r *roots) of(in *input) (*mat.TriDense, error) {
	r.mu.Lock()
	i := slices.IndexFunc(r.last, func(x *root) bool { return x.in == in })
	if i < 0 {
		i = 0
		r.last = append([]*root{{in: in}}, r.last[:min(len(r.last), 3)]...)
	}
	x := r.last[i]
	r.mu.Unlock()
	x.once.Do(func() { x.s, x.err = cholesky(in.moments.mean(in.cols), damping) })
	return x.s, x.err
}

// one decomposes a weight.
func (c *compressor) one(w *weight, roots *roots) error {
	m, err := w.tensor.Matrix()
	if err != nil {
		return err
	}
	var s *mat.TriDense
	if w.in.moments != nil {
		if s, err = roots.of(w.in); err != nil {
			return err
		}
	}
	f, err := decompose(dense(m), s, w.most)
	if err != nil {
		return err
	}
	w.tail = f.tail
	w.encoded = [2][]byte{encode(c.format, f.u), encode(c.format, f.v)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	c.o.progress(Factorising, c.done, int64(len(c.weights)))
	return nil
}

// overhead bounds what a pair of tensors takes in the header and by padding beyond the tensor that it replaces, and what is added to
// the metadata.
func (w *weight) overhead() int64 { return int64(len(w.tensor.Name)) + 128 }

const metaOverhead = 256

// choose sets the ranks; source is the size of the source.
func (c *compressor) choose(source int64) error {
	size := c.o.Size
	if c.o.SizePart > 0 {
		size = int64(c.o.SizePart * float64(source))
	}
	if size == 0 {
		for _, w := range c.weights {
			switch {
			case c.o.full:
				w.rank = w.most
			case c.o.Energy > 0:
				w.rank = w.energy(c.o.Energy)
			case c.o.Part > 0:
				w.rank = w.up(int(math.Ceil(c.o.Part * float64(w.out) * float64(w.in.cols) / float64(w.out+w.in.cols))))
			default:
				w.rank = w.up(c.o.Rank)
			}
		}
		return nil
	}
	var curves []*curve
	rest := source + metaOverhead
	for _, w := range c.weights {
		curves = append(curves, &w.curve)
		rest += w.overhead() - w.whole
	}
	ranks, err := allocate(curves, size-rest)
	if err != nil {
		return fmt.Errorf("%d bytes: %w", size, err)
	}
	for i, w := range c.weights {
		w.rank = ranks[i]
	}
	return nil
}

// write writes the file.
func (c *compressor) write(ctx context.Context, out string, r *Result) error {
	f := &gguf.Writer{}
	if err := par.Guard(func() error { return c.meta(f) }); err != nil {
		return err
	}
	var written, total int64
	replaced := map[string]*weight{}
	for _, w := range c.weights {
		if w.rank > 0 {
			replaced[w.tensor.Name] = w
		}
	}
	r.Types = map[string]int{}
	put := func(name string, t quant.Type, dims []int, pieces func(yield func([]byte) bool)) error {
		r.Tensors++
		r.Types[t.String()]++
		return f.Add(name, t, dims, func(dst io.Writer) error {
			for piece := range pieces {
				if err := ctx.Err(); err != nil {
					return context.Cause(ctx)
				}
				err := par.Guard(func() error { _, err := dst.Write(piece); return err })
				if err != nil {
					return err
				}
				written += int64(len(piece))
				c.o.progress(Writing, written, total)
			}
			return nil
		})
	}
	for i := range c.src.Tensors {
		t := &c.src.Tensors[i]
		w := replaced[t.Name]
		if w == nil {
			if err := put(t.Name, t.Type, t.Dims, slices.Chunk(t.Data, 4<<20)); err != nil {
				return err
			}
			continue
		}
		u, v := layer.FactorNames(t.Name)
		size := func(n int) int { return n / c.format.Elems * c.format.Size }
		rows := func(yield func([]byte) bool) { // the first rank columns of U
			all := size(w.most)
			for at := 0; at < len(w.encoded[0]); at += all {
				if !yield(w.encoded[0][at : at+size(w.rank)]) {
					return
				}
			}
		}
		if err := put(u, c.format.Type, []int{w.rank, w.out}, rows); err != nil {
			return err
		}
		first := w.encoded[1][:w.rank*size(w.in.cols)]
		if err := put(v, c.format.Type, []int{w.in.cols, w.rank}, slices.Chunk(first, 4<<20)); err != nil {
			return err
		}
		r.Weights = append(r.Weights, Weight{t.Name, w.in.cols, w.out, w.rank, math.Sqrt(w.loss(w.rank))})
	}
	r.Kept = c.kept + len(c.weights) - len(r.Weights)
	if len(r.Weights) == 0 {
		r.Warnings = append(r.Warnings, "no weight becomes smaller at these ranks, so the file is as it was")
	}
	total = f.DataBytes()
	var err error
	r.Bytes, err = convert.Atomically(out, func(dst io.Writer) (int64, error) { return f.WriteTo(dst) })
	return err
}

// meta copies the metadata, and adds how the factors were made.
func (c *compressor) meta(f *gguf.Writer) error {
	for key := range c.src.Meta.Keys() {
		if strings.HasPrefix(key, "split.") {
			continue
		}
		if err := f.Copy(c.src.Meta, key); err != nil {
			return err
		}
	}
	tokens := 0
	for _, w := range c.o.Calibration {
		tokens += len(w)
	}
	if err := f.Set("compress.solver", c.o.solver()); err != nil {
		return err
	}
	return f.Set("compress.calibration.tokens", uint32(tokens))
}
