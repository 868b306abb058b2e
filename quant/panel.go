package quant

import "unsafe"

// A panel is 8 or 16 weight rows unpacked for the kernels that work on that many at once, lane by lane: a tile of small
// integers [cols/4][rows][4 columns], or [cols/8][8 rows][8 columns] for products of 2×8 by 8×2, and scales and offsets
// [groups][rows]. It is made once per product, in cache, and multiplied by every row of activations.

// directRows is the most rows of activations, not packed in fours, for which reading the packed weights again for each costs less than making
// a tile. Passes of 3 and 4 rows over the 135M model take 17 and 22 ms, with tiles 26 and 28 ms (AVX2; 29 and 30 with AVX-512);
// five take as long either way on the 270M model. Weights that are in cache already, as in benchmarks, favour tiles.
const directRows = 4

// tileMul multiplies a tile by rows of activations: for each row i it writes the tile's rows from y[i*stride]. Rows of a
// are cols apart, rows of meta cols/32*metaLen.
type tileMul func(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32)

// directMul multiplies 8 packed rows, stride bytes apart, by one row of activations.
type directMul func(y *float32, a *int8, cols int, meta *float32, w *byte, stride int)

// tiling is how one instruction set computes one format.
type tiling struct {
	// unpack is Format.Unpack for whole blocks, but q may be shifted to be unsigned if the kernels know, and m is
	// written only if the format has minima. nil: Format.Unpack.
	unpack           func(q *int8, d, m *float32, src *byte, blocks int)
	eight, four, one tileMul   // for 8, 4 and 1 rows of activations; only one is required
	direct           directMul // nil: through a tile
}

// tiler is the panel method of an instruction set.
type tiler struct {
	rows    int        // of a tile: 8 or 16
	special [64]tiling // by Type; those without kernels of their own are zero
	byGroup [2]tiling  // for formats without minima, with groups of 16 and of 32
	// interleave writes dst[i*pitch+r] = src[r*stride+i] for 8 rows r and i < n, a multiple of 8.
	interleave func(dst *uint32, pitch int, src *uint32, stride, n int)
	// eights writes dst[i*8+r] = src[r*stride+i] for 8 rows r and i < n, a multiple of 4: integers, eight columns at once. nil:
	// tiles have four columns together.
	eights func(dst, src *uint64, stride, n int)
}

func (k *tiler) of(f *Format) *tiling {
	if int(f.Type) < len(k.special) && k.special[f.Type].one != nil {
		return &k.special[f.Type]
	}
	return &k.byGroup[f.Group/32]
}

// pick is the kernel for up to n rows of activations, and how many it takes.
func (t *tiling) pick(n int) (rows int, mul tileMul) {
	switch {
	case n >= 8 && t.eight != nil:
		return 8, t.eight
	case n >= 4 && t.four != nil:
		return 4, t.four
	}
	return 1, t.one
}

// paddedGroups is the number of groups in a row rounded up to whole vectors of 8.
func paddedGroups(m Matrix) int { return (m.Cols/m.Format.Group + 7) &^ 7 }

// panelScratch is the number of float32 and of int8 that a panel of some rows of m needs.
func panelScratch(m Matrix, rows int) (floats, ints int) {
	return 4*rows*paddedGroups(m) + 8*rows, 2 * rows * m.Cols
}

// panel computes rows [r0, r1) of a job for all rows of the input.
func (k *tiler) panel(in *Input, j *Job, r0, r1 int, s scratch) {
	for t := k.of(j.M.Format); r0 < r1; r0 += k.rows {
		k.tile(t, in, j, r0, min(r0+k.rows, r1), s)
	}
}

// stream computes those of parts [b, end) of a job with few rows of activations that are direct's, and returns the first that is
// not. The eight rows that direct works on are an eighth of the matrix apart, and those of the next call follow them: eight long
// streams, which CPUs fetch ahead by themselves. Eight rows in succession are as many short ones, of 300 to 700 bytes, which they do
// not: on Zen 3 two threads read 8 GB/s that way, 17 with instructions that prefetch, 22 in long streams; a plain read gets 20.
func (k *tiler) stream(in *Input, j *Job, b, end int, s scratch) int {
	t := k.of(j.M.Format)
	if t.direct == nil || in.n > directRows || in.fours != 0 {
		return b
	}
	metaRow, rowBytes := in.cols/actBlock*metaLen, j.M.RowBytes()
	const each = panelRows / streams
	span := streamRows(j.M.Rows, rowBytes)
	end = min(end, span/each)
	out := (*[streams]float32)(s.floats)
	for r := b * each; r < end*each; r++ {
		w := j.M.Data[r*rowBytes : (r+(streams-1)*span+1)*rowBytes]
		for i := range in.n {
			t.direct(&out[0], &in.q[i*in.cols], in.cols, &in.meta[i*metaRow], &w[0], span*rowBytes)
			y := j.Y[i*j.Stride+r : i*j.Stride+r+(streams-1)*span+1]
			for n, v := range out {
				y[n*span] = v
			}
			if j.Bias != nil {
				for n := range streams {
					y[n*span] += j.Bias[r+n*span]
				}
			}
		}
	}
	return max(b, end)
}

