//go:build !amd64 && !arm64

package vec

import "unsafe"

func tileMax() int { return tileActs }
func dotTileLoop(kd kind, s, x *float32, ldx int, w unsafe.Pointer, ldw, k, acts, groups int, first bool) {
}
func tileTrees(y *float32, ldy int, s *float32, acts, groups int) {}
