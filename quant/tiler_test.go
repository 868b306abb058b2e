package quant

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/godwit-ai/godwit/internal/cpu"
)

// tilerCase is the panel method of an instruction set with what its unpackers add to q.
type tilerCase struct {
	level   cpu.Level
	k       *tiler
	kernels *kernels
	shift   map[Type]uint8
}

// room hands out memory for one call of a kernel; number i of the call has its own.
type room interface {
	int8s(i, n int) []int8
	uint8s(i, n int) []uint8
	uint32s(i, n int) []uint32
	float32s(i, n int) []float32
}

// heap is plain memory. Kernels are given the edges of pages elsewhere, where the system has such pages.
type heap struct{}

func (heap) int8s(_, n int) []int8       { return make([]int8, n) }
func (heap) uint8s(_, n int) []uint8     { return make([]uint8, n) }
func (heap) uint32s(_, n int) []uint32   { return make([]uint32, n) }
func (heap) float32s(_, n int) []float32 { return make([]float32, n) }

// TestTilerTwins calls the parts of the panel method one by one and compares each with its Go twin.
func TestTilerTwins(t *testing.T) {
	for _, c := range tilers {
		if !c.level.Have {
			t.Logf("%s: not on this machine", c.level.Name)
			continue
		}
		for _, problem := range c.differs(heap{}) {
			t.Errorf("%s: %s", c.level.Name, problem)
		}
	}
}

// TestTilerTwinsReject damages the parts and wants the comparison to notice.
func TestTilerTwinsReject(t *testing.T) {
	for _, c := range tilers {
		if !c.level.Have {
			continue
		}
		broken := map[string]func(k *tiler, kern *kernels){
			"interleave": func(k *tiler, _ *kernels) {
				k.interleave = func(dst *uint32, pitch int, src *uint32, stride, n int) {
					c.k.interleave(dst, pitch, src, stride, n)
					*dst ^= 1
				}
			},
			"quantize": func(_ *tiler, kern *kernels) {
				kern.quantize = func(q []int8, meta []float32, x []float32) {
					c.kernels.quantize(q, meta, x)
					q[len(q)-1] ^= 1
				}
			},
			"unpack": func(k *tiler, _ *kernels) {
				k.special[Q5_0].unpack = func(q *int8, d, m *float32, src *byte, blocks int) {
					c.k.special[Q5_0].unpack(q, d, m, src, blocks)
					*q ^= 16
				}
			},
			"decode": func(_ *tiler, kern *kernels) {
				d := *c.kernels.decode
				d.scale = func(dst *float32, q *int8, d, m *float32, groups, group, shift int) {
					c.kernels.decode.scale(dst, q, d, m, groups, group, shift)
					*dst++
				}
				kern.decode = &d
			},
			"tile": func(k *tiler, _ *kernels) {
				k.special[Q4_1].one = func(y *float32, stride int, a *int8, cols int, meta *float32, w *int8, d, m *float32) {
					c.k.special[Q4_1].one(y, stride, a, cols, meta, w, d, m)
					*y = -*y
				}
			},
			"fours": func(_ *tiler, kern *kernels) {
				kern.fours = func(q []int8, meta, x []float32, cols int) {
					c.kernels.fours(q, meta, x, cols)
					meta[0] = -meta[0]
				}
			},
			"eights": func(k *tiler, _ *kernels) {
				k.eights = func(dst, src *uint64, stride, n int) {
					c.k.eights(dst, src, stride, n)
					*dst ^= 1
				}
			},
			"direct": func(k *tiler, _ *kernels) {
				k.special[Q8_0].direct = func(y *float32, a *int8, cols int, meta *float32, w *byte, rowBytes int) {
					*y = 1
				}
			},
		}
		for name, hurt := range broken {
			if name == "direct" && c.k.special[Q8_0].direct == nil || (name == "fours" || name == "eights") && c.kernels.fours == nil {
				continue
			}
			k, kern := *c.k, *c.kernels
			hurt(&k, &kern)
			if len(tilerCase{c.level, &k, &kern, c.shift}.differs(heap{})) == 0 {
				t.Errorf("%s: the comparison accepts a wrong %s", c.level.Name, name)
			}
		}
	}
}