// streams is the number of rows that direct works on.
const streams = 8

// streamRows is the number of rows in each of a matrix's streams, for whole panels; the rows after them are no stream's. Streams
// that begin on the same line of a page would fall on the same lines of the first cache, and so they are made shorter.
func streamRows(rows, rowBytes int) int {
	const each, page, apart = panelRows / streams, 4096, 256
	span := rows / panelRows * each
	for n := 0; n < 4 && span > each && (span*rowBytes+apart/2)%page < apart; n++ {
		span -= each
	}
	return span
}

// tile computes rows [r0, r1) of a job, at most k.rows, through a tile.
func (k *tiler) tile(t *tiling, in *Input, j *Job, r0, r1 int, s scratch) {
	cols, rows, metaRow := in.cols, r1-r0, in.cols/actBlock*metaLen
	p := k.split(s, cols, paddedGroups(j.M))
	k.unpack(t, j.M, r0, r1, p)
	y, stride := j.Y[r0:], j.Stride
	if rows < k.rows { // the kernels write whole rows of the tile: to the scratch, copied from there
		y, stride = p.y, k.rows
	}
	for i := 0; i < in.n; {
		step, mul := t.pick(in.n - i)
		a, meta := in.q[i*cols:(i+step)*cols], in.meta[i*metaRow:(i+step)*metaRow]
		out := y
		if rows == k.rows {
			out = y[i*stride : i*stride+(step-1)*stride+rows]
		}
		mul(&out[0], stride, &a[0], cols, &meta[0], &p.w[0], &p.d[0], &p.m[0])
		if rows < k.rows {
			for c := range step {
				copy(j.Y[(i+c)*j.Stride+r0:(i+c)*j.Stride+r1], out[c*k.rows:])
			}
		}
		i += step
	}
}

// panelParts are the parts of a worker's scratch: rows unpacked one by one, and the same interleaved.
type panelParts struct {
	q, w             []int8    // [rows, cols], [cols/4, rows, 4]
	rowD, rowM, d, m []float32 // [rows, groups] twice, [groups, rows] twice
	y                []float32 // [8, rows]
}

func (k *tiler) split(s scratch, cols, groups int) panelParts {
	c, g, f := k.rows*cols, k.rows*groups, s.floats
	return panelParts{s.ints[:c], s.ints[c : 2*c], f[:g], f[g : 2*g], f[2*g : 3*g], f[3*g : 4*g], f[4*g : 4*g+8*k.rows]}
}

// unpack makes the panel of rows [r0, r1) of m. Rows that are missing count as zeros.
func (k *tiler) unpack(t *tiling, m Matrix, r0, r1 int, p panelParts) {
	f, cols, groups := m.Format, m.Cols, paddedGroups(m)
	n := cols / f.Group
	for i := range k.rows {
		q, d, mins := p.q[i*cols:(i+1)*cols], p.rowD[i*groups:i*groups+n], p.rowM[i*groups:i*groups+n]
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
	for r := 0; r < k.rows; r += 8 {
		if k.eights != nil {
			k.eights((*uint64)(unsafe.Pointer(&p.w[r*cols])), (*uint64)(unsafe.Pointer(&p.q[r*cols])), cols/8, cols/8)
		} else {
			k.interleave((*uint32)(unsafe.Pointer(&p.w[4*r])), k.rows, (*uint32)(unsafe.Pointer(&p.q[r*cols])), cols/4, cols/4)
		}
		k.interleave((*uint32)(unsafe.Pointer(&p.d[r])), k.rows, (*uint32)(unsafe.Pointer(&p.rowD[r*groups])), groups, groups)
		if f.HasMin {
			k.interleave((*uint32)(unsafe.Pointer(&p.m[r])), k.rows, (*uint32)(unsafe.Pointer(&p.rowM[r*groups])), groups, groups)
		}
	}
}

// eightsGo defines the interleaving of eight columns.
func eightsGo(dst, src *uint64, stride, n int) {
	to, from := unsafe.Slice(dst, n*8), unsafe.Slice(src, 7*stride+n)
	for r := range 8 {
		for i, v := range from[r*stride : r*stride+n] {
			to[i*8+r] = v
		}
	}
}

// interleaveGo defines the interleaving of a panel.
func interleaveGo(dst *uint32, pitch int, src *uint32, stride, n int) {
	to, from := unsafe.Slice(dst, (n-1)*pitch+8), unsafe.Slice(src, 7*stride+n)
	for r := range 8 {
		for i, v := range from[r*stride : r*stride+n] {
			to[i*pitch+r] = v
		}
	}
}
