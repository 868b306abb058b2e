package i8

// Products of as many rows as the names say with nibbles; lds and ldy are in bytes, dim is a positive multiple of 64 for dots, of 32
// else.

// Twin: dot4Go.
//
//go:noescape
func nibbleDot1VNNI(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)

// Twin: mulAdd4Go.
//
//go:noescape
func nibbleMulAdd1VNNI(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)

// Twin: dot4Go.
//
//go:noescape
func nibbleDot2VNNI(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)

// Twin: mulAdd4Go.
//
//go:noescape
func nibbleMulAdd2VNNI(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)

// Twin: dot4Go.
//
//go:noescape
func nibbleDot3VNNI(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)

// Twin: mulAdd4Go.
//
//go:noescape
func nibbleMulAdd3VNNI(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)

// Twin: dot4Go.
//
//go:noescape
func nibbleDot4VNNI(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)

// Twin: mulAdd4Go.
//
//go:noescape
func nibbleMulAdd4VNNI(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)

// Twin: dot4Go.
//
//go:noescape
func nibbleDot1AVX2(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)

// Twin: mulAdd4Go.
//
//go:noescape
func nibbleMulAdd1AVX2(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)

// Twin: dot4Go.
//
//go:noescape
func nibbleDot2AVX2(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)

// Twin: mulAdd4Go.
//
//go:noescape
func nibbleMulAdd2AVX2(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)

// Twin: dot4Go.
//
//go:noescape
func nibbleDot3AVX2(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)

// Twin: mulAdd4Go.
//
//go:noescape
func nibbleMulAdd3AVX2(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)

// Twin: dot4Go.
//
//go:noescape
func nibbleDot4AVX2(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)

// Twin: mulAdd4Go.
//
//go:noescape
func nibbleMulAdd4AVX2(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)

var nibblesAVX2 = nibbleRows{
	1: {nibbleDot1AVX2, nibbleMulAdd1AVX2},
	2: {nibbleDot2AVX2, nibbleMulAdd2AVX2},
	3: {nibbleDot3AVX2, nibbleMulAdd3AVX2},
	4: {nibbleDot4AVX2, nibbleMulAdd4AVX2},
}

var nibblesVNNI = nibbleRows{
	1: {nibbleDot1VNNI, nibbleMulAdd1VNNI},
	2: {nibbleDot2VNNI, nibbleMulAdd2VNNI},
	3: {nibbleDot3VNNI, nibbleMulAdd3VNNI},
	4: {nibbleDot4VNNI, nibbleMulAdd4VNNI},
}
