package quant

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/internal/impl"
	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

// Job is one product of a Mul: Y gets x·Mᵀ (+ Bias) in columns [0, M.Rows) of rows Stride apart.
type Job struct {
	M      Matrix
	Y      []float32 // [n, Stride]
	Stride int       // at least M.Rows
	Bias   []float32 // [M.Rows], or nil
}

// panelRows is the largest number of weight rows that kernels work on together; work is split at multiples of it.
const panelRows = 16

// Mul computes all jobs, which have the same activations, in one parallel region.
//
// In exact mode an element is vec.Dot of the decoded weight row and the activations. So it is in fast mode for the float
// formats; for the others it is the sum over groups of d·float32(da·isum), fused and in order, where isum is the exact
// integer product of the group (see rowDot). An element has the same bits whatever n, the workers, the other jobs and the
// kernels in use are; only the payload of a NaN may differ. A library that the user asked for breaks this promise (see library).
//
// The errors are ErrShape, for jobs that do not fit the input, and those of team. Nothing is allocated once mem and the
// pool of task records have grown to the sizes in use.
func Mul(in *Input, team seq.Team, mem *seq.Arena, jobs ...Job) error {
	if in.n == 0 {
		return nil
	}
	workers := team.Workers()
	var panels, floats, ints int
	least := 1 // panels of a task
	for i := range jobs {
		j := &jobs[i]
		if err := in.check(j); err != nil {
			return fmt.Errorf("product %d of %d: %w", i+1, len(jobs), err)
		}
		panels += (j.M.Rows + panelRows - 1) / panelRows
		if library.err != nil && (in.exact || j.M.Format.Group == 0) {
			return library.err
		}
		if in.byLibrary(j) {
			least = libraryRows / panelRows
		}
		f, n := in.scratch(j)
		floats, ints = max(floats, f), max(ints, n)
	}
	mark := mem.Mark()
	p := products.get()
	p.in, p.floatLen, p.intLen = *in, floats, ints
	p.jobs = append(p.jobs[:0], jobs...)
	p.floats = seq.Take[float32](mem, workers*floats)
	p.ints = seq.Take[int8](mem, workers*ints)

	// A range of items should cost some microseconds, and each worker should get several.
	grain := min(1<<16/(panelRows*in.cols*in.n), panels/(4*workers))
	err := team.Run(panels, max(least, grain), p)

	clear(p.jobs)
	p.in, p.floats, p.ints = Input{}, nil, nil
	products.put(p)
	mem.Release(mark)
	return err
}

// scratch is the number of float32 and of int8 that a worker needs for a job, in whole cache lines, which workers do not share.
func (in *Input) scratch(j *Job) (floats, ints int) {
	if in.exact || j.M.Format.Group == 0 {
		floats, ints = floatScratch(j.M)
		if in.byLibrary(j) {
			floats += libraryRows * in.cols
		}
	} else {
		floats, ints = panelScratch(j.M, active.rows)
	}
	return (floats + 15) &^ 15, (ints + 63) &^ 63
}

// SizeMul counts what Mul takes for products of n rows with matrices by some workers.
func SizeMul(mem *seq.Sizer, n, workers int, exact bool, by ...Matrix) {
	var floats, ints int
	for _, m := range by {
		in := Input{n: n, cols: m.Cols, exact: exact}
		f, i := in.scratch(&Job{M: m})
		floats, ints = max(floats, f), max(ints, i)
	}
	mark := mem.Mark()
	seq.Size[float32](mem, workers*floats)
	seq.Size[int8](mem, workers*ints)
	mem.Release(mark)
}

// check refuses a job that does not fit the input.
func (in *Input) check(j *Job) error {
	m := j.M
	switch {
	case m.Format == nil:
		return fmt.Errorf("no matrix: %w", ErrShape)
	case m.Cols != in.cols:
		return fmt.Errorf("%d×%d %s times %d columns of activations: %w", m.Rows, m.Cols, m.Format.Name, in.cols, ErrShape)
	case m.Rows < 1 || m.Cols%m.Format.Elems != 0 || len(m.Data) < m.Rows*m.RowBytes():
		return fmt.Errorf("%d×%d %s in %d bytes: %w", m.Rows, m.Cols, m.Format.Name, len(m.Data), ErrShape)
	case m.Format.Group != 0 && !in.exact && (in.q == nil || actBlock%m.Format.Group != 0):
		return fmt.Errorf("%s with groups of %d, %d columns: %w", m.Format.Name, m.Format.Group, in.cols, ErrShape)
	case j.Stride < m.Rows || in.n > math.MaxInt/j.Stride || len(j.Y) < (in.n-1)*j.Stride+m.Rows:
		return fmt.Errorf("%d values %d apart for a result of %d×%d: %w", len(j.Y), j.Stride, in.n, m.Rows, ErrShape)
	case j.Bias != nil && len(j.Bias) != m.Rows:
		return fmt.Errorf("a bias of %d for %d rows: %w", len(j.Bias), m.Rows, ErrShape)
	}
	return nil
}

