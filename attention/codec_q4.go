package attention

import (
	"math"

	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/vec"
)

func init() { codecs.add("q4", plain[Codec](Q4{}), "q4") }

// Q4 stores rows as 4-bit integers with scales in IEEE halves, in a rotated basis: keys in groups of 32 values, values with
// one scale for the row; 4.5 and 4 bits per value and 2 bytes per value row.
//
// The rotation is a normalised Walsh–Hadamard transform of each head, as in QuaRot (arXiv 2404.00456). It spreads the few
// channels of keys that are much larger than the others, which would otherwise set the scale of all. Products are those of
// integers, as in Q8_0.
type Q4 struct{}

// Keys implements Codec.
func (Q4) Keys(dim int) (Rows, error) { return q4Keys{hadamard(dim)}, nil }

// Values implements Codec.
func (Q4) Values(dim int) (Rows, error) { return q4Values{hadamard(dim)}, nil }

func (Q4) String() string { return "q4" }

func (Q4) coarse() {}

// hadamard is the basis of the Walsh–Hadamard transform of vectors of that width, in pieces of the largest power of two that
// divides it. It is its own inverse.
type hadamard int

// Turn implements TurnedKeys and TurnedValues; the basis is the same for all heads.
func (d hadamard) Turn(dst, x []float32, _ int) {
	copy(dst[:d], x)
	d.turn(dst)
}

// Meet implements TurnedKeys.
func (d hadamard) Meet(dst, q []float32, head int) { d.Turn(dst, q, head) }

// Back implements TurnedValues.
func (d hadamard) Back(dst, x []float32, head int) { d.Turn(dst, x, head) }

func (d hadamard) turn(x []float32) {
	piece := int(d) & -int(d)
	scale := float32(1 / math.Sqrt(float64(piece)))
	for x = x[:d]; len(x) > 0; x = x[piece:] {
		for half := 1; half < piece; half *= 2 {
			for i := 0; i < piece; i += 2 * half {
				lo, hi := x[i:i+half], x[i+half:i+2*half]
				for k, a := range lo {
					b := hi[k]
					lo[k], hi[k] = a+b, a-b
				}
			}
		}
		vec.Scale(x[:piece], scale)
	}
}

// nibble rounds x·inv to the nearest integer from −8 to 7, ties to even, and adds 8. Where inv is 0, x may be NaN, whose integer
// differs from CPU to CPU.
func nibble(x, inv float32) byte {
	if inv == 0 {
		return 8
	}
	return byte(max(-8, min(7, int(math.RoundToEven(float64(float32(x*inv)))))) + 8)
}

// q4Keys are keys of that width. A tile is nibbles [4, dim/8, 16, 4], the low ones of the first half of dim, the high ones of
// the second, then scales [4, dim/32, 16]. dim is rounded up to whole groups.
type q4Keys struct{ hadamard }

func (d q4Keys) groups() int { return (int(d.hadamard) + i8.Group - 1) / i8.Group }

func (d q4Keys) Size() int { return d.groups() * (i8.Group/2 + 2) * Tile }

// Room implements Integers.
func (d q4Keys) Room() int { return d.groups() * i8.Group * Tile }

func (d q4Keys) parts(tile []byte) (nibbles []byte, scales []uint16) {
	n := d.groups() * i8.Group / 2 * Tile
	return tile[:n], floats[uint16](tile[n:])
}

// Ints implements Integers.
func (d q4Keys) Ints(tile []byte, room []int8) ([]int8, []uint16) {
	nibbles, scales := d.parts(tile)
	return unpackNibbles(room[:d.Room()], nibbles, d.groups()*i8.Group/2*i8.Panel), scales
}

// Nibbles implements the interface.
func (d q4Keys) Nibbles(tile []byte) ([]byte, []uint16) {
	if d.groups()%2 != 0 {
		return nil, nil
	}
	return d.parts(tile)
}

