package vec

import "unsafe"

// stripMaxNEON: n > 0 strips. Twin: stripMaxGo.
//
//go:noescape
func stripMaxNEON(high, x *float32, n int)

// sumExpNEON: n > 0 strips. Twin: sumExpGo.
//
//go:noescape
func sumExpNEON(sum *Lanes, x *float32, n int, shift float32)

func stripMaxLoop(high, x *float32, n int) { stripMaxNEON(high, x, n) }

func sumExpLoop(sum *Lanes, x *float32, n int, shift float32) { sumExpNEON(sum, x, n, shift) }

// NEON has neither compression nor a cheap mask of lanes: the first two, of which only flat distributions need more than a few calls,
// stay as they are,
// and so do two that only rare steps of a sampler use.

func sumFromLoop(sum *Lanes, key, p *float32, n int, least float32) int {
	return sumFromGo(sum, unsafe.Slice(key, n), unsafe.Slice(p, n), least)
}

func sumProdLoop(sum *Lanes, p, x *float32, n int, shift float32) {
	sumProdGo(sum, unsafe.Slice(p, n), unsafe.Slice(x, n), shift)
}

func nearLoop(y, x *float32, n int, at float64) { nearGo(unsafe.Slice(y, n), unsafe.Slice(x, n), at) }

func pickLoop(ids *int32, xs *float32, id *int32, x, key *float32, n int, lo, hi float32) int {
	return pickGo(unsafe.Slice(ids, n), unsafe.Slice(xs, n), unsafe.Slice(id, n), unsafe.Slice(x, n), unsafe.Slice(key, n), lo, hi)
}