// product is the parallel task of Mul. Its items are panels of weight rows, counted through all jobs.
type product struct {
	in               Input
	jobs             []Job
	floats           []float32 // [workers, floatLen]
	ints             []int8    // [workers, intLen]
	floatLen, intLen int
}

func (p *product) Do(worker, lo, hi int) {
	s := scratch{
		floats: p.floats[worker*p.floatLen : (worker+1)*p.floatLen],
		ints:   p.ints[worker*p.intLen : (worker+1)*p.intLen],
	}
	first := 0
	for i := range p.jobs {
		j := &p.jobs[i]
		end := first + (j.M.Rows+panelRows-1)/panelRows
		if p.in.byLibrary(j) && lo < end && hi > first {
			r0, r1 := (max(lo, first)-first)*panelRows, min((min(hi, end)-first)*panelRows, j.M.Rows)
			libraryPanel(&p.in, j, r0, r1, s)
			if j.Bias != nil {
				addBias(j, p.in.n, r0, r1)
			}
			first = end
			continue
		}
		b, last := max(lo, first), min(hi, end)
		if b < last && active.stream != nil && !p.in.exact && j.M.Format.Group != 0 {
			b = first + active.stream(&p.in, j, b-first, last-first, s)
		}
		for ; b < last; b++ {
			r0 := (b - first) * panelRows
			r1 := min(r0+panelRows, j.M.Rows)
			if p.in.exact || j.M.Format.Group == 0 {
				floatPanel(&p.in, j, r0, r1, s)
			} else {
				active.panel(&p.in, j, r0, r1, s)
			}
			if j.Bias != nil {
				addBias(j, p.in.n, r0, r1)
			}
		}
		first = end
	}
}

func addBias(j *Job, n, r0, r1 int) {
	for i := range n {
		vec.Add(j.Y[i*j.Stride+r0:i*j.Stride+r1], j.Bias[r0:r1])
	}
}

// scratch is the memory of one worker.
type scratch struct {
	floats []float32 // [floatLen] of the product
	ints   []int8    // [intLen]
}

// kernels is one implementation of the int8 products. Every implementation gives the bits of kernelsGo.
type kernels struct {
	// quantize quantises whole blocks of activations.
	quantize func(q []int8, meta []float32, x []float32)
	// fours quantises four rows of activations for tile kernels that take them packed, as packFours lays them out. nil: none
	// do.
	fours func(q []int8, meta, x []float32, cols int)
	// panel computes rows [r0, r1) of a job, at most panelRows and beginning at a multiple of them, for all rows of the input.
	panel func(in *Input, j *Job, r0, r1 int, s scratch)
	// stream, where it is not nil, computes those of parts [b, end) of a job of which each has panelRows rows far apart, with their
	// biases: the first ones, see tiler.stream. It returns the first that it leaves to panel.
	stream func(in *Input, j *Job, b, end int, s scratch) int
	// rows is the number of weight rows that panel needs scratch for.
	rows int
	// decode makes rows of exact mode; nil: Format.Decode.
	decode *decoder
}

var kernelsGo = kernels{quantize: quantizeGo, panel: panelGo, rows: 1}

// active is the implementation in use.
var active = &kernelsGo

// use gives internal/impl the way to install k.
func use(k *kernels) func() { return func() { active = k } }

func init() {
	impl.Register("quant", impl.Impl{Name: "generic", Available: true, Install: use(&kernelsGo)})
}

// panelGo computes a panel from its definition, row by row.
func panelGo(in *Input, j *Job, r0, r1 int, s scratch) {
	f, cols := j.M.Format, in.cols
	groups := cols / f.Group
	q, d, m := s.ints[:cols], s.floats[:groups], s.floats[groups:2*groups]
	for r := r0; r < r1; r++ {
		f.Unpack(q, d, m, j.M.Row(r))
		for i := range in.n {
			meta := in.meta[i*cols/actBlock*metaLen : (i+1)*cols/actBlock*metaLen]
			j.Y[i*j.Stride+r] = rowDot(q, d, m, f.Group, f.HasMin, in.q[i*cols:(i+1)*cols], meta)
		}
	}
}

// rowDot is the definition of an element in fast mode: an unpacked row of weights (groups of 32 or 16) times a row of
// quantised activations. Formats with minima add their share group by group, right after the product.
func rowDot(q []int8, d, m []float32, group int, hasMin bool, a []int8, meta []float32) float32 {
	var acc float32
	a = a[:len(q)]
	for g, dw := range d {
		var isum int32
		x := a[g*group : (g+1)*group]
		for k, w := range q[g*group : (g+1)*group] {
			isum += int32(w) * int32(x[k])
		}
		b := meta[g*group/actBlock*metaLen:]
		acc = vec.FMA(dw, float32(b[0]*float32(isum)), acc)
		if hasMin {
			at := 4 // da·Σa of the block, or of the group
			if group == 16 {
				at = 5 + g&1
			}
			acc = vec.FMA(m[g], b[at], acc)
		}
	}
	return acc
}
