package quant

import (
	"unsafe"
)

// floatPanel computes rows [r0, r1) of a job from float32 activations: all of exact mode, and the float formats. The
// panel's rows are decoded once and stay in cache while the activations pass.
func floatPanel(in *Input, j *Job, r0, r1 int, s scratch) {
	cols := in.cols
	if in.n == 1 && j.M.Format.Type == F16 {
		for r := r0; r < r1; r++ {
			if w, ok := alias[uint16](j.M.Row(r), cols); ok {
				j.Y[r] = dotF16(in.x, w)
				continue
			}
			j.M.DecodeRow(s.floats[:cols], r)
			j.Y[r] = dot(s.floats[:cols], in.x)
		}
		return
	}
	var rows [panelRows][]float32
	for r := r0; r < r1; r++ {
		k := r - r0
		if j.M.Format.Type == F32 {
			if w, ok := alias[float32](j.M.Row(r), cols); ok {
				rows[k] = w
				continue
			}
		}
		rows[k] = s.floats[k*cols : (k+1)*cols]
		j.M.DecodeRow(rows[k], r)
	}
	for i := range in.n {
		x := in.x[i*cols : (i+1)*cols]
		y := j.Y[i*j.Stride+r0 : i*j.Stride+r1]
		for k := range y {
			y[k] = dot(rows[k], x)
		}
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
