package i8

import (
	"math"

	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// The kernels take as many rows as their names say; lds and ldy are in bytes, dim is a positive multiple of 32.

// Twin: dotGo.
//
//go:noescape
func dot4AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd4AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot3AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd3AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot2AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd2AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot1AVX2(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd1AVX2(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot8VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd8VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot4VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd4VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot3VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd3VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot2VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd2VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot1VNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd1VNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: quantizeGo.
//
//go:noescape
func quantizeAVX2(q *int8, meta *Meta, x *float32, groups int)

// weighAVX2: period is the number of groups in f. Twin: weighGo.
//
//go:noescape
func weighAVX2(q *int8, meta *Meta, x *float32, groups int, f *float32, period int)

// quantizeAVX512: groups is a positive multiple of 4. Twin: quantizeGo.
//
//go:noescape
func quantizeAVX512(q *int8, meta *Meta, x *float32, groups int)

// weigh2AVX512: groups is a positive multiple of 4, f has two. Twin: weighGo.
//
//go:noescape
func weigh2AVX512(q *int8, meta *Meta, x *float32, groups int, f *float32)

// unpack4AVX2: n is a positive multiple of 64. Twin: unpack4Go.
//
//go:noescape
func unpack4AVX2(lo, hi *int8, src *byte, n int)

func unpack4WithAVX2(lo, hi []int8, src []byte) { unpack4AVX2(&lo[0], &hi[0], &src[0], len(src)) }

func quantizeWithAVX2(q []int8, meta []Meta, x []float32) {
	quantizeAVX2(&q[0], &meta[0], &x[0], len(x)/Group)
}

func weighWithAVX2(q []int8, meta []Meta, x, f []float32) {
	weighAVX2(&q[0], &meta[0], &x[0], len(x)/Group, &f[0], len(f)/Group)
}

func quantizeWithAVX512(q []int8, meta []Meta, x []float32) {
	groups := len(x) / Group
	n := groups &^ 3
	if n > 0 {
		quantizeAVX512(&q[0], &meta[0], &x[0], n)
	}
	if n < groups {
		quantizeAVX2(&q[n*Group], &meta[n], &x[n*Group], groups-n)
	}
}

func weighWithAVX512(q []int8, meta []Meta, x, f []float32) {
	groups := len(x) / Group
	n := groups &^ 3
	if len(f) != 2*Group { // attention's tiles have 64 rows
		n = 0
	}
	if n > 0 {
		weigh2AVX512(&q[0], &meta[0], &x[0], n, &f[0])
	}
	if n < groups {
		weighAVX2(&q[n*Group], &meta[n], &x[n*Group], groups-n, &f[0], len(f)/Group)
	}
}

// allRows: sums of nibbles fit 16 bits, which saves half of the operations of int8.
const allRows = math.MaxInt

var (
	rowsAVX2 = byRows{{4, dot4AVX2, mulAdd4AVX2}, {3, dot3AVX2, mulAdd3AVX2}, {2, dot2AVX2, mulAdd2AVX2}, {1, dot1AVX2, mulAdd1AVX2}}
	rowsVNNI = byRows{{8, dot8VNNI, mulAdd8VNNI}, {4, dot4VNNI, mulAdd4VNNI}, {3, dot3VNNI, mulAdd3VNNI},
		{2, dot2VNNI, mulAdd2VNNI}, {1, dot1VNNI, mulAdd1VNNI}}

	kernelsAVX2 = kernels{quantize: quantizeWithAVX2, weigh: weighWithAVX2, dot: rowsAVX2.dot, mulAdd: rowsAVX2.mulAdd, unpack4: unpack4WithAVX2, planes: planesWithAVX2,
		nibbles: allRows, dot4: nibblesAVX2.dot, mulAdd4: nibblesAVX2.mulAdd}
	kernelsAVX512 = kernels{quantize: quantizeWithAVX512, weigh: weighWithAVX512, dot: rowsAVX2.dot, mulAdd: rowsAVX2.mulAdd, unpack4: unpack4WithAVX2, planes: planesWithAVX2,
		nibbles: allRows, dot4: nibblesAVX2.dot, mulAdd4: nibblesAVX2.mulAdd}
	kernelsVNNI = kernels{quantize: quantizeWithAVX512, weigh: weighWithAVX512, dot: rowsVNNI.dot, mulAdd: rowsVNNI.mulAdd, unpack4: unpack4WithAVX2, planes: planesWithAVX2,
		nibbles: maxNibbleRows, dot4: nibblesVNNI.dot, mulAdd4: nibblesVNNI.mulAdd}
)

func init() {
	impl.Register("i8", impl.Impl{Name: cpu.AVX2.Name, Available: cpu.AVX2.Have, Install: use(&kernelsAVX2)})
	impl.Register("i8", impl.Impl{Name: cpu.AVXVNNI.Name, Available: cpu.AVXVNNI.Have, Install: use(&kernelsAVXVNNI)})
	impl.Register("i8", impl.Impl{Name: cpu.AVX512.Name, Available: cpu.AVX512.Have, Install: use(&kernelsAVX512)})
	impl.Register("i8", impl.Impl{Name: cpu.AVX512VNNI.Name, Available: cpu.AVX512VNNI.Have, Install: use(&kernelsVNNI)})
}
