package quant

// dot stands in until internal/vec is there.
func dot(a, b []float32) float32 {
	var lane [16]float32
	for i, v := range a {
		lane[i%16] = float32(float64(v)*float64(b[i]) + float64(lane[i%16]))
	}
	for n := 8; n > 0; n /= 2 {
		for i := range n {
			lane[i] += lane[i+n]
		}
	}
	return lane[0]
}

func dotF16(a []float32, b []uint16) float32 {
	w := make([]float32, len(b))
	for i, h := range b {
		w[i] = h2f(h)
	}
	return dot(a, w)
}
