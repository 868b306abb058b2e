package vec

import "unsafe"

// Strides are in bytes; k, acts (up to six) and groups are positive.

// Twin: dotTileGo.
//
//go:noescape
func dotTileNEON(s, x *float32, ldx int, w *float32, ldw, k, acts, groups int, first bool)

// Twin: dotTileGo.
//
//go:noescape
func dotTileF16NEON(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)

// Twin: dotTileGo.
//
//go:noescape
func dotTileBF16NEON(s, x *float32, ldx int, w *uint16, ldw, k, acts, groups int, first bool)

// Twin: tileTreesGo.
//
//go:noescape
func tileTreesNEON(y *float32, ldy int, s *float32, acts, groups int)

// tileMax is the most rows of activations that dotTileLoop takes.
func tileMax() int { return tileActs }

func dotTileLoop(kd kind, s, x *float32, ldx int, w unsafe.Pointer, ldw, k, acts, groups int, first bool) {
	switch kd {
	case kindF32:
		dotTileNEON(s, x, ldx, (*float32)(w), ldw, k, acts, groups, first)
	case kindF16:
		dotTileF16NEON(s, x, ldx, (*uint16)(w), ldw, k, acts, groups, first)
	default:
		dotTileBF16NEON(s, x, ldx, (*uint16)(w), ldw, k, acts, groups, first)
	}
}

func tileTrees(y *float32, ldy int, s *float32, acts, groups int) {
	tileTreesNEON(y, ldy, s, acts, groups)
}
