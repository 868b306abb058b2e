package quant

import (
	"unsafe"

	"github.com/godwit-ai/godwit/internal/vec"
)

// floatDirect is the most rows of activations for which float weights are multiplied as they are stored. For more, rows are widened once:
// on Zen 4, where that is free, it costs 3%, but other CPUs widen with the ports that multiply, which takes a third as long as
// multiplying by six rows; and rows of 1,024 columns or a multiple, which all fall on the same lines of a cache, are set apart.
const floatDirect = 64

// floatRows is the number of rows that floatPanel decodes at once: as many as a panel has, but no more than 512 KB of floats, which
// must stay in the second cache while the activations pass.
func floatRows(cols int) int { return min(panelRows, max(4, (1<<17)/floatStride(cols)&^3)) }

// floatStride is the distance of decoded rows: four of them in a row take the lines of the first cache in turn (of 4 KB).
func floatStride(cols int) int { return (cols+255)/512*512 + 256 }

// floatScratch is the number of float32 and of int8 that floatPanel needs.
func floatScratch(m Matrix) (floats, ints int) {
	floats, ints = decodeScratch(m)
	return floats + vec.TileScratch + floatRows(m.Cols)*floatStride(m.Cols), ints
}

// floatPanel computes rows [r0, r1) of a job from float32 activations: all of exact mode, and the float formats.
func floatPanel(in *Input, j *Job, r0, r1 int, s scratch) {
	cols := in.cols
	y := j.Y[r0:]
	if in.n == 1 || in.n <= floatDirect && active != &kernelsGo { // in Go, widening takes longer than multiplying
		data, n := j.M.Data[r0*j.M.RowBytes():r1*j.M.RowBytes()], (r1-r0)*cols
		switch j.M.Format.Type {
		case F32:
			if f, ok := alias[float32](data, n); ok {
				vec.DotTile(y, in.x, f, s.floats, in.n, r1-r0, cols, j.Stride, cols, cols)
				return
			}
		case F16:
			if h, ok := alias[uint16](data, n); ok {
				vec.DotTileF16(y, in.x, h, s.floats, in.n, r1-r0, cols, j.Stride, cols, cols)
				return
			}
		case BF16:
			if h, ok := alias[uint16](data, n); ok {
				vec.DotTileBF16(y, in.x, h, s.floats, in.n, r1-r0, cols, j.Stride, cols, cols)
				return
			}
		}
	}
	step, ld := floatRows(cols), floatStride(cols)
	lanes, w := s.floats[:vec.TileScratch], s.floats[vec.TileScratch:vec.TileScratch+step*ld]
	rest := scratch{s.floats[vec.TileScratch+step*ld:], s.ints}
	for ; r0 < r1; r0 += step {
		rows := min(step, r1-r0)
		for r := range rows {
			floatRow(w[r*ld:][:cols], j.M, r0+r, rest)
		}
		vec.DotTile(j.Y[r0:], in.x, w, lanes, in.n, rows, cols, j.Stride, cols, ld)
	}
}

// floatRow decodes row r of m.
func floatRow(dst []float32, m Matrix, r int, s scratch) {
	row := m.Row(r)
	switch m.Format.Type {
	case F32:
		if f, ok := alias[float32](row, len(dst)); ok {
			copy(dst, f)
			return
		}
	case F16:
		if h, ok := alias[uint16](row, len(dst)); ok {
			vec.F16ToF32(dst, h)
			return
		}
	case BF16:
		if h, ok := alias[uint16](row, len(dst)); ok {
			vec.BF16ToF32(dst, h)
			return
		}
	}
	if !active.decode.decode(dst, m.Format, row, s) {
		m.Format.Decode(dst, row)
	}
}

// littleEndian tells that numbers in memory have the byte order of the file formats.
var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// alias views the first n numbers of b without copying. It refuses where the host's byte order or the alignment of b does
// not allow it.
func alias[T uint16 | float32](b []byte, n int) ([]T, bool) {
	var t T
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !littleEndian || len(b) < n*int(unsafe.Sizeof(t)) || uintptr(p)%unsafe.Alignof(t) != 0 {
		return nil, false
	}
	return unsafe.Slice((*T)(p), n), true
}