func (d q4Keys) Put(tile []byte, row int, x []float32) {
	nibbles, scales := d.parts(tile)
	groups, at := d.groups(), row%i8.Panel
	half := groups * i8.Group / 2
	nibbles, scales = nibbles[row/i8.Panel*half*i8.Panel:][:half*i8.Panel], scales[row/i8.Panel*groups*i8.Panel:]
	x = x[:d.hadamard]
	inv := float32(0)
	for i := range 2 * half {
		if i%i8.Group == 0 {
			scales[i/i8.Group*i8.Panel+at], inv = storedQuantum(x[min(i, len(x)):min(i+i8.Group, len(x))], -8)
		}
		v, b := byte(8), &nibbles[i%half/4*4*i8.Panel+4*at+i%4]
		if i < len(x) {
			v = nibble(x[i], inv)
		}
		if i < half {
			*b = v
		} else {
			*b |= v << 4
		}
	}
}

func (d q4Keys) Get(dst []float32, tile []byte, n int) {
	nibbles, scales := d.parts(tile)
	groups := d.groups()
	half := groups * i8.Group / 2
	for row := range n {
		p, at := row/i8.Panel, row%i8.Panel
		for i := range int(d.hadamard) {
			b := nibbles[p*half*i8.Panel+i%half/4*4*i8.Panel+4*at+i%4]
			dst[i*Tile+row] = vec.H2F(scales[(p*groups+i/i8.Group)*i8.Panel+at]) * float32(int(b>>(i/half*4)&15)-8)
		}
	}
}

// Move implements Mover. The nibbles of a byte are of one row.
func (d q4Keys) Move(dst []byte, to int, src []byte, from int) {
	n := d.groups() * i8.Group / 2
	movePanels(dst[:n*Tile], to, src[:n*Tile], from, n/4)
	moveScales(dst[n*Tile:], to, src[n*Tile:], from, d.groups())
}

// q4Values are values of that width. A tile is nibbles [dim/32, Tile/4, 16, 4], the low ones of the first 16 dimensions of 32,
// the high ones of the others, so that rows share no byte; then scales [Tile]. dim is rounded up to a multiple of 32.
type q4Values struct{ hadamard }

func (d q4Values) pairs() int { return (int(d.hadamard) + 2*i8.Panel - 1) / (2 * i8.Panel) }

func (d q4Values) Size() int { return d.pairs()*i8.Panel*Tile + 2*Tile }

// Room implements Integers.
func (d q4Values) Room() int { return d.pairs() * 2 * i8.Panel * Tile }

func (d q4Values) parts(tile []byte) (nibbles []byte, scales []uint16) {
	n := d.pairs() * i8.Panel * Tile
	return tile[:n], floats[uint16](tile[n:])
}

// Ints implements Integers.
func (d q4Values) Ints(tile []byte, room []int8) ([]int8, []uint16) {
	nibbles, scales := d.parts(tile)
	return unpackNibbles(room[:d.Room()], nibbles, i8.Panel*Tile), scales
}

// Nibbles implements the interface.
func (d q4Values) Nibbles(tile []byte) ([]byte, []uint16) {
	if d.hadamard%(2*i8.Panel) != 0 {
		return nil, nil
	}
	return d.parts(tile)
}

func (d q4Values) Put(tile []byte, row int, x []float32) {
	nibbles, scales := d.parts(tile)
	y := x[:d.hadamard]
	scale, inv := storedQuantum(y, -8)
	scales[row] = scale
	for p := range d.pairs() {
		for i := range i8.Panel {
			lo, hi := byte(8), byte(8)
			if at := p*2*i8.Panel + i; at < len(y) {
				lo = nibble(y[at], inv)
			}
			if at := (p*2+1)*i8.Panel + i; at < len(y) {
				hi = nibble(y[at], inv)
			}
			nibbles[p*i8.Panel*Tile+row/4*4*i8.Panel+i*4+row%4] = lo | hi<<4
		}
	}
}

func (d q4Values) Get(dst []float32, tile []byte, n int) {
	nibbles, scales := d.parts(tile)
	for row := range n {
		scale := vec.H2F(scales[row])
		for i := range int(d.hadamard) {
			b := nibbles[i/(2*i8.Panel)*i8.Panel*Tile+row/4*4*i8.Panel+i%i8.Panel*4+row%4]
			dst[row*int(d.hadamard)+i] = scale * float32(int(b>>(i/i8.Panel%2*4)&15)-8)
		}
	}
}

// Move implements Mover.
func (d q4Values) Move(dst []byte, to int, src []byte, from int) {
	n := d.pairs() * i8.Panel * Tile
	moveQuads(dst[:n], to, src[:n], from, d.pairs())
	floats[uint16](dst[n:])[to] = floats[uint16](src[n:])[from]
}
