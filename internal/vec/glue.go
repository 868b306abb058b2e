package vec

import "math"

// Passes over vectors, element by element.

// Scale multiplies y by a.
func Scale(y []float32, a float32) { scaleTo(y, y, a) }

// scaleTo sets y = a·x; y and x may be the same.
func scaleTo(y, x []float32, a float32) {
	n := vectors(len(y))
	if n > 0 {
		scaleLoop(&y[0], &x[0], n, a)
	}
	scaleGo(y[n:], x[n:], a)
}

func scaleGo(y, x []float32, a float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = a * x[i]
	}
}

// Div divides y by a.
func Div(y []float32, a float32) {
	n := vectors(len(y))
	if n > 0 {
		divToLoop(&y[0], &y[0], n, a)
	}
	divToGo(y[n:], y[n:], a)
}

func divToGo(y, x []float32, a float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = x[i] / a
	}
}

// shiftTo sets y = x − a; y and x may be the same.
func shiftTo(y, x []float32, a float32) {
	n := vectors(len(y))
	if n > 0 {
		shiftToLoop(&y[0], &x[0], n, a)
	}
	shiftToGo(y[n:], x[n:], a)
}

func shiftToGo(y, x []float32, a float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = x[i] - a
	}
}

// Add adds x to y.
func Add(y, x []float32) {
	x = x[:len(y)]
	n := vectors(len(y))
	if n > 0 {
		addLoop(&y[0], &x[0], n)
	}
	addGo(y[n:], x[n:])
}

func addGo(y, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += x[i]
	}
}

// RMSNorm sets y = x / √(mean(x²) + eps) · w. A nil w stands for ones. y and x may be the same.
func RMSNorm(y, x, w []float32, eps float32) {
	ms := Dot(x, x) / float32(len(x))
	r := 1 / float32(math.Sqrt(float64(ms+eps)))
	y = y[:len(x)]
	if w == nil {
		scaleTo(y, x, r)
		return
	}
	w = w[:len(x)]
	n := vectors(len(x))
	if n > 0 {
		normLoop(&y[0], &x[0], &w[0], n, r)
	}
	normGo(y[n:], x[n:], w[n:], r)
}

// normGo sets y = r·x·w.
func normGo(y, x, w []float32, r float32) {
	for i, v := range x {
		y[i] = float32(v*r) * w[i]
	}
}

// gate sets y = x·1/(1 + e)·up; y may be any of them.
func gate(y, x, e, up []float32) {
	n := vectors(len(y))
	if n > 0 {
		gateLoop(&y[0], &x[0], &e[0], &up[0], n)
	}
	gateGo(y[n:], x[n:], e[n:], up[n:])
}

func gateGo(y, x, e, up []float32) {
	for i := range y {
		y[i] = float32(x[i]*(1/(1+e[i]))) * up[i]
	}
}

// cubic sets y = −a·x·(1 + b·x²).
func cubic(y, x []float32, a, b float32) {
	n := vectors(len(y))
	if n > 0 {
		cubicLoop(&y[0], &x[0], n, -a, b)
	}
	cubicGo(y[n:], x[n:], -a, b)
}

func cubicGo(y, x []float32, a, b float32) {
	for i, v := range x {
		y[i] = a * float32(v*FMA(float32(v*v), b, 1))
	}
}

// vectors is how many of n elements the loops of this CPU's instruction set take.
func vectors(n int) int {
	if simd {
		return n &^ 7
	}
	return 0
}
