package vec

// mulAddAVX2: c[m, n] += a[m, k]·b[k, n]; n a multiple of 16, the others positive; strides in bytes. Twin: mulAddGo.
//
//go:noescape
func mulAddAVX2(c, a, b *float32, m, k, n, lda, ldb, ldc int)

// mulAddF16AVX2: mulAddAVX2 with halves b. Twin: mulAddF16Go.
//
//go:noescape
func mulAddF16AVX2(c, a *float32, b *uint16, m, k, n, lda, ldb, ldc int)

// softTileAVX2: rows > 0 of 64 logits. Twin: softTileGo.
//
//go:noescape
func softTileAVX2(s, max, sum, f *float32, rows int)

// scaleAVX2: y[0:n] *= a, n a positive multiple of 8. Twin: scaleRowsGo.
//
//go:noescape
func scaleAVX2(y *float32, n int, a float32)

func mulAddSIMD(c, a, b []float32, m, k, n, lda, ldb, ldc int) {
	w := n &^ (lanes - 1)
	switch {
	case w == 0:
	case wide:
		mulAddAVX512(&c[0], &a[0], &b[0], m, k, w, 4*lda, 4*ldb, 4*ldc)
	default:
		mulAddAVX2(&c[0], &a[0], &b[0], m, k, w, 4*lda, 4*ldb, 4*ldc)
	}
	if w < n {
		mulAddGo(c[w:], a, b[w:], m, k, n-w, lda, ldb, ldc)
	}
}

func mulAddF16SIMD(c, a []float32, b []uint16, m, k, n, lda, ldb, ldc int) {
	w := n &^ (lanes - 1)
	switch {
	case w == 0:
	case wide:
		mulAddF16AVX512(&c[0], &a[0], &b[0], m, k, w, 4*lda, 2*ldb, 4*ldc)
	default:
		mulAddF16AVX2(&c[0], &a[0], &b[0], m, k, w, 4*lda, 2*ldb, 4*ldc)
	}
	if w < n {
		mulAddF16Go(c[w:], a, b[w:], m, k, n-w, lda, ldb, ldc)
	}
}

func softTileSIMD(s, max, sum, f []float32) {
	if wide && len(max) > 1 { // one row is all latency
		softTileAVX512(&s[0], &max[0], &sum[0], &f[0], len(max))
		return
	}
	softTileAVX2(&s[0], &max[0], &sum[0], &f[0], len(max))
}

func scaleRowsSIMD(y, f []float32, n int) {
	if wide {
		scaleRowsAVX512(&y[0], &f[0], n, len(f))
		return
	}
	w := n &^ 7
	for r, a := range f {
		if a != 1 {
			if w > 0 {
				scaleAVX2(&y[r*n], w, a)
			}
			Scale(y[r*n+w:(r+1)*n], a)
		}
	}
}
