package layer

import (
	"github.com/godwit-ai/godwit/quant"
	"github.com/godwit-ai/godwit/seq"
)

// Linear is y = W·x + B. Where the map is factorised it is y = W·(V·x) + B, with a V of few rows.
type Linear struct {
	Name string       // that of its tensors without ".weight"; "": a map that nobody asks about
	W    quant.Matrix // [out, in], or [out, rank]
	V    quant.Matrix // [rank, in]; without a format: the map is not factorised
	B    []float32    // [out], or nil
}

// factored reports whether the map is a product of two.
func (l *Linear) factored() bool { return l.V.Format != nil }

// in returns the number of inputs.
func (l *Linear) in() int {
	if l.factored() {
		return l.V.Cols
	}
	return l.W.Cols
}

// out returns the number of outputs.
func (l *Linear) out() int { return l.W.Rows }

// Part returns the part of the map that gives the outputs from r0 up to, not including, r1. Parts share V.
func (l Linear) Part(r0, r1 int) Linear {
	if l.W.Format == nil {
		return l // a tensor that is missing
	}
	l.W = l.W.Slice(r0, r1)
	if l.B != nil {
		l.B = l.B[r0:r1]
	}
	return l
}

// job is the product with W.
func (l *Linear) job(y []float32) quant.Job {
	return quant.Job{M: l.W, Y: y, Stride: l.W.Rows, Bias: l.B}
}

// sharing is how many maps that take the same input have room on the stack; more allocate.
const sharing = 4

// mul computes ys[i][n, out] by maps[i] of the same input, in one parallel region as long as none is factorised. The V of all
// factorised ones are computed together with those that are not, V of parts once; each W after that has an input of its own.
// (Maps and results are two lists because in one the maps of an expert would escape to the heap with the results.)
func mul(in *quant.Input, at *seq.Step, ys [][]float32, maps ...*Linear) error {
	if at.Tap != nil {
		if err := tapped(in, at, maps); err != nil {
			return err
		}
	}
	mark, n := at.Mem.Mark(), in.Rows()
	jobs := make([]quant.Job, 0, sharing)
	mids := make([][]float32, 0, sharing) // of the maps so far: [n, rank]; nil: it is not factorised, or a part of an earlier one
	second := false
	for i, l := range maps {
		var mid []float32
		switch {
		case !l.factored():
			jobs = append(jobs, l.job(ys[i]))
		case !l.follows(maps[:i]):
			mid, second = seq.Take[float32](at.Mem, n*l.V.Rows), true
			jobs = append(jobs, quant.Job{M: l.V, Y: mid, Stride: l.V.Rows})
		}
		mids = append(mids, mid)
	}
	if err := quant.Mul(in, at.Team, at.Mem, jobs...); err != nil || !second {
		return err
	}
	for i, mid := range mids {
		if mid == nil {
			continue
		}
		var half quant.Input
		if err := half.Set(mid, n, maps[i].V.Rows, at.Exact, at.Team, at.Mem); err != nil {
			return err
		}
		jobs = jobs[:0]
		for j, l := range maps[i:] {
			if j == 0 || l.sibling(maps[i]) {
				jobs = append(jobs, l.job(ys[i+j]))
			}
		}
		if err := quant.Mul(&half, at.Team, at.Mem, jobs...); err != nil {
			return err
		}
	}
	at.Mem.Release(mark)
	return nil
}

// sizeMul counts what mul takes.
func sizeMul(mem *seq.Sizer, at *seq.StepSize, maps ...*Linear) {
	mark := mem.Mark()
	first := make([]quant.Matrix, 0, sharing)
	for i, l := range maps {
		switch {
		case !l.factored():
			first = append(first, l.W)
		case !l.follows(maps[:i]):
			seq.Size[float32](mem, at.N*l.V.Rows)
			first = append(first, l.V)
		}
	}
	quant.SizeMul(mem, at.N, at.Workers, at.Exact, first...)
	for i, l := range maps {
		if !l.factored() || l.follows(maps[:i]) {
			continue
		}
		quant.SizeInput(mem, at.N, l.V.Rows, at.Exact)
		second := make([]quant.Matrix, 0, sharing)
		for j, s := range maps[i:] {
			if j == 0 || s.sibling(l) {
				second = append(second, s.W)
			}
		}
		quant.SizeMul(mem, at.N, at.Workers, at.Exact, second...)
	}
	mem.Release(mark)
}

// sibling reports whether two maps are parts of one factorised map.
func (l *Linear) sibling(m *Linear) bool {
	return l.factored() && m.factored() && &l.V.Data[0] == &m.V.Data[0]
}

// follows reports whether one of the maps is a part of the same.
func (l *Linear) follows(maps []*Linear) bool {
	for _, m := range maps {
		if l.sibling(m) {
			return true
		}
	}
	return false
}

// tapped tells the step's tap which maps take in what.
func tapped(in *quant.Input, at *seq.Step, maps []*Linear) error {
	var names []string
	for _, l := range maps {
		if l.Name != "" && !l.factored() {
			names = append(names, l.Name)
		}
	}
	if names == nil {
		return nil
	}
	x, cols := in.Values()
	return at.Tap(at, names, x, cols)
}
