package attention

import (
	"fmt"
	"math"

	"github.com/godwit-ai/godwit/internal/i8"
	"github.com/godwit-ai/godwit/internal/vec"
)

func init() {
	codecs.add("kivi", parseKivi, "kivi(bits=4)", "kivi(bits=3,rot)", "kivi(bits=2)")
}

// Kivi stores tiles of rows in few bits: keys per channel, values per row, as in KIVI (arXiv 2402.02750). What differs between
// the channels of keys is then nobody's error but their own, which keys of 4 bits need (gemma3:270m: an error of the result of 0.1%, of
// 2.2% with scales for groups of 32 channels). Tiles are encoded when they are full; until then, and as long as queries are close, rows
// are read from the near store.
//
// A channel of 64 keys has a scale and a lowest value in IEEE halves: Bits + 0.5 bits for a value. A row of values has one scale and
// is turned by a Walsh–Hadamard transform first: Bits bits and 2 bytes for a row.
type Kivi struct {
	Bits int  // 2, 3 or 4
	Rot  bool // turn keys by a Walsh–Hadamard transform too
}

// Keys implements Codec.
func (c Kivi) Keys(dim int) (Rows, error) {
	k := kiviKeys{dim, c.Bits}
	if c.Rot {
		return turnedKivi{k, hadamard(dim)}, nil
	}
	return k, nil
}

// Values implements Codec.
func (c Kivi) Values(dim int) (Rows, error) {
	if c.Bits == 4 {
		return q4Values{hadamard(dim)}, nil
	}
	return kiviValues{hadamard(dim), c.Bits}, nil
}

func (c Kivi) String() string {
	return term("kivi", fmt.Sprintf("bits=%d", c.Bits), optFlag("rot", c.Rot))
}

func (Kivi) coarse() {}

func parseKivi(a *args, _ Codec) (Codec, error) {
	c := Kivi{a.whole("bits", 4), a.flag("rot")}
	if c.Bits < 2 || c.Bits > 4 {
		return nil, fmt.Errorf("%d bits are not 2, 3 or 4", c.Bits)
	}
	return c, nil
}

// turnedKivi are keys in another basis.
type turnedKivi struct {
	kiviKeys
	hadamard
}

// kiviKeys are keys of dim values. A tile is codes [2, pad/4, 32, 4] in planes, then scales [pad] and lowest values [pad] in halves.
type kiviKeys struct{ dim, bits int }

func (k kiviKeys) pad() int   { return (k.dim + i8.Group - 1) / i8.Group * i8.Group }
func (k kiviKeys) codes() int { return k.pad() * Tile * k.bits / 8 }

func (k kiviKeys) Size() int { return k.codes() + 4*k.pad() }

// Room implements Integers.
func (k kiviKeys) Room() int { return k.pad() * Tile }

// Put is never called: the keys are a Sealer's.
func (k kiviKeys) Put([]byte, int, []float32) {}

func (k kiviKeys) channels(tile []byte) (scale, low []uint16) {
	h := floats[uint16](tile[k.codes():])
	return h[:k.pad()], h[k.pad():]
}

// Channels implements the interface.
func (k kiviKeys) Channels(tile []byte, scale, low []float32) {
	scales, lows := k.channels(tile)
	vec.F16ToF32(scale, scales)
	vec.F16ToF32(low, lows)
}

// Ints implements Integers. The scales are the channels'.
func (k kiviKeys) Ints(tile []byte, room []int8) ([]int8, []uint16) {
	room = room[:k.Room()]
	if k.bits != 4 {
		i8.UnpackPlanes(room, tile[:k.codes()], k.bits, false)
		return room, nil
	}
	return unpackNibbles(room, tile[:k.codes()], k.pad()*i8.Panel), nil
}

// Nibbles implements the interface: panels for i8.MulAdd4.
func (k kiviKeys) Nibbles(tile []byte) ([]byte, []uint16) {
	if k.bits != 4 {
		return nil, nil
	}
	return tile[:k.codes()], nil
}

// Seal implements Sealer.
func (k kiviKeys) Seal(tile []byte, x []float32) {
	scales, lows := k.channels(tile)
	clear(tile)
	top := float32(int(1)<<k.bits - 1)
	for c := range k.dim {
		row := x[c*Tile:][:Tile]
		low, high := row[0], row[0]
		for _, v := range row {
			low, high = min(low, v), max(high, v) // NaN if there is one
		}
		scale := vec.F2H((high - low) / top)
		inv := float32(0)
		if s := vec.H2F(scale); s > 0 && !math.IsInf(float64(s), 1) {
			inv = 1 / s
		} else if s != 0 {
			scale = 0x7e00 // too large or not a number: NaN, so that what it spoils shows
		}
		bias := kiviBias(k.bits) * vec.H2F(scale) // unpacked codes begin there, not at 0
		lows[c] = vec.F2H(low - bias)
		from := vec.H2F(lows[c]) + bias
		scales[c] = scale
		for t, v := range row {
			if inv != 0 {
				q := max(0, min(top, float32(math.RoundToEven(float64(float32((v-from)*inv))))))
				k.set(tile, c, t, byte(q))
			}
		}
	}
}

