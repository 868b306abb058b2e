package vec

// stripMaxAVX2: n > 0 strips. Twin: stripMaxGo.
//
//go:noescape
func stripMaxAVX2(high, x *float32, n int)

// sumExpAVX2: n > 0 strips. Twin: sumExpGo.
//
//go:noescape
func sumExpAVX2(sum *Lanes, x *float32, n int, shift float32)

// sumExpAVX512: n > 0 strips. Twin: sumExpGo.
//
//go:noescape
func sumExpAVX512(sum *Lanes, x *float32, n int, shift float32)

// sumFromAVX2: n a positive multiple of 16. Twin: sumFromGo.
//
//go:noescape
func sumFromAVX2(sum *Lanes, key, p *float32, n int, least float32) int

// sumFromAVX512: n a positive multiple of 16. Twin: sumFromGo.
//
//go:noescape
func sumFromAVX512(sum *Lanes, key, p *float32, n int, least float32) int

// sumProdAVX2: n a positive multiple of 16. Twin: sumProdGo.
//
//go:noescape
func sumProdAVX2(sum *Lanes, p, x *float32, n int, shift float32)

// nearAVX2: n a positive multiple of 8. Twin: nearGo.
//
//go:noescape
func nearAVX2(y, x *float32, n int, at float64)

// pickAVX2: n a positive multiple of 8. Twin: pickGo.
//
//go:noescape
func pickAVX2(ids *int32, xs *float32, id *int32, x, key *float32, n int, lo, hi float32, packs *[256][8]int32) int

// pickAVX512: n a positive multiple of 16. Twin: pickGo.
//
//go:noescape
func pickAVX512(ids *int32, xs *float32, id *int32, x, key *float32, n int, lo, hi float32) int

func stripMaxLoop(high, x *float32, n int) { stripMaxAVX2(high, x, n) }

func sumExpLoop(sum *Lanes, x *float32, n int, shift float32) {
	if wide {
		sumExpAVX512(sum, x, n, shift)
		return
	}
	sumExpAVX2(sum, x, n, shift)
}

func sumFromLoop(sum *Lanes, key, p *float32, n int, least float32) int {
	if wide {
		return sumFromAVX512(sum, key, p, n, least)
	}
	return sumFromAVX2(sum, key, p, n, least)
}

func sumProdLoop(sum *Lanes, p, x *float32, n int, shift float32) { sumProdAVX2(sum, p, x, n, shift) }
func nearLoop(y, x *float32, n int, at float64)                   { nearAVX2(y, x, n, at) }

func pickLoop(ids *int32, xs *float32, id *int32, x, key *float32, n int, lo, hi float32) int {
	if wide {
		return pickAVX512(ids, xs, id, x, key, n, lo, hi)
	}
	return pickAVX2(ids, xs, id, x, key, n, lo, hi, &packs)
}
