package quant

import "unsafe"

// A panel is 8 weight rows unpacked for the kernels that work on 8 rows at once, lane by lane: a tile of small integers
// [cols/4][8 rows][4 columns], and scales and offsets [groups][8 rows]. It is made once per product, in cache, and
// multiplied by every row of activations.

// directRows is the most rows of activations for which reading the packed weights again for each costs less than making
// a tile.
const directRows = 3

// tileMul multiplies a tile by rows of activations: for each row i it writes 8 values from y[i*stride]. Rows of a are
// cols apart, rows of meta cols/32*metaLen.
type tileMul func(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// tiling is how one instruction set computes one format.
type tiling struct {
	// unpack is Format.Unpack for whole blocks, but q may be shifted to be unsigned if the kernels know, and m is
	// written only if mins. nil: Format.Unpack.
	unpack func(q *int8, d, m *float32, src *byte, blocks int)
	mins   bool
	four   tileMul // 4 rows of activations
	one    tileMul // 1 row
	// direct multiplies 8 packed rows, rowBytes apart, by one row of activations; nil: through a tile.
	direct func(y *float32, a *int8, cols int, meta *float32, w *byte, rowBytes int)
}

// tiler is the panel method of an instruction set.
type tiler struct {
	special [64]tiling // by Type; those without kernels of their own are zero
	byGroup [2]tiling  // for formats with groups of 16 and of 32
	// interleave writes dst[i*8+r] = src[r*stride+i] for 8 rows r and i < n, a multiple of 8.
	interleave func(dst, src *uint32, stride, n int)
}

func (k *tiler) of(f *Format) *tiling {
	if int(f.Type) < len(k.special) && k.special[f.Type].four != nil {
		return &k.special[f.Type]
	}
	return &k.byGroup[f.Group/32]
}

// paddedGroups is the number of groups in a row rounded up to whole vectors of 8.
func paddedGroups(m Matrix) int { return (m.Cols/m.Format.Group + 7) &^ 7 }

// panelScratch is the number of float32 and of int8 that a panel of m needs.
func panelScratch(m Matrix) (floats, ints int) {
	return 4*panelRows*paddedGroups(m) + 4*panelRows, 2 * panelRows * m.Cols
}

// panel computes rows [r0, r1) of a job for all rows of the input.
func (k *tiler) panel(in *Input, j *Job, r0, r1 int, s scratch) {
	t := k.of(j.M.Format)
	cols, rows := in.cols, r1-r0
	metaRow := cols / actBlock * metaLen
	if t.direct != nil && in.n <= directRows && rows == panelRows {
		w := j.M.Data[r0*j.M.RowBytes() : r1*j.M.RowBytes()]
		for i := range in.n {
			y := j.Y[i*j.Stride+r0 : i*j.Stride+r1]
			t.direct(&y[0], &in.q[i*cols], cols, &in.meta[i*metaRow], &w[0], len(w)/panelRows)
		}
		return
	}
	groups := paddedGroups(j.M)
	w, d, m := s.tile(cols, groups)
	k.unpack(t, j.M, r0, r1, s)
	y, stride := j.Y[r0:], j.Stride
	if rows < panelRows { // the kernels write 8 values a row: to the scratch, copied from there
		y, stride = s.floats[len(s.floats)-4*panelRows:], panelRows
	}
	for i := 0; i < in.n; {
		step, mul := 1, t.one
		if i+4 <= in.n {
			step, mul = 4, t.four
		}
		a, meta := in.q[i*cols:(i+step)*cols], in.meta[i*metaRow:(i+step)*metaRow]
		out := y
		if rows == panelRows {
			out = y[i*stride : i*stride+(step-1)*stride+panelRows]
		}
		mul(&out[0], stride, &a[0], cols, &meta[0], &w[0], &d[0], &m[0])
		if rows < panelRows {
			for c := range step {
				copy(j.Y[(i+c)*j.Stride+r0:(i+c)*j.Stride+r1], out[c*panelRows:])
			}
		}
		i += step
	}
}

// tile is the place of a panel: the tile [cols/4, 8, 4], scales and offsets [groups, 8].
func (s scratch) tile(cols, groups int) (w []int8, d, m []float32) {
	n := panelRows * groups
	return s.ints[panelRows*cols : 2*panelRows*cols], s.floats[2*n : 3*n], s.floats[3*n : 4*n]
}

// unpack makes the panel of rows [r0, r1) of m. Rows that are missing from 8 count as zeros.
func (k *tiler) unpack(t *tiling, m Matrix, r0, r1 int, s scratch) {
	f, cols, groups := m.Format, m.Cols, paddedGroups(m)
	n := cols / f.Group
	w, td, tm := s.tile(cols, groups)
	for i := range panelRows {
		q := s.ints[i*cols : (i+1)*cols]
		d := s.floats[i*groups : i*groups+n]
		mins := s.floats[(panelRows+i)*groups : (panelRows+i)*groups+n]
		switch {
		case i >= r1-r0:
			clear(q)
			clear(d)
			clear(mins)
		case t.unpack != nil:
			src := m.Row(r0 + i)
			t.unpack(&q[0], &d[0], &mins[0], &src[0], cols/f.Elems)
		default:
			f.Unpack(q, d, mins, m.Row(r0+i))
		}
	}
	k.interleave((*uint32)(unsafe.Pointer(&w[0])), (*uint32)(unsafe.Pointer(&s.ints[0])), cols/4, cols/4)
	k.interleave((*uint32)(unsafe.Pointer(&td[0])), (*uint32)(unsafe.Pointer(&s.floats[0])), groups, groups)
	if t.mins {
		k.interleave((*uint32)(unsafe.Pointer(&tm[0])), (*uint32)(unsafe.Pointer(&s.floats[panelRows*groups])), groups, groups)
	}
}

// interleaveGo is the interleaving of a panel in Go.
func interleaveGo(dst, src *uint32, stride, n int) {
	to, from := unsafe.Slice(dst, 8*n), unsafe.Slice(src, 7*stride+n)
	for r := range panelRows {
		for i, v := range from[r*stride : r*stride+n] {
			to[i*panelRows+r] = v
		}
	}
}
