package attention

import (
	"math"

	"github.com/godwit-ai/godwit/internal/i8"
)

// pcaKeyGroup is how many coordinates of keys have the same bits: with 64 rows as many codes as planes need.
const pcaKeyGroup = 4

// pcaKeys are keys in the coordinates of a basis that have a variance of 1. A tile is heads of coordinates, then the codes of each run of
// equal bits in planes. The head of a coordinate that has bits is 16: 6 of its scale, one of pcaScales, and 10 of its lowest value in
// eighths of the scale. That of another one is 8: the mean of its rows, in eighths.
type pcaKeys struct {
	basisSet
	width int
	runs  []run
	heads int // coordinates that have bits
	size  int
}

func newPCAKeys(s basisSet, width int, bits []int) pcaKeys {
	k := pcaKeys{basisSet: s, width: width, runs: bitRuns(bits, pcaKeyGroup, width)}
	for g, b := range bits {
		if b > 0 {
			k.heads = (g + 1) * pcaKeyGroup
		}
	}
	k.size = dealt(k.runs, 2*k.heads+max(0, (width+pcaKeyGroup-1)/pcaKeyGroup*pcaKeyGroup-k.heads))
	k.size = (k.size + 15) / 16 * 16
	return k
}

func (k pcaKeys) pad() int { return (k.dim + i8.Group - 1) / i8.Group * i8.Group }

// Size implements Rows.
func (k pcaKeys) Size() int { return k.size }

// Room implements Integers: the panels, and a run before it is dealt out to them.
func (k pcaKeys) Room() int { return 2 * k.pad() * Tile }

// Put is never called: the keys are a Sealer's.
func (k pcaKeys) Put([]byte, int, []float32) {}

// Channels implements the interface.
func (k pcaKeys) Channels(tile []byte, scale, low []float32) {
	clear(scale)
	clear(low)
	heads := floats[uint16](tile[:2*k.heads])
	for _, r := range k.runs {
		for c := r.from; c < min(r.to, k.width); c++ {
			if r.bits == 0 {
				low[c] = pcaMean(tile[k.heads+c])
				continue
			}
			h := heads[c]
			scale[c] = pcaScales[h>>10]
			low[c] = float32(int(h&1023)-512) / 8 * scale[c]
			low[c] -= float32(kiviBias(r.bits) * scale[c])
		}
	}
}

// pcaMean is a mean as it is stored.
func pcaMean(b byte) float32 {
	if b == 0 {
		return float32(math.NaN())
	}
	return float32(int(b)-128) / 8
}

// Ints implements Integers. The scales are the coordinates'.
func (k pcaKeys) Ints(tile []byte, room []int8) ([]int8, []uint16) {
	all := k.pad() * Tile
	ints, part := room[:all], room[all:2*all]
	clear(ints)
	for _, r := range k.runs {
		n := (r.to - r.from) * i8.Panel // of a panel
		if r.bits == 4 {
			unpackNibbles(part, r.codes(tile), 2*n)
		} else if r.bits > 0 {
			i8.UnpackPlanes(part[:4*n], r.codes(tile), r.bits, false)
		} else {
			continue
		}
		for p := range Tile / i8.Panel {
			copy(ints[p*k.pad()*i8.Panel+r.from*i8.Panel:], part[p*n:][:n])
		}
	}
	return ints, nil
}

// index is where the code of coordinate c of key t is among its run's.
func (r run) index(c, t int) int {
	return (t/i8.Panel*(r.to-r.from)+(c-r.from)/4*4)*i8.Panel + t%i8.Panel*4 + (c-r.from)%4
}

// Seal implements Sealer.
func (k pcaKeys) Seal(tile []byte, x []float32) {
	clear(tile)
	heads := floats[uint16](tile[:2*k.heads])
	for _, r := range k.runs {
		for c := r.from; c < min(r.to, k.width); c++ {
			row := x[c*Tile:][:Tile]
			if r.bits == 0 {
				tile[k.heads+c] = storedMean(row)
				continue
			}
			e, low := pcaHead(row, r.bits)
			heads[c] = uint16(e<<10 | (low + 512))
			if scale := pcaScales[e]; scale == scale {
				inv, from, top := 1/scale, float32(low)/8*scale, float32(int(1)<<r.bits-1)
				for t, v := range row {
					setPlanes(r.codes(tile), r.index(c, t), r.panel(), r.bits, byte(pcaCode(v, from, inv, top)))
				}
			}
		}
	}
}

// pcaCode is the code that is nearest to v.
func pcaCode(v, from, inv, top float32) float32 {
	return max(0, min(top, float32(math.RoundToEven(float64(float32((v-from)*inv))))))
}

// storedMean is the mean of a row in eighths, 0 if that is not a number.
func storedMean(row []float32) byte {
	sum := float32(0)
	for _, v := range row {
		sum += v
	}
	if sum-sum != 0 {
		return 0
	}
	return byte(int(max(-127, min(127, math.RoundToEven(float64(sum/(Tile/8)))))) + 128)
}

// pcaTries is how many smaller scales are tried than one that reaches all rows, by bits: few levels are better used when the farthest rows
// are cut off.
var pcaTries = [...]int{0, 9, 4, 2, 1}

// pcaHead returns the scale and lowest value of a coordinate's rows that have the least squared error among some.
func pcaHead(row []float32, bits int) (e, low int) {
	least, most := row[0], row[0]
	for _, v := range row {
		least, most = min(least, v), max(most, v) // NaN if there is one
	}
	const last = len(pcaScales) - 1
	if most-least-(most-least) != 0 {
		return last, 0
	}
	top := float32(int(1)<<bits - 1)
	mid := least + (most-least)/2
	reach := func(e int) bool {
		return float32(511)/8*pcaScales[e] >= float32(math.Abs(float64(mid)))+float32(top/2*pcaScales[e])
	}
	first := 0
	for first < last-1 && (float32(pcaScales[first]*top) < most-least || !reach(first)) {
		first++
	}
	best := float32(math.Inf(1))
	for try := first; try >= max(0, first-pcaTries[bits]) && (try == first || reach(try)); try-- {
		scale := pcaScales[try]
		l := int(max(-512, min(511, math.RoundToEven(float64((mid-float32(top/2*scale))*8/scale)))))
		from, inv, sum := float32(l)/8*scale, 1/scale, float32(0)
		for _, v := range row {
			d := v - from - float32(pcaCode(v, from, inv, top)*scale)
			sum += float32(d * d)
		}
		if sum < best {
			best, e, low = sum, try, l
		}
	}
	return e, low
}

// Get implements Rows.
func (k pcaKeys) Get(dst []float32, tile []byte, n int) {
	heads := floats[uint16](tile[:2*k.heads])
	clear(dst[:k.dim*Tile])
	for _, r := range k.runs {
		for c := r.from; c < min(r.to, k.width); c++ {
			row := dst[c*Tile:][:n]
			if r.bits == 0 {
				for t := range row {
					row[t] = pcaMean(tile[k.heads+c])
				}
				continue
			}
			scale := pcaScales[heads[c]>>10]
			from := float32(int(heads[c]&1023)-512) / 8 * scale
			for t := range row {
				row[t] = from + float32(float32(getPlanes(r.codes(tile), r.index(c, t), r.panel(), r.bits))*scale)
			}
		}
	}
}
