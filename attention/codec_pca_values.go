package attention

import (
	"math"

	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/vec"
)

// pcaValueGroup is how many coordinates of values have the same bits: a panel.
const pcaValueGroup = i8.Panel

// pcaValues are values in the coordinates of a basis, in units of their steps. A tile is the codes of each run of equal bits in planes,
// [pad/16, Tile/4, 16, 4], then scales [Tile] in halves. A code c stands for 2c − (2^bits − 1) scales, with 4 bits for c − 8.
type pcaValues struct {
	basisSet
	width int
	runs  []run
	codes int
	worth []float32 // [dim] of a squared error of a coordinate
}

func newPCAValues(s basisSet, width int, bits []int, of []Basis) pcaValues {
	v := pcaValues{basisSet: s, width: width, worth: make([]float32, s.dim), runs: bitRuns(bits, pcaValueGroup, width)}
	v.codes = dealt(v.runs, 0)
	for _, r := range v.runs {
		for i := r.from; i < min(r.to, width) && r.bits > 0; i++ {
			for _, o := range of {
				v.worth[i] += o.Var[i] * pcaSteps[r.bits] * pcaSteps[r.bits]
			}
		}
	}
	return v
}

func (v pcaValues) pad() int { return (v.dim + i8.Panel - 1) / i8.Panel * i8.Panel }

// Size implements Rows.
func (v pcaValues) Size() int { return v.codes + 2*Tile }

// Room implements Integers.
func (v pcaValues) Room() int { return v.pad() * Tile }

// Put is never called: the values are a Sealer's.
func (v pcaValues) Put([]byte, int, []float32) {}

// Ints implements Integers.
func (v pcaValues) Ints(tile []byte, room []int8) ([]int8, []uint16) {
	room = room[:v.Room()]
	end := 0
	for _, r := range v.runs {
		part := room[r.from*Tile : r.to*Tile]
		switch end = r.to; r.bits {
		case 0:
			clear(part)
		case 4:
			unpackNibbles(part, r.codes(tile), r.panel())
		default:
			i8.UnpackPlanes(part, r.codes(tile), r.bits, true)
		}
	}
	clear(room[end*Tile:])
	return room, floats[uint16](tile[v.codes:])
}

// index is where the code of coordinate c of row t is among its run's.
func (v pcaValues) index(r run, c, t int) int {
	return (c-r.from)/i8.Panel*i8.Panel*Tile + t/4*4*i8.Panel + (c-r.from)%i8.Panel*4 + t%4
}

// pcaLevel is what a code stands for.
func pcaLevel(code, bits int) float32 {
	if bits == 4 {
		return float32(code - 8)
	}
	return float32(2*code - (1<<bits - 1))
}

// pcaNearest is the code of the level that is nearest to x.
func pcaNearest(x float32, bits int) int {
	top := float32(int(1)<<bits - 1)
	if bits == 4 {
		x = float32(math.RoundToEven(float64(x))) + 8
	} else {
		x = float32(math.RoundToEven(float64((x + top) / 2)))
	}
	return int(max(0, min(top, x)))
}

// Seal implements Sealer.
func (v pcaValues) Seal(tile []byte, x []float32) {
	clear(tile)
	scales := floats[uint16](tile[v.codes:])
	for t := range Tile {
		row := x[t*v.dim:][:v.dim]
		var inv float32
		scales[t], inv = v.scale(row)
		for _, r := range v.runs {
			for c := r.from; c < r.to && r.bits > 0; c++ {
				code := 1 << r.bits / 2
				if c < v.width && inv != 0 {
					code = pcaNearest(float32(row[c]*inv), r.bits)
				}
				setPlanes(r.codes(tile), v.index(r, c, t), r.panel(), r.bits, byte(code))
			}
		}
	}
}

// scale returns the scale of a row with the least error among some, and its inverse.
func (v pcaValues) scale(row []float32) (uint16, float32) {
	n, sum := 0, float32(0)
	for _, r := range v.runs {
		for c := r.from; c < min(r.to, v.width) && r.bits > 0; c++ {
			x := row[c] * pcaSteps[r.bits]
			sum += float32(x * x)
			n++
		}
	}
	rms := float32(math.Sqrt(float64(sum / float32(max(n, 1)))))
	bits := storedScale(rms)
	if s := vec.H2F(bits); !(s > 0) || math.IsInf(float64(s), 1) {
		if s != 0 {
			bits = 0x7e00
		}
		return bits, 0
	}
	best, inv := float32(math.Inf(1)), float32(0)
	for _, part := range [...]float32{0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.4, 1.7} {
		h := storedScale(rms * part)
		s := vec.H2F(h)
		if s == 0 || math.IsInf(float64(s), 1) {
			continue
		}
		err := float32(0)
		for _, r := range v.runs {
			for c := r.from; c < min(r.to, v.width) && r.bits > 0; c++ {
				d := row[c] - float32(s*pcaLevel(pcaNearest(float32(row[c]*(1/s)), r.bits), r.bits))
				err += float32(float32(d*d) * v.worth[c])
			}
		}
		if err < best {
			best, bits, inv = err, h, 1/s
		}
	}
	return bits, inv
}

// Get implements Rows.
func (v pcaValues) Get(dst []float32, tile []byte, n int) {
	scales := floats[uint16](tile[v.codes:])
	clear(dst[:n*v.dim])
	for t := range n {
		scale := vec.H2F(scales[t])
		for _, r := range v.runs {
			for c := r.from; c < min(r.to, v.width) && r.bits > 0; c++ {
				code := int(getPlanes(r.codes(tile), v.index(r, c, t), r.panel(), r.bits))
				dst[t*v.dim+c] = scale * pcaLevel(code, r.bits)
			}
		}
	}
}
