package i8

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// The kernels take as many rows as their names say; lds and ldy are in bytes, dim is a positive multiple of 32.

// With SDOT. Twin: dotGo.
//
//go:noescape
func dot4Dot(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// With SDOT. Twin: mulAddGo.
//
//go:noescape
func mulAdd4Dot(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// With SDOT. Twin: dotGo.
//
//go:noescape
func dot3Dot(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// With SDOT. Twin: mulAddGo.
//
//go:noescape
func mulAdd3Dot(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// With SDOT. Twin: dotGo.
//
//go:noescape
func dot2Dot(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// With SDOT. Twin: mulAddGo.
//
//go:noescape
func mulAdd2Dot(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// With SDOT. Twin: dotGo.
//
//go:noescape
func dot1Dot(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// With SDOT. Twin: mulAddGo.
//
//go:noescape
func mulAdd1Dot(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot1NEON(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd1NEON(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: quantizeGo.
//
//go:noescape
func quantizeNEON(q *int8, meta *Meta, x *float32, groups int)

// weighNEON: period is the number of groups in f. Twin: weighGo.
//
//go:noescape
func weighNEON(q *int8, meta *Meta, x *float32, groups int, f *float32, period int)

// unpack4NEON: n is a positive multiple of 64. Twin: unpack4Go.
//
//go:noescape
func unpack4NEON(lo, hi *int8, src *byte, n int)

func unpack4WithNEON(lo, hi []int8, src []byte) { unpack4NEON(&lo[0], &hi[0], &src[0], len(src)) }

func quantizeWithNEON(q []int8, meta []Meta, x []float32) {
	quantizeNEON(&q[0], &meta[0], &x[0], len(x)/Group)
}

func weighWithNEON(q []int8, meta []Meta, x, f []float32) {
	weighNEON(&q[0], &meta[0], &x[0], len(x)/Group, &f[0], len(f)/Group)
}

var (
	rowsNEON = byRows{{1, dot1NEON, mulAdd1NEON}}
	rowsDot  = byRows{{4, dot4Dot, mulAdd4Dot}, {3, dot3Dot, mulAdd3Dot}, {2, dot2Dot, mulAdd2Dot}, {1, dot1Dot, mulAdd1Dot}}

	kernelsNEON = kernels{quantize: quantizeWithNEON, weigh: weighWithNEON, dot: rowsNEON.dot, mulAdd: rowsNEON.mulAdd, unpack4: unpack4WithNEON, planes: planesGo}
	kernelsDot  = kernels{quantize: quantizeWithNEON, weigh: weighWithNEON, dot: rowsDot.dot, mulAdd: rowsDot.mulAdd, unpack4: unpack4WithNEON, planes: planesGo}
)

func init() {
	impl.Register("i8", impl.Impl{Name: cpu.NEON.Name, Available: cpu.NEON.Have, Install: use(&kernelsNEON)})
	impl.Register("i8", impl.Impl{Name: cpu.DotProd.Name, Available: cpu.DotProd.Have, Install: use(&kernelsDot)})
}
