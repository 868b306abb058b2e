package attention

import (
	"math"
	"math/big"
	"sync"

	"github.com/godwit-ai/godwit/seq"
)

// rotor applies RoPE. Angles are float64 throughout and their cosines are rounded to float32 once. With fixed
// frequencies e^(i·pos·f) is the product of entries of small tables, one per 6 bits of pos: a row costs two complex
// products per pair instead of a sine, which in a 30-layer model would be 5% of a fast prefill.
type rotor struct {
	rope  Rope
	half  int
	freqs []float64            // [half] base^(−2i/dims), divided by the factors; with fixed scaling, already scaled
	mag   float64              // with fixed scaling
	tab   [levels][]complex128 // [64, half] e^(i·e·64^level·f)
	spare sync.Pool            // *[]float64: frequencies of rows that have their own
}

const levels = 3 // 18 bits of position by table; the rest, rarely not 0, by sine

func newRotor(r Rope, dims int, fixed bool) *rotor {
	p := &rotor{rope: r, half: dims / 2, mag: 1}
	p.freqs = make([]float64, p.half)
	for i := range p.freqs {
		p.freqs[i] = ratPow(r.base(), -2*i, dims)
		if r.Factors != nil {
			p.freqs[i] /= float64(r.Factors[i])
		}
	}
	if !fixed {
		return p
	}
	if r.Scaling != nil {
		r.Scaling.Freqs(p.freqs, r.base(), 0)
		p.mag = r.Scaling.Magnitude(0)
	}
	for l := range p.tab {
		p.tab[l] = make([]complex128, 64*p.half)
		for e := range 64 {
			for i, f := range p.freqs {
				p.tab[l][e*p.half+i] = cis(float64(e<<(6*l)) * f)
			}
		}
	}
	return p
}

// Width implements Positioner: cosines, then sines.
func (p *rotor) Width() int { return 2 * p.half }

// Row implements Positioner.
func (p *rotor) Row(dst []float32, pos seq.Pos) {
	cos, sin := dst[:p.half], dst[p.half:2*p.half]
	if p.tab[0] == nil {
		p.rowAt(cos, sin, pos)
		return
	}
	e0 := p.tab[0][int(pos&63)*p.half:][:p.half]
	e1 := p.tab[1][int(pos>>6&63)*p.half:][:p.half]
	e2 := p.tab[2][int(pos>>12&63)*p.half:][:p.half]
	high := float64(pos >> 18 << 18)
	for i := range cos {
		z := cmul(cmul(e0[i], e1[i]), e2[i])
		if high != 0 {
			z = cmul(z, cis(float64(high*p.freqs[i])))
		}
		cos[i], sin[i] = float32(real(z)*p.mag), float32(imag(z)*p.mag)
	}
}

// rowAt serves scalings whose frequencies depend on the position.
func (p *rotor) rowAt(cos, sin []float32, pos seq.Pos) {
	buf, ok := p.spare.Get().(*[]float64)
	if !ok {
		buf = &[]float64{}
	}
	f := append((*buf)[:0], p.freqs...)
	p.rope.Scaling.Freqs(f, p.rope.base(), pos)
	mag := p.rope.Scaling.Magnitude(pos)
	for i := range cos {
		z := cis(float64(float64(pos) * f[i]))
		cos[i], sin[i] = float32(real(z)*mag), float32(imag(z)*mag)
	}
	*buf = f
	p.spare.Put(buf)
}

// Apply implements Positioner.
func (p *rotor) Apply(x, row []float32) {
	cos, sin := row[:p.half], row[p.half:2*p.half]
	if p.rope.Adjacent {
		x = x[:2*p.half]
		for i, c := range cos {
			a, b, s := x[2*i], x[2*i+1], sin[i]
			x[2*i] = float32(a*c) - float32(b*s)
			x[2*i+1] = float32(b*c) + float32(a*s)
		}
		return
	}
	lo, hi := x[:len(cos)], x[p.half:][:len(cos)]
	for i, c := range cos {
		a, b, s := lo[i], hi[i], sin[i]
		lo[i] = float32(a*c) - float32(b*s)
		hi[i] = float32(b*c) + float32(a*s)
	}
}

