package i8

// planes2AVX2: n is a quarter of the codes, a positive multiple of 32; twice is −1 for codes that are doubled, less what is taken off
// them. Twin: planesGo.
//
//go:noescape
func planes2AVX2(dst *int8, src *byte, n, twice, less int)

// planes3AVX2: n is an eighth of the codes, otherwise the same. Twin: planesGo.
//
//go:noescape
func planes3AVX2(dst *int8, src *byte, n, twice, less int)

func planesWithAVX2(dst []int8, src []byte, bits int, centred bool) {
	twice, less := 0, 0
	if centred {
		twice, less = -1, 1<<bits-1
	}
	if bits == 2 {
		planes2AVX2(&dst[0], &src[0], len(dst)/4, twice, less)
	} else {
		planes3AVX2(&dst[0], &src[0], len(dst)/8, twice, less)
	}
}
