package i8

// The kernels for AVX-VNNI take as many rows as their names say; lds and ldy are in bytes, dim is a positive multiple of 32.

// Twin: dotGo.
//
//go:noescape
func dot4AVXVNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd4AVXVNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot3AVXVNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd3AVXVNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot2AVXVNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd2AVXVNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot1AVXVNNI(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd1AVXVNNI(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// The same for tests on CPUs that have the instruction with AVX-512 only: the same source but for how VPDPBUSD is encoded. Programs
// do not call these and so do not contain them.

// Twin: dotGo.
//
//go:noescape
func dot4EVEX(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd4EVEX(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot3EVEX(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd3EVEX(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot2EVEX(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd2EVEX(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

// Twin: dotGo.
//
//go:noescape
func dot1EVEX(s *float32, lds int, q *int8, meta *Meta, w *int8, d *uint16, dim, panels int)

// Twin: mulAddGo.
//
//go:noescape
func mulAdd1EVEX(y *float32, ldy int, p *int8, meta *Meta, w *int8, dim, panels int)

var (
	rowsAVXVNNI = byRows{{4, dot4AVXVNNI, mulAdd4AVXVNNI}, {3, dot3AVXVNNI, mulAdd3AVXVNNI}, {2, dot2AVXVNNI, mulAdd2AVXVNNI}, {1, dot1AVXVNNI, mulAdd1AVXVNNI}}

	kernelsAVXVNNI = kernels{quantize: quantizeWithAVX2, weigh: weighWithAVX2, dot: rowsAVXVNNI.dot, mulAdd: rowsAVXVNNI.mulAdd, unpack4: unpack4WithAVX2, planes: planesWithAVX2,
		nibbles: maxNibbleRows, dot4: nibblesAVX2.dot, mulAdd4: nibblesAVX2.mulAdd}
)
