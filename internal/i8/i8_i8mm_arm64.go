package i8

import (
	"github.com/godwit-ai/godwit/internal/cpu"
	"github.com/godwit-ai/godwit/internal/impl"
)

// The kernels take as many rows as their names say; lds and ldy are in bytes, dim is a positive multiple of 32, at most
// maxPaired, as the rows are copied to the stack in pairs.

// With SMMLA. Twin: dotGo.
//
//go:noescape
func dot8I8MM(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// With SMMLA. Twin: mulAddGo.
//
//go:noescape
func mulAdd8I8MM(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// With SMMLA. Twin: dotGo.
//
//go:noescape
func dot4I8MM(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// With SMMLA. Twin: mulAddGo.
//
//go:noescape
func mulAdd4I8MM(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// maxPaired is twice the widest heads in use. Three rows and fewer stay with SDOT: a panel's columns have to be put together for
// SMMLA, which takes half as many instructions as the products of four rows and as many as those of two.
const maxPaired = 512

var (
	rowsI8MM = append(byRows{{8, dot8I8MM, mulAdd8I8MM}, {4, dot4I8MM, mulAdd4I8MM}}, rowsDot[1:]...)

	kernelsI8MM = kernels{quantize: quantizeWithNEON, weigh: weighWithNEON, dot: dotI8MM, mulAdd: mulAddI8MM, unpack4: unpack4WithNEON, planes: planesGo}
)

func dotI8MM(s []float32, lds int, q []int8, meta []Meta, w []int8, d []uint16, rows, dim int) {
	k := rowsI8MM
	if dim > maxPaired {
		k = rowsDot
	}
	k.dot(s, lds, q, meta, w, d, rows, dim)
}

func mulAddI8MM(y []float32, ldy int, p []int8, meta []Meta, w []int8, rows, dim int) {
	k := rowsI8MM
	if dim > maxPaired {
		k = rowsDot
	}
	k.mulAdd(y, ldy, p, meta, w, rows, dim)
}

func init() {
	impl.Register("i8", impl.Impl{Name: cpu.I8MM.Name, Available: cpu.I8MM.Have, Install: use(&kernelsI8MM)})
}
