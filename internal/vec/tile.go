package vec

import "unsafe"

// A tile is a small block of a product of matrices whose elements are Dots: its rows of a, at most tileActs of them, times four rows
// of w. Sixteen lanes of each element are held in registers, or stay in scratch between blocks of columns, and the tree
// adds them at the end; so an element has the bits of Dot whatever the blocks are.

const (
	tileActs = 6  // the most rows of activations that a kernel multiplies with each vector of weights
	tileRows = 16 // the most rows of weights that one set of lanes is kept for
	// tileCols is the most columns of a block: of 6 rows of activations and 4 of weights, 32 KB, the smallest first cache.
	tileCols = 768
)

// TileScratch is the length of DotTile's scratch.
const TileScratch = tileActs * tileRows * lanes

// kind is how a row of weights is stored.
type kind int

const (
	kindF32 kind = iota
	kindF16
	kindBF16
)

// DotTile sets y[i·ldy + r] = Dot(x[i·ldx:][:cols], w[r·ldw:]) for i < n and r < rows. Each vector of weights is fetched once for
// up to six rows of x. s is scratch of TileScratch elements.
func DotTile(y, x, w, s []float32, n, rows, cols, ldy, ldx, ldw int) {
	dotTile(kindF32, y, x, w, s, n, rows, cols, ldy, ldx, ldw)
}

// DotTileF16 is DotTile with IEEE halves w.
func DotTileF16(y, x []float32, w []uint16, s []float32, n, rows, cols, ldy, ldx, ldw int) {
	dotTile(kindF16, y, x, w, s, n, rows, cols, ldy, ldx, ldw)
}

// DotTileBF16 is DotTile with bfloat16s w.
func DotTileBF16(y, x []float32, w []uint16, s []float32, n, rows, cols, ldy, ldx, ldw int) {
	dotTile(kindBF16, y, x, w, s, n, rows, cols, ldy, ldx, ldw)
}

func dotTile[T float32 | uint16](kd kind, y, x []float32, w []T, s []float32, n, rows, cols, ldy, ldx, ldw int) {
	if n <= 0 || rows <= 0 || cols <= 0 {
		return
	}
	_, _, _ = y[(n-1)*ldy+rows-1], x[(n-1)*ldx+cols-1], w[(rows-1)*ldw+cols-1]
	r := 0
	if simd {
		s = s[:TileScratch]
		for ; rows-r >= 4; r += min(tileRows, (rows-r)&^3) {
			count := min(tileRows, (rows-r)&^3)
			tilePanel(kd, y[r:], x, w[r*ldw:], s, n, count, cols, ldy, ldx, ldw)
		}
	}
	for ; r < rows; r++ {
		for i := range n {
			y[i*ldy+r] = kd.dot(x[i*ldx:][:cols], unsafe.Pointer(&w[r*ldw]))
		}
	}
}

// tilePanel is dotTile for 4, 8, 12 or 16 rows of weights.
func tilePanel[T float32 | uint16](kd kind, y, x []float32, w []T, s []float32, n, rows, cols, ldy, ldx, ldw int) {
	size := int(unsafe.Sizeof(w[0]))
	steps := cols / lanes
	parts := max(1, (steps+tileCols/lanes-1)/(tileCols/lanes))
	for i := 0; i < n; {
		acts := tileStep(n - i)
		first := true
		for p := range parts {
			k0, k1 := steps*p/parts, steps*(p+1)/parts
			if k1 > k0 {
				dotTileLoop(kd, &s[0], &x[i*ldx+k0*lanes], 4*ldx, unsafe.Pointer(&w[k0*lanes]), size*ldw, k1-k0, acts, rows/4, first)
				first = false
			}
		}
		if first {
			clear(s[:acts*rows*lanes])
		}
		if k := steps * lanes; k < cols {
			for r := range rows {
				for a := range acts {
					l := s[(r/4*acts+a)*4*lanes+r%4*lanes:][:lanes]
					for c := k; c < cols; c++ {
						l[c-k] = FMA(x[(i+a)*ldx+c], kd.at(unsafe.Pointer(&w[r*ldw+c])), l[c-k])
					}
				}
			}
		}
		tileTrees(&y[i*ldy], 4*ldy, &s[0], acts, rows/4)
		i += acts
	}
}

// tileStep is the number of rows of activations to take next of n that are left: as even as can be.
func tileStep(n int) int {
	most := tileMax()
	blocks := (n + most - 1) / most
	return (n + blocks - 1) / blocks
}

// at widens the weight at p.
func (k kind) at(p unsafe.Pointer) float32 {
	switch k {
	case kindF16:
		return H2F(*(*uint16)(p))
	case kindBF16:
		return BF2F(*(*uint16)(p))
	}
	return *(*float32)(p)
}

// dot is Dot of a and the weights at p.
func (k kind) dot(a []float32, p unsafe.Pointer) float32 {
	switch k {
	case kindF16:
		return DotF16(a, unsafe.Slice((*uint16)(p), len(a)))
	case kindBF16:
		return dotBF16Go(a, unsafe.Slice((*uint16)(p), len(a)))
	}
	return Dot(a, unsafe.Slice((*float32)(p), len(a)))
}

func dotBF16Go(a []float32, b []uint16) float32 {
	var l [lanes]float32
	for i, x := range a {
		l[i%lanes] = FMA(x, BF2F(b[i]), l[i%lanes])
	}
	return tree(&l)
}

// dotTileGo defines the kernels of a tile: the lanes s[groups, acts, 4, 16] of groups of four rows of w take k vectors of 16
// columns more, after zeros if these are the first. Strides are in bytes.
func dotTileGo(kd kind, s, x *float32, ldx int, w unsafe.Pointer, ldw, k, acts, groups int, first bool) {
	size := 2
	if kd == kindF32 {
		size = 4
	}
	sum := unsafe.Slice(s, groups*acts*4*lanes)
	if first {
		clear(sum)
	}
	for g := range groups {
		for a := range acts {
			row := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(x), a*ldx)), k*lanes)
			for r := range 4 {
				l := sum[((g*acts+a)*4+r)*lanes:][:lanes]
				for c, v := range row {
					l[c%lanes] = FMA(v, kd.at(unsafe.Add(w, (4*g+r)*ldw+c*size)), l[c%lanes])
				}
			}
		}
	}
}

// tileTreesGo defines the end of a tile: y[a·ldy + 4g + r] is the tree of the lanes s[g, a, r]. ldy is in bytes.
func tileTreesGo(y *float32, ldy int, s *float32, acts, groups int) {
	sum := unsafe.Slice(s, groups*acts*4*lanes)
	for g := range groups {
		for a := range acts {
			out := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(y), a*ldy+16*g)), 4)
			for r := range out {
				l := [lanes]float32(sum[((g*acts+a)*4+r)*lanes:])
				out[r] = tree(&l)
			}
		}
	}
}
