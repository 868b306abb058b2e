package vec

// wide says that AVX-512 is in use too: by the kernels that are faster with it.
var wide bool

// softTileAVX512: rows > 0 of 64 logits. Twin: softTileGo.
//
//go:noescape
func softTileAVX512(s, max, sum, f *float32, rows int)

// mulAddAVX512: as mulAddAVX2. Twin: mulAddGo.
//
//go:noescape
func mulAddAVX512(c, a, b *float32, m, k, n, lda, ldb, ldc int)

// mulAddF16AVX512: as mulAddF16AVX2. Twin: mulAddF16Go.
//
//go:noescape
func mulAddF16AVX512(c, a *float32, b *uint16, m, k, n, lda, ldb, ldc int)

// expAVX512: n > 0. Twin: expGo.
//
//go:noescape
func expAVX512(y, x *float32, n int)

// scaleRowsAVX512: n, rows > 0. Twin: scaleRowsGo.
//
//go:noescape
func scaleRowsAVX512(y, f *float32, n, rows int)
