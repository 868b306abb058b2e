package vec

import "math"

// MulAdd adds a·b to c: c[m, n] += a[m, k]·b[k, n]. Each element is a chain of fused multiply-adds in the order of k, so that a
// product cut along k gives the same bits. Rows lie lda, ldb and ldc elements apart. Attention is two of these products.
func MulAdd(c, a, b []float32, m, k, n, lda, ldb, ldc int) {
	if m <= 0 || k <= 0 || n <= 0 {
		return
	}
	_, _, _ = c[(m-1)*ldc+n-1], a[(m-1)*lda+k-1], b[(k-1)*ldb+n-1]
	if simd {
		mulAddSIMD(c, a, b, m, k, n, lda, ldb, ldc)
		return
	}
	mulAddGo(c, a, b, m, k, n, lda, ldb, ldc)
}

func mulAddGo(c, a, b []float32, m, k, n, lda, ldb, ldc int) {
	for i := range m {
		y := c[i*ldc:][:n]
		for j, x := range a[i*lda:][:k] {
			axpyGo(y, x, b[j*ldb:])
		}
	}
}

// MulAddF16 is MulAdd with IEEE halves b, for products of few rows: halves are widened anew for every few rows of c.
func MulAddF16(c, a []float32, b []uint16, m, k, n, lda, ldb, ldc int) {
	if m <= 0 || k <= 0 || n <= 0 {
		return
	}
	_, _, _ = c[(m-1)*ldc+n-1], a[(m-1)*lda+k-1], b[(k-1)*ldb+n-1]
	if simd {
		mulAddF16SIMD(c, a, b, m, k, n, lda, ldb, ldc)
		return
	}
	mulAddF16Go(c, a, b, m, k, n, lda, ldb, ldc)
}

func mulAddF16Go(c, a []float32, b []uint16, m, k, n, lda, ldb, ldc int) {
	for i := range m {
		y := c[i*ldc:][:n]
		for j, x := range a[i*lda:][:k] {
			axpyF16Go(y, x, b[j*ldb:])
		}
	}
}

// TileCols is the number of keys whose logits SoftTile takes at once.
const TileCols = 64

// SoftTile adds a tile of logits, s[rows, TileCols], to the running softmax of each row: max[r] becomes the largest logit so
// far, f[r] = e^(old max − max), s = e^(s − max) and sum[r] = sum[r]·f[r] + Sum(s). NaN are passed over by max and stay in s;
// where every logit so far is −∞, 0 is subtracted instead. rows is len(max).
func SoftTile(s, max, sum, f []float32) {
	rows := len(max)
	if rows == 0 {
		return
	}
	_, _, _ = s[rows*TileCols-1], sum[rows-1], f[rows-1]
	if simd {
		softTileSIMD(s, max, sum, f)
		return
	}
	softTileGo(s, max, sum, f)
}

func softTileGo(s, max, sum, f []float32) {
	for r, old := range max {
		x := s[r*TileCols:][:TileCols]
		high := old
		if m := maxGo(x) + 0; m > high {
			high = m
		}
		shift := high
		if high == float32(math.Inf(-1)) {
			shift = 0 // −∞ − −∞ is not a number
		}
		for i := range x {
			x[i] -= shift
		}
		expGo(x, x)
		f[r] = exp1(old - shift)
		sum[r] = float32(sum[r]*f[r]) + sumGo(x)
		max[r] = high
	}
}

// ScaleRows multiplies each row of y[len(f), n] by its f[r]; rows of 1 are left alone.
func ScaleRows(y, f []float32, n int) {
	if len(f) == 0 || n == 0 {
		return
	}
	_ = y[len(f)*n-1]
	if simd {
		scaleRowsSIMD(y, f, n)
		return
	}
	scaleRowsGo(y, f, n)
}

func scaleRowsGo(y, f []float32, n int) {
	for r, a := range f {
		if a != 1 {
			Scale(y[r*n:][:n], a)
		}
	}
}
