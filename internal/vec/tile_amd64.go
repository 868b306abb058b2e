package vec

import "unsafe"

// The tile kernels for AVX2 take up to three rows of activations, those for AVX-512 six. Strides are in bytes; k, acts and
// groups are positive.

// Twin: dotTileGo.
//
//go:noescape
func dotTileAVX2(s, x *float32, ldx int, w *float32, ldw, k, acts, groups int, first bool)

// Twin: dotTileGo.
//
//go:noescape
func dotTileF16AVX2(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)

// Twin: dotTileGo.
//
//go:noescape
func dotTileBF16AVX2(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)

// Twin: dotTileGo.
//
//go:noescape
func dotTileAVX512(s, x *float32, ldx int, w *float32, ldw, k, acts, groups int, first bool)

// Twin: dotTileGo.
//
//go:noescape
func dotTileF16AVX512(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)

// Twin: dotTileGo.
//
//go:noescape
func dotTileBF16AVX512(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)

// Twin: tileTreesGo.
//
//go:noescape
func tileTreesAVX2(y *float32, ldy int, s *float32, acts, groups int)

// tileMax is the most rows of activations that dotTileLoop takes.
func tileMax() int {
	if wide {
		return 6
	}
	return 3
}

func dotTileLoop(kd kind, s, x *float32, ldx int, w unsafe.Pointer, ldw, k, acts, groups int, first bool) {
	switch {
	case wide && kd == kindF32:
		dotTileAVX512(s, x, ldx, (*float32)(w), ldw, k, acts, groups, first)
	case wide && kd == kindF16:
		dotTileF16AVX512(s, x, ldx, (*uint16)(w), ldw, k, acts, groups, first)
	case wide:
		dotTileBF16AVX512(s, x, ldx, (*uint16)(w), ldw, k, acts, groups, first)
	case kd == kindF32:
		dotTileAVX2(s, x, ldx, (*float32)(w), ldw, k, acts, groups, first)
	case kd == kindF16:
		dotTileF16AVX2(s, x, ldx, (*uint16)(w), ldw, k, acts, groups, first)
	default:
		dotTileBF16AVX2(s, x, ldx, (*uint16)(w), ldw, k, acts, groups, first)
	}
}

func tileTrees(y *float32, ldy int, s *float32, acts, groups int) {
	tileTreesAVX2(y, ldy, s, acts, groups)
}