// cmul is a complex product that no compiler may fuse, so that every CPU gives the same bits.
func cmul(a, b complex128) complex128 {
	re := float64(real(a)*real(b)) - float64(imag(a)*imag(b))
	im := float64(real(a)*imag(b)) + float64(imag(a)*real(b))
	return complex(re, im)
}

// cis returns e^(ix) for x ≥ 0, by the Cephes polynomials (relative error 2e-16). math.Sincos uses the same, but may
// be fused on some CPUs and then differs in the last bit.
func cis(x float64) complex128 {
	if !(x < 1<<29) {
		s, c := math.Sincos(x) // reduction by three constants is no longer exact; no real position gets here
		return complex(c, s)
	}
	const (
		pi4a = 7.85398125648498535156e-1 // π/4 in three parts of at most 30 bits
		pi4b = 3.77489470793079817668e-8
		pi4c = 2.69515142907905952645e-15
	)
	j := uint64(float64(x * (4 / math.Pi)))
	j += j & 1
	y := float64(j)
	z := x - float64(y*pi4a)
	z -= float64(y * pi4b)
	z -= float64(y * pi4c)
	w := float64(z * z)

	s := 1.58962301576546568060e-10
	s = float64(s*w) - 2.50507477628578072866e-8
	s = float64(s*w) + 2.75573136213857245213e-6
	s = float64(s*w) - 1.98412698295895385996e-4
	s = float64(s*w) + 8.33333333332211858878e-3
	s = float64(s*w) - 1.66666666666666307295e-1
	s = z + float64(z*float64(w*s))
	c := -1.13585365213876817300e-11
	c = float64(c*w) + 2.08757008419747316778e-9
	c = float64(c*w) - 2.75573141792967388112e-7
	c = float64(c*w) + 2.48015872888517045348e-5
	c = float64(c*w) - 1.38888888888730564116e-3
	c = float64(c*w) + 4.16666666666665929218e-2
	c = 1 - float64(w*0.5) + float64(float64(w*w)*c)

	switch j & 7 {
	case 2:
		return complex(-s, c)
	case 4:
		return complex(-c, -s)
	case 6:
		return complex(s, -c)
	}
	return complex(c, s)
}

// root returns x^(1/n) for x ≥ 1, within 5e-16 of itself and without big numbers: two of Newton's steps from a float32, which the last
// bit of math.Pow, not the same on every CPU, does not reach.
func root(x float64, n int) float64 {
	y := float64(float32(math.Pow(x, 1/float64(n))))
	for range 2 {
		power, square := 1.0, y
		for e := n; e > 0; e >>= 1 {
			if e&1 != 0 {
				power = float64(power * square)
			}
			square = float64(square * square)
		}
		y -= float64(y * ((power/x - 1) / float64(n)))
	}
	return y
}

// ratPow returns x^(num/den), correctly rounded: Newton's root at 128 bits. math.Pow differs in the last bit between
// CPUs, and a frequency's last bit, times a position of a million, shows in a float32 angle.
func ratPow(x float64, num, den int) float64 {
	if num == 0 || x == 1 {
		return 1
	}
	if num < 0 {
		return invert(ratRoot(x, -num, den))
	}
	f, _ := ratRoot(x, num, den).Float64()
	return f
}

func invert(b *big.Float) float64 {
	f, _ := new(big.Float).SetPrec(128).Quo(big.NewFloat(1), b).Float64()
	return f
}

func ratRoot(x float64, num, den int) *big.Float {
	target := intPow(new(big.Float).SetPrec(128).SetFloat64(x), num)
	y := new(big.Float).SetPrec(128).SetFloat64(math.Pow(x, float64(num)/float64(den)))
	n, n1 := big.NewFloat(float64(den)), big.NewFloat(float64(den-1))
	for range 3 { // 50 bits, 100, 128
		q := new(big.Float).SetPrec(128).Quo(target, intPow(y, den-1))
		y = new(big.Float).SetPrec(128).Mul(y, n1)
		y.Add(y, q).Quo(y, n)
	}
	return y
}

func intPow(x *big.Float, n int) *big.Float {
	r := new(big.Float).SetPrec(128).SetInt64(1)
	b := new(big.Float).SetPrec(128).Set(x)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			r.Mul(r, b)
		}
		b.Mul(b, b)
	}
	return r
}