// TestPackFours: where each integer and each number of the meta goes.
func TestPackFours(t *testing.T) {
	var rows [4][actBlock]int8
	var metas [4][metaLen]float32
	for r := range rows {
		for c := range rows[r] {
			rows[r][c] = int8(32*r + c)
		}
		for i := range metas[r] {
			metas[r][i] = float32(10*r + i)
		}
	}
	var q [4 * actBlock]int8
	var meta [4 * metaLen]float32
	packFours(&q, &meta, &rows, &metas)
	for i, v := range q {
		columns, pair, row, c := i/32, i/16%2, i/8%2, i%8
		if want := rows[2*pair+row][8*columns+c]; v != want {
			t.Errorf("integer %d is %d, want %d", i, v, want)
		}
	}
	for i, v := range meta {
		kind, pair, row := i/8, i/4%2, i/2%2
		if want := metas[2*pair+row][[]int{0, 4, 5, 6}[kind]]; v != want {
			t.Errorf("meta %d is %v, want %v", i, v, want)
		}
	}
}

func (c tilerCase) differs(r room) (problems []string) {
	fail := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	rng := rand.New(rand.NewPCG(13, 13))
	for n := 8; n <= 72; n += 8 {
		for pitch := 8; pitch <= c.k.rows; pitch += 8 {
			stride := n + rng.IntN(5)
			src, dst := r.uint32s(0, 7*stride+n), r.uint32s(1, (n-1)*pitch+8)
			want := make([]uint32, len(dst))
			for i := range src {
				src[i] = rng.Uint32()
			}
			for i := range dst {
				dst[i], want[i] = 7, 7
			}
			c.k.interleave(&dst[0], pitch, &src[0], stride, n)
			if interleaveGo(&want[0], pitch, &src[0], stride, n); fmt.Sprint(dst) != fmt.Sprint(want) {
				fail("interleave of %d, pitch %d, stride %d", n, pitch, stride)
			}
		}
	}
	for n := 4; n <= 36 && c.k.eights != nil; n += 4 {
		stride := n + rng.IntN(5)
		src, dst, want := r.uint32s(0, 2*(7*stride+n)), r.uint32s(1, 16*n), make([]uint32, 16*n)
		for i := range src {
			src[i] = rng.Uint32()
		}
		words := func(x []uint32) *uint64 { return (*uint64)(unsafe.Pointer(&x[0])) }
		c.k.eights(words(dst), words(src), stride, n)
		if eightsGo(words(want), words(src), stride, n); !slices.Equal(dst, want) {
			fail("eights of %d, stride %d", n, stride)
		}
	}
	for groups := 1; groups <= 5; groups++ {
		for i := range 4 {
			group, shift, minima := 16<<(i&1), 0, i&2 != 0
			if c.shift != nil {
				shift = rng.IntN(64)
			}
			dst, q, d, m := r.float32s(0, groups*group), r.int8s(1, groups*group), r.float32s(2, groups), r.float32s(3, groups)
			for i := range q {
				q[i] = int8(rng.Uint32())
			}
			copy(d, randomFloats(rng, groups))
			copy(m, randomFloats(rng, groups))
			offsets, want := &m[0], make([]float32, len(dst))
			if !minima {
				offsets = nil
			}
			c.kernels.decode.scale(&dst[0], &q[0], &d[0], offsets, groups, group, shift)
			if scaleGo(&want[0], &q[0], &d[0], offsets, groups, group, shift); !bytes.Equal(bits(dst), bits(want)) {
				fail("scale of %d groups of %d, minima %v", groups, group, minima)
			}
		}
	}
	for _, kind := range rowKinds {
		for n := actBlock; n <= 5*actBlock; n += actBlock {
			x, q, meta := r.float32s(0, n), r.int8s(1, n), r.float32s(2, n/actBlock*metaLen)
			copy(x, row(kind, uint64(n), n))
			wantQ, wantMeta := make([]int8, n), make([]float32, len(meta))
			quantizeGo(wantQ, wantMeta, x)
			if c.kernels.quantize(q, meta, x); fmt.Sprint(q) != fmt.Sprint(wantQ) || !bytes.Equal(bits(meta), bits(wantMeta)) {
				fail("quantize of %d values, %s", n, kind)
			}
		}
	}
	for _, f := range Formats() {
		if f.Group == 0 {
			continue
		}
		t := c.k.of(f)
		for blocks := 1; blocks <= 5 && t.unpack != nil; blocks++ {
			src := r.uint8s(0, blocks*f.Size)
			copy(src, randomBytes(uint64(blocks), len(src)))
			if p := c.unpackDiffers(f, t, r, src, blocks); p != "" {
				fail("%s, %d blocks: %s", f.Name, blocks, p)
			}
			if p := c.decodeDiffers(f, r, src, blocks); p != "" {
				fail("%s, %d blocks: %s", f.Name, blocks, p)
			}
		}
		for _, cols := range []int{f.Elems, 3 * f.Elems} {
			data := randomData(f, rng, c.k.rows*cols/f.Elems)
			m := Matrix{Format: f, Rows: c.k.rows, Cols: cols, Data: data}
			for _, p := range c.productsDiffer(m, t, r, rng) {
				fail("%s, %d columns: %s", f.Name, cols, p)
			}
		}
	}
	return problems
}