// kiviBias is the least unpacked code.
func kiviBias(bits int) float32 {
	if bits == 4 {
		return -8
	}
	return 0
}

// at is where the code of channel c of key t lies among the panels [Tile/16, pad/4, 16, 4].
func (k kiviKeys) at(c, t int) int {
	return t/i8.Panel*i8.Panel*k.pad() + c/4*4*i8.Panel + t%i8.Panel*4 + c%4
}

func (k kiviKeys) set(tile []byte, c, t int, q byte) {
	setPlanes(tile[:k.codes()], k.at(c, t), k.pad()*i8.Panel, k.bits, q)
}

// Get implements Rows.
func (k kiviKeys) Get(dst []float32, tile []byte, n int) {
	scales, lows := k.channels(tile)
	for c := range k.dim {
		scale, low := vec.H2F(scales[c]), vec.H2F(lows[c])
		for t := range n {
			q := float32(getPlanes(tile[:k.codes()], k.at(c, t), k.pad()*i8.Panel, k.bits)) + kiviBias(k.bits)
			dst[c*Tile+t] = float32(q*scale) + low
		}
	}
}

// kiviValues are values of that width in 2 or 3 bits. A tile is codes [pad/16, Tile/4, 16, 4] in planes, then scales [Tile] in halves.
// A code c stands for 2c − (2^bits − 1) scales.
type kiviValues struct {
	hadamard
	bits int
}

func (v kiviValues) pad() int   { return (int(v.hadamard) + i8.Panel - 1) / i8.Panel * i8.Panel }
func (v kiviValues) codes() int { return v.pad() * Tile * v.bits / 8 }

func (v kiviValues) Size() int { return v.codes() + 2*Tile }

// Room implements Integers.
func (v kiviValues) Room() int { return v.pad() * Tile }

// Put is never called: the values are a Sealer's.
func (v kiviValues) Put([]byte, int, []float32) {}

// Ints implements Integers.
func (v kiviValues) Ints(tile []byte, room []int8) ([]int8, []uint16) {
	room = room[:v.Room()]
	i8.UnpackPlanes(room, tile[:v.codes()], v.bits, true)
	return room, floats[uint16](tile[v.codes():])
}

// Seal implements Sealer.
func (v kiviValues) Seal(tile []byte, x []float32) {
	scales := floats[uint16](tile[v.codes():])
	clear(tile)
	for t := range Tile {
		row := x[t*int(v.hadamard):][:v.hadamard]
		var inv float32
		scales[t], inv = v.scale(row)
		for c := range v.pad() {
			q := byte(1<<v.bits) / 2
			if c < len(row) && inv != 0 {
				q = v.code(row[c], inv)
			}
			setPlanes(tile[:v.codes()], v.at(c, t), v.pad()*Tile, v.bits, q)
		}
	}
}

func (v kiviValues) code(x, inv float32) byte {
	top := float32(int(1)<<v.bits - 1)
	return byte(max(0, min(top, float32(math.RoundToEven(float64((float32(x*inv)+top)/2))))))
}

// scale returns the scale of a row with the least squared error among some, and its inverse. Large values are better cut than
// small ones lost: with 2 bits the best scale is about 0.6 of what fits all.
func (v kiviValues) scale(row []float32) (uint16, float32) {
	var high float32
	for _, x := range row {
		high = max(high, x, -x)
	}
	top := float32(int(1)<<v.bits - 1)
	bits := storedScale(high / top)
	if s := vec.H2F(bits); !(s > 0) {
		return bits, 0
	}
	best := float32(math.Inf(1))
	var inv float32
	for _, part := range [...]float32{1, 0.9, 0.8, 0.7, 0.6, 0.5} {
		h := storedScale(high / top * part)
		s := vec.H2F(h)
		if s == 0 {
			break
		}
		sum := float32(0)
		for _, x := range row {
			d := x - float32(s*float32(2*int(v.code(x, 1/s))-int(top)))
			sum += float32(d * d)
		}
		if sum < best {
			best, bits, inv = sum, h, 1/s
		}
	}
	return bits, inv
}

// at is where the code of channel c of row t lies among the panels [pad/16, Tile/4, 16, 4].
func (v kiviValues) at(c, t int) int {
	return c/i8.Panel*i8.Panel*Tile + t/4*4*i8.Panel + c%i8.Panel*4 + t%4
}

// Get implements Rows.
func (v kiviValues) Get(dst []float32, tile []byte, n int) {
	scales := floats[uint16](tile[v.codes():])
	for t := range n {
		scale := vec.H2F(scales[t])
		for c := range int(v.hadamard) {
			q := int(getPlanes(tile[:v.codes()], v.at(c, t), v.pad()*Tile, v.bits))
			dst[t*int(v.hadamard)+c] = scale * float32(2*q-(1<<v.bits-1))
		}
	}
}
