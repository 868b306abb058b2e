package attention

import "fmt"

func init() {
	schemes.add("pia", parsePIA, "pia(segment=40,cache=40)", "pia(segment=1,cache=70)")
}

// PIA is position-infused attention (Shortformer, arXiv 2012.15832): sinusoids are added to what queries and keys are projected from, not to
// values nor embeddings, so that what is cached has no positions. The stream is cut into segments; a query sees its own segment up to
// itself and the Cache rows before that, which have the first positions. As in the paper's code, rows are counted from the stream's first
// one as long as there are fewer. With a Segment of 1 every query has the last position, and the window slides row by row.
type PIA struct {
	Segment, Cache int
	of             Projected
}

func parsePIA(a *args, _ Scheme) (Scheme, error) {
	p := PIA{Segment: atLeast1(a, "segment", 512), Cache: a.whole("cache", 512)}
	if max(p.Segment, p.Cache) > maxPlaces || Places(p) > maxPlaces {
		return nil, fmt.Errorf("segment=%d and cache=%d are more than %d positions", p.Segment, p.Cache, maxPlaces)
	}
	return p, nil
}

// maxPlaces bounds the tables of keys: of 16,384 positions they take 380 MB for smollm2:135m.
const maxPlaces = 1 << 14

// Fit implements Scheme.
func (PIA) Fit(int) (Positioner, error) { return nil, nil }

// Segments implements Infused.
func (p PIA) Segments() (rows, cache int) { return p.Segment, p.Cache }

// With implements Infused.
func (p PIA) With(of Projected) Scheme {
	p.of = of
	return p
}

// Projected implements Infused.
func (p PIA) Projected() Projected { return p.of }

// Vectors implements Infused: the first half has sines, the second cosines, of frequencies from 1 to 1/10000, as in fairseq.
func (p PIA) Vectors(width int) []float32 {
	half, x := width/2, make([]float32, Places(p)*width)
	for i := range half {
		freq := ratPow(10000, -i, max(1, half-1))
		for at := range Places(p) {
			z := cis(float64(float64(at) * freq))
			x[at*width+i], x[at*width+half+i] = float32(imag(z)), float32(real(z))
		}
	}
	return x
}

func (p PIA) String() string {
	return term("pia", fmt.Sprintf("segment=%d", p.Segment), fmt.Sprintf("cache=%d", p.Cache))
}
