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
	if w > 0 {
		mulAddPanels(c, a, b, m, k, w, lda, ldb, ldc)
	}
	for j := 0; j < k && w < n; j += narrowRows {
		var narrow [narrowRows * lanes]float32
		rows := min(narrowRows, k-j)
		for i := range rows {
			copy(narrow[i*lanes:], b[(j+i)*ldb:][w:n])
		}
		mulAddNarrow(c[w:], a[j:], &narrow, m, rows, n-w, lda, ldc)
	}
}

func mulAddPanels(c, a, b []float32, m, k, n, lda, ldb, ldc int) {
	if wide {
		mulAddAVX512(&c[0], &a[0], &b[0], m, k, n, 4*lda, 4*ldb, 4*ldc)
	} else {
		mulAddAVX2(&c[0], &a[0], &b[0], m, k, n, 4*lda, 4*ldb, 4*ldc)
	}
}

func mulAddF16SIMD(c, a []float32, b []uint16, m, k, n, lda, ldb, ldc int) {
	w := n &^ (lanes - 1)
	switch {
	case w == 0:
	case wide:
		mulAddF16AVX512(&c[0], &a[0], &b[0], m, k, w, 4*lda, 2*ldb, 4*ldc)
	default:
		// Each pass reads 16 or 32 columns of all rows, so the rows of all passes are to stay in the first cache.
		for j, few := 0, max(1, 4096/ldb); j < k; j += few {
			mulAddF16AVX2(&c[0], &a[j], &b[j*ldb], m, min(few, k-j), w, 4*lda, 2*ldb, 4*ldc)
		}
	}
	for j := 0; j < k && w < n; j += narrowRows {
		var narrow [narrowRows * lanes]float32
		rows := min(narrowRows, k-j)
		for i := range rows {
			F16ToF32(narrow[i*lanes:][:n-w], b[(j+i)*ldb:][w:n])
		}
		mulAddNarrow(c[w:], a[j:], &narrow, m, rows, n-w, lda, ldc)
	}
}

// narrowRows is how many rows of b are multiplied at once where it has columns that fill no register.
const narrowRows = 64

// mulAddNarrow is MulAdd with n < lanes columns of b, beside which there are zeros. One by one in Go, products take some twenty times as long.
func mulAddNarrow(c, a []float32, b *[narrowRows * lanes]float32, m, k, n, lda, ldc int) {
	var sums [8 * lanes]float32
	for i := 0; i < m; i += 8 {
		rows := min(8, m-i)
		for r := range rows {
			copy(sums[r*lanes:][:n], c[(i+r)*ldc:])
		}
		mulAddPanels(sums[:], a[i*lda:], b[:], rows, k, lanes, lda, lanes, lanes)
		for r := range rows {
			copy(c[(i+r)*ldc:][:n], sums[r*lanes:])
		}
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
