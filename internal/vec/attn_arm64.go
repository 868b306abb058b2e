package vec

import "math"

// The products are Axpy's chains, row by row, and SoftTile is composed of the kernels of vec_arm64.s.

func mulAddSIMD(c, a, b []float32, m, k, n, lda, ldb, ldc int) {
	w := n &^ 7
	for i := range m {
		if w > 0 {
			axpyRowsNEON(&c[i*ldc], &a[i*lda], &b[0], w, 4*ldb, k)
		}
	}
	if w < n {
		mulAddGo(c[w:], a, b[w:], m, k, n-w, lda, ldb, ldc)
	}
}

func mulAddF16SIMD(c, a []float32, b []uint16, m, k, n, lda, ldb, ldc int) {
	w := n &^ 7
	for i := range m {
		if w > 0 {
			axpyRowsF16NEON(&c[i*ldc], &a[i*lda], &b[0], w, 2*ldb, k)
		}
	}
	if w < n {
		mulAddF16Go(c[w:], a, b[w:], m, k, n-w, lda, ldb, ldc)
	}
}

func softTileSIMD(s, max, sum, f []float32) {
	var l [lanes]float32
	for r, old := range max {
		x := s[r*TileCols:][:TileCols]
		high := old
		if m := maxNEON(&x[0], TileCols) + 0; m > high {
			high = m
		}
		shift := high
		if high == float32(math.Inf(-1)) {
			shift = 0
		}
		for i := range x {
			x[i] -= shift
		}
		expNEON(&x[0], &x[0], TileCols)
		sumNEON(&x[0], TileCols, &l[0])
		f[r] = exp1(old - shift)
		sum[r] = float32(sum[r]*f[r]) + tree(&l)
		max[r] = high
	}
}

func scaleRowsSIMD(y, f []float32, n int) { scaleRowsGo(y, f, n) }
