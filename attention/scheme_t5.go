package attention

import (
	"fmt"

	"github.com/godwit-ai/godwit/internal/vec"
	"github.com/godwit-ai/godwit/seq"
)

func init() {
	schemes.add("t5", func(a *args, prev Scheme) (Scheme, error) {
		t, _ := prev.(T5) // the biases are a tensor of the model and stay
		t.Buckets, t.Max = a.whole("buckets", 0), a.whole("max", 0)
		return t, nil
	}, "t5")
}

// T5 adds to each logit a learned number for the bucket of its distance (arXiv 1910.10683): the first half of the buckets has
// one distance each, those of the other half grow, and the last begins before Max and has all that is farther.
type T5 struct {
	Buckets int       // 0: 32
	Max     int       // 0: 128
	Biases  []float32 // [Buckets, heads] from the model file
}

func (t T5) sizes() (buckets, most int) {
	buckets, most = t.Buckets, t.Max
	if buckets == 0 {
		buckets = 32
	}
	if most == 0 {
		most = 128
	}
	return buckets, most
}

// Fit implements Scheme.
func (T5) Fit(int) (Positioner, error) { return nil, nil }

// Bias implements Biased.
func (t T5) Bias(heads int) (Biaser, error) {
	buckets, most := t.sizes()
	if buckets < 2 || buckets > 1<<12 || most <= buckets/2 || most > 1<<20 {
		return nil, fmt.Errorf("t5: buckets=%d, max=%d are not at least 2 and more than half as many", buckets, most)
	}
	if len(t.Biases) != buckets*heads {
		return nil, fmt.Errorf("t5: %d biases for %d buckets of %d heads (they come from the model file)", len(t.Biases), buckets, heads)
	}
	b := bucketed{of: make([]float32, len(t.Biases)), buckets: buckets, at: make([]float32, most+1)}
	for i, x := range t.Biases {
		if x-x != 0 {
			return nil, fmt.Errorf("t5: a bias is %v", x)
		}
		b.of[i%heads*buckets+i/heads] = x
	}
	exact := buckets / 2
	for d := range b.at {
		b.at[d] = float32(d)
		if d >= exact { // in float32 as models were trained, which decides where two buckets meet
			r := float32(ln(float64(float32(d)/float32(exact)))) / float32(ln(float64(most)/float64(exact)))
			b.at[d] = float32(min(exact+int(float32(r*float32(buckets-exact))), buckets-1))
		}
	}
	return b, nil
}

func (t T5) String() string { return term("t5", optInt("buckets", t.Buckets), optInt("max", t.Max)) }

// bucketed are the biases of all query heads.
type bucketed struct {
	of      []float32 // [heads, buckets]
	buckets int
	at      []float32 // [Max+1] the bucket of a distance; the last is that of all farther ones
}

// Width implements Biaser: buckets.
func (bucketed) Width() int { return 1 }

// far is in the place of the first bucket when all are the last one, as in most tiles of a long past.
const far = -1

// Row implements Biaser.
func (b bucketed) Row(dst []float32, q seq.Pos, keys []seq.Pos) {
	last, same := float32(b.buckets-1), true
	for i, k := range keys {
		dst[i] = b.at[min(distance(q, k), len(b.at)-1)]
		same = same && dst[i] == last
	}
	if same {
		dst[0] = far
	}
}

// Add implements Biaser.
func (b bucketed) Add(logits []float32, head int, row []float32) {
	of := b.of[head*b.buckets:][:b.buckets]
	if row[0] == far {
		vec.Axpy(logits, of[b.buckets-1], ones[:])
		return
	}
	for i, at := range row[:len(logits)] {
		logits[i] += of[int(at)]
	}
}
