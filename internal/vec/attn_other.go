//go:build !amd64 && !arm64

package vec

func mulAddSIMD(c, a, b []float32, m, k, n, lda, ldb, ldc int) {
	mulAddGo(c, a, b, m, k, n, lda, ldb, ldc)
}

func mulAddF16SIMD(c, a []float32, b []uint16, m, k, n, lda, ldb, ldc int) {
	mulAddF16Go(c, a, b, m, k, n, lda, ldb, ldc)
}

func softTileSIMD(s, max, sum, f []float32) { softTileGo(s, max, sum, f) }

func scaleRowsSIMD(y, f []float32, n int) { scaleRowsGo(y, f, n) }