// unpackDiffers compares an unpacker with Format.Unpack on blocks of any bits.
func (c tilerCase) unpackDiffers(f *Format, t *tiling, r room, src []byte, blocks int) string {
	n := blocks * f.Elems
	q, d, m := r.int8s(1, n), r.float32s(2, n/f.Group), r.float32s(3, n/f.Group)
	t.unpack(&q[0], &d[0], &m[0], &src[0], blocks)
	wantQ, wantD, wantM := make([]int8, n), make([]float32, n/f.Group), make([]float32, n/f.Group)
	f.Unpack(wantQ, wantD, wantM, src)
	for i := range wantQ {
		wantQ[i] += int8(c.shift[f.Type])
	}
	switch {
	case fmt.Sprint(q) != fmt.Sprint(wantQ):
		return "integers differ"
	case !bytes.Equal(bits(d), bits(wantD)):
		return "scales differ"
	case f.HasMin && !bytes.Equal(bits(m), bits(wantM)):
		return "offsets differ"
	}
	return ""
}

// decodeDiffers compares the decoder of exact mode with Format.Decode on blocks of any bits.
func (c tilerCase) decodeDiffers(f *Format, r room, src []byte, blocks int) string {
	n := blocks * f.Elems
	got, want := r.float32s(1, n), make([]float32, n)
	if !c.kernels.decode.decode(got, f, src, scratch{r.float32s(2, 2*(n/f.Group)), r.int8s(3, n)}) {
		return ""
	}
	f.Decode(want, src)
	for i, v := range want {
		if !sameBits(got[i], v) {
			return fmt.Sprintf("value %d is decoded as %v, not %v", i, got[i], v)
		}
	}
	return ""
}

// productsDiffer compares every kernel of a format with rowDot, on exactly as much memory as it may touch.
func (c tilerCase) productsDiffer(m Matrix, t *tiling, r room, rng *rand.Rand) (problems []string) {
	f, rows, cols := m.Format, c.k.rows, m.Cols
	groups, metaRow := cols/f.Group, cols/actBlock*metaLen
	floats, ints := panelScratch(m, rows)
	p := c.k.split(scratch{make([]float32, floats), make([]int8, ints)}, cols, paddedGroups(m))
	c.k.unpack(t, m, 0, rows, p)
	w, d, mins := r.int8s(0, rows*cols), r.float32s(1, rows*groups), r.float32s(2, rows*groups)
	copy(w, p.w)
	copy(d, p.d)
	copy(mins, p.m)
	check := func(name string, n int, run func(y []float32, stride int, a []int8, meta []float32), width int) {
		x, stride := randomFloats(rng, n*cols), width+3
		a, meta := make([]int8, n*cols), make([]float32, n*metaRow)
		quantizeGo(a, meta, x)
		given, givenMeta := r.int8s(3, n*cols), r.float32s(4, n*metaRow)
		if n == 4 && c.kernels.fours != nil {
			c.kernels.fours(given, givenMeta, x, cols)
		} else {
			copy(given, a)
			copy(givenMeta, meta)
		}
		y := r.float32s(5, (n-1)*stride+width)
		for i := range y {
			y[i] = 99
		}
		run(y, stride, given, givenMeta)
		q, wd, wm := make([]int8, cols), make([]float32, groups), make([]float32, groups)
		for i, got := range y {
			want, at := float32(99), i/stride
			if i%stride < width {
				f.Unpack(q, wd, wm, m.Row(i%stride))
				want = rowDot(q, wd, wm, f.Group, f.HasMin, a[at*cols:(at+1)*cols], meta[at*metaRow:(at+1)*metaRow])
			}
			if !sameBits(got, want) {
				problems = append(problems, fmt.Sprintf("%s: value %d is %v, want %v", name, i, got, want))
				return
			}
		}
	}
	for _, k := range []struct {
		name string
		n    int
		mul  tileMul
	}{{"one", 1, t.one}, {"four", 4, t.four}, {"eight", 8, t.eight}} {
		if k.mul != nil {
			check(k.name, k.n, func(y []float32, stride int, a []int8, meta []float32) {
				k.mul(&y[0], stride, &a[0], cols, &meta[0], &w[0], &d[0], &mins[0])
			}, rows)
		}
	}
	if t.direct != nil {
		packed := r.uint8s(6, 8*m.RowBytes())
		copy(packed, m.Data)
		check("direct", 1, func(y []float32, _ int, a []int8, meta []float32) {
			t.direct(&y[0], &a[0], cols, &meta[0], &packed[0], m.RowBytes())
		}, 8)
	}
	return problems
}
