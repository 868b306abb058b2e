package i8

import "github.com/godwit-ai/godwit/internal/vec"

// maxNibbleRows is the most rows that a kernel multiplies at once with nibbles.
const maxNibbleRows = 4

// Nibbles reports whether Dot4 and MulAdd4 are the faster way for so many rows. Other rows are better multiplied after Unpack4.
func Nibbles(rows int) bool { return rows <= active.nibbles }

// Dot4 is Dot with nibbles, w[len(w)·2/(16·dim), dim/8, 16, 4]: a byte's low one, less 8, is of a column of the first half of
// dim, the high one of the same column of the second half. dim is a multiple of 64.
func Dot4(s []float32, lds int, q []int8, meta []Meta, w []byte, d []uint16, rows, dim int) {
	panels := len(w) * 2 / (Panel * dim)
	if rows <= 0 || panels == 0 {
		return
	}
	_, _ = s[(rows-1)*lds+panels*Panel-1], q[rows*dim-1]
	_, _ = meta[rows*dim/Group-1], d[panels*dim/Group*Panel-1]
	w = w[:panels*Panel*dim/2]
	if active.dot4 == nil {
		dot4Go(s, lds, q, meta, w, d, rows, dim)
		return
	}
	active.dot4(s, lds, q, meta, w, d, rows, dim)
}

func dot4Go(s []float32, lds int, q []int8, meta []Meta, w []byte, d []uint16, rows, dim int) {
	groups, half := dim/Group, dim/2
	for p := range len(w) * 2 / (Panel * dim) {
		w, d := w[p*Panel*half:][:Panel*half], d[p*groups*Panel:][:groups*Panel]
		for r := range rows {
			for t := range Panel {
				var acc float32
				for g := range groups {
					c := g * Group
					isum := dotNibbles(q[r*dim+c:], w[c%half*Panel+4*t:], c/half*4)
					acc = vec.FMA(vec.H2F(d[g*Panel+t]), float32(meta[r*groups+g].Scale*float32(isum)), acc)
				}
				s[r*lds+p*Panel+t] = acc
			}
		}
	}
}

// dotNibbles is dotGroup with the nibbles at bit shift, less 8.
func dotNibbles(q []int8, w []byte, shift int) (sum int32) {
	for k := range Group {
		sum += int32(q[k]) * (int32(w[k/4*4*Panel+k%4]>>shift&15) - 8)
	}
	return sum
}

// MulAdd4 is MulAdd with nibbles, w[len(w)/(16·dim), dim/4, 16, 4]: the low ones, less 8, are a panel, the high ones the next.
func MulAdd4(y []float32, ldy int, p []int8, meta []Meta, w []byte, rows, dim int) {
	pairs := len(w) / (Panel * dim)
	if rows <= 0 || pairs == 0 {
		return
	}
	_, _, _ = y[(rows-1)*ldy+2*pairs*Panel-1], p[rows*dim-1], meta[rows*dim/Group-1]
	w = w[:pairs*Panel*dim]
	if active.mulAdd4 == nil {
		mulAdd4Go(y, ldy, p, meta, w, rows, dim)
		return
	}
	active.mulAdd4(y, ldy, p, meta, w, rows, dim)
}

func mulAdd4Go(y []float32, ldy int, p []int8, meta []Meta, w []byte, rows, dim int) {
	groups := dim / Group
	for c := range len(w) / dim * 2 {
		w := w[c/(2*Panel)*Panel*dim+c%Panel*4:]
		for r := range rows {
			acc := &y[r*ldy+c]
			for g := range groups {
				isum := dotNibbles(p[r*dim+g*Group:], w[g*Group*Panel:], c/Panel%2*4)
				*acc = vec.FMA(meta[r*groups+g].Scale, float32(isum), *acc)
			}
		}
	}
}

// nibbleRows are loops for 1 to maxNibbleRows rows, as those of byRows.
type nibbleRows [maxNibbleRows + 1]struct {
	dot    func(s *float32, lds int, q *int8, meta *Meta, w *byte, d *uint16, dim, panels int)
	mulAdd func(y *float32, ldy int, p *int8, meta *Meta, w *byte, dim, pairs int)
}

func (l *nibbleRows) dot(s []float32, lds int, q []int8, meta []Meta, w []byte, d []uint16, rows, dim int) {
	for r := 0; r < rows; r += maxNibbleRows {
		l[min(rows-r, maxNibbleRows)].dot(&s[r*lds], 4*lds, &q[r*dim], &meta[r*dim/Group], &w[0], &d[0], dim, len(w)*2/(Panel*dim))
	}
}

func (l *nibbleRows) mulAdd(y []float32, ldy int, p []int8, meta []Meta, w []byte, rows, dim int) {
	for r := 0; r < rows; r += maxNibbleRows {
		l[min(rows-r, maxNibbleRows)].mulAdd(&y[r*ldy], 4*ldy, &p[r*dim], &meta[r*dim/Group], &w[0], dim, len(w)/(Panel*dim))
	}
}
