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

func dotWithDot(s []float32, lds int, q []int8, meta []Meta, w []int8, d []uint16, rows, dim int) {
	panels, groups := len(w)/(Panel*dim), dim/Group
	for r := 0; r < rows; {
		s, q, meta := &s[r*lds], &q[r*dim], &meta[r*groups]
		switch left := rows - r; {
		case left >= 4:
			dot4Dot(s, 4*lds, q, meta, &w[0], &d[0], dim, panels)
			r += 4
		case left >= 3:
			dot3Dot(s, 4*lds, q, meta, &w[0], &d[0], dim, panels)
			r += 3
		case left >= 2:
			dot2Dot(s, 4*lds, q, meta, &w[0], &d[0], dim, panels)
			r += 2
		default:
			dot1Dot(s, 4*lds, q, meta, &w[0], &d[0], dim, panels)
			r += 1
		}
	}
}

func mulAddWithDot(y []float32, ldy int, p []int8, meta []Meta, w []int8, rows, dim int) {
	panels, groups := len(w)/(Panel*dim), dim/Group
	for r := 0; r < rows; {
		y, p, meta := &y[r*ldy], &p[r*dim], &meta[r*groups]
		switch left := rows - r; {
		case left >= 4:
			mulAdd4Dot(y, 4*ldy, p, meta, &w[0], dim, panels)
			r += 4
		case left >= 3:
			mulAdd3Dot(y, 4*ldy, p, meta, &w[0], dim, panels)
			r += 3
		case left >= 2:
			mulAdd2Dot(y, 4*ldy, p, meta, &w[0], dim, panels)
			r += 2
		default:
			mulAdd1Dot(y, 4*ldy, p, meta, &w[0], dim, panels)
			r += 1
		}
	}
}

func dotWithNEON(s []float32, lds int, q []int8, meta []Meta, w []int8, d []uint16, rows, dim int) {
	for r := range rows {
		dot1NEON(&s[r*lds], 4*lds, &q[r*dim], &meta[r*dim/Group], &w[0], &d[0], dim, len(w)/(Panel*dim))
	}
}

func mulAddWithNEON(y []float32, ldy int, p []int8, meta []Meta, w []int8, rows, dim int) {
	for r := range rows {
		mulAdd1NEON(&y[r*ldy], 4*ldy, &p[r*dim], &meta[r*dim/Group], &w[0], dim, len(w)/(Panel*dim))
	}
}

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
	kernelsNEON = kernels{quantizeWithNEON, weighWithNEON, dotWithNEON, mulAddWithNEON, unpack4WithNEON}
	kernelsDot  = kernels{quantizeWithNEON, weighWithNEON, dotWithDot, mulAddWithDot, unpack4WithNEON}
)

func init() {
	impl.Register("i8", impl.Impl{Name: cpu.NEON.Name, Available: cpu.NEON.Have, Install: use(&kernelsNEON)})
	impl.Register("i8", impl.Impl{Name: cpu.DotProd.Name, Available: cpu.DotProd.Have, Install: use(&kernelsDot)})
}
