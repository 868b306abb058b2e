package quant

import (
	"unsafe"

	"github.com/godwit-ai/godwit/internal/vec"
)

// floatRows is the number of rows that floatPanel decodes at once: as floats, more would not stay in the second cache.
const floatRows = 8

// floatPanel computes rows [r0, r1) of a job from float32 activations: all of exact mode, and the float formats. Rows
// are decoded once and stay in cache while the activations pass.
func floatPanel(in *Input, j *Job, r0, r1 int, s scratch) {
	for ; r0 < r1; r0 += floatRows {
		floatTile(in, j, r0, min(r0+floatRows, r1), s)
	}
}

func floatTile(in *Input, j *Job, r0, r1 int, s scratch) {
	cols, n := in.cols, r1-r0
	data := j.M.Data[r0*j.M.RowBytes() : r1*j.M.RowBytes()]
	w, done := s.floats[:n*cols], false
	switch j.M.Format.Type {
	case F32:
		if f, ok := alias[float32](data, n*cols); ok {
			w, done = f, true
		}
	case F16:
		if h, ok := alias[uint16](data, n*cols); ok {
			if in.n <= 3 { // more rows repay widening once
				for i := range in.n {
					vec.DotRowsF16(j.Y[i*j.Stride+r0:i*j.Stride+r1], in.x[i*cols:(i+1)*cols], h, cols)
				}
				return
			}
			vec.F16ToF32(w, h)
			done = true
		}
	}
	if !done {
		j.M.Format.Decode(w, data)
	}
	for i := range in.n {
		vec.DotRows(j.Y[i*j.Stride+r0:i*j.Stride+r1], in.x[i*cols:(i+1)*cols], w, cols)
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
