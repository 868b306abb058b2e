package quant

import (
	"unsafe"

	"github.com/godwit-ai/godwit/internal/vec"
)

// floatPanel computes rows [r0, r1) of a job from float32 activations: all of exact mode, and the float formats. The
// panel's rows are decoded once and stay in cache while the activations pass.
func floatPanel(in *Input, j *Job, r0, r1 int, s scratch) {
	cols, n := in.cols, r1-r0
	data := j.M.Data[r0*j.M.RowBytes() : r1*j.M.RowBytes()]
	if in.n == 1 && j.M.Format.Type == F16 {
		if w, ok := alias[uint16](data, n*cols); ok {
			vec.DotRowsF16(j.Y[r0:r1], in.x, w, cols)
			return
		}
	}
	w, ok := []float32(nil), false
	if j.M.Format.Type == F32 {
		w, ok = alias[float32](data, n*cols)
	}
	if !ok {
		w = s.floats[:n*cols]
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
