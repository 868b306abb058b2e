package sample

import (
	"math"

	"github.com/godwit-ai/godwit/internal/vec"
)

// LogProb is a token and the natural logarithm of its probability.
type LogProb struct {
	ID      int32   `json:"id"`
	LogProb float32 `json:"logprob"`
}

// TopLogProbs returns the n most probable tokens, before any sampling, the most probable first and ties by id. Tokens whose
// logits are −∞ or NaN are left out; +∞ counts as the largest float32. [vocabulary]
func TopLogProbs(logits []float32, n int) []LogProb {
	n = min(n, len(logits))
	if n <= 0 {
		return nil
	}
	heap := make([]LogProb, 0, n) // the worst at the root; holds logits for now
	top := negInf
	var high [64]float32 // of strips
	for from := 0; from < len(logits); from += len(high) * vec.Strip {
		part := logits[from:min(from+len(high)*vec.Strip, len(logits))]
		h := high[:len(part)/vec.Strip]
		vec.StripMax(h, part)
		for s := 0; s*vec.Strip < len(part); s++ {
			if s < len(h) && len(heap) == n && tame(h[s]) <= heap[0].LogProb {
				continue // of equals the lower id is there already
			}
			for i, l := range part[s*vec.Strip : min((s+1)*vec.Strip, len(part))] {
				if l = tame(l); l > negInf {
					top = max(top, l)
					heap = offer(heap, LogProb{int32(from + s*vec.Strip + i), l})
				}
			}
		}
	}
	for end := len(heap) - 1; end > 0; end-- {
		heap[0], heap[end] = heap[end], heap[0]
		sink(heap[:end])
	}
	lse := logSumExp(logits, top)
	for i := range heap {
		heap[i].LogProb = float32(float64(heap[i].LogProb) - float64(top) - lse)
	}
	return heap
}

// offer puts e into a heap of at most its capacity.
func offer(heap []LogProb, e LogProb) []LogProb {
	switch {
	case len(heap) < cap(heap):
		heap = append(heap, e)
		for c := len(heap) - 1; c > 0; {
			parent := (c - 1) / 2
			if !heap[parent].before(heap[c]) {
				break
			}
			heap[parent], heap[c] = heap[c], heap[parent]
			c = parent
		}
	case e.before(heap[0]):
		heap[0] = e
		sink(heap)
	}
	return heap
}

func (a LogProb) before(b LogProb) bool {
	return a.LogProb > b.LogProb || a.LogProb == b.LogProb && a.ID < b.ID
}

// sink moves the root of a heap down.
func sink(heap []LogProb) {
	for root := 0; ; {
		child := 2*root + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child].before(heap[child+1]) {
			child++
		}
		if !heap[root].before(heap[child]) {
			return
		}
		heap[root], heap[child] = heap[child], heap[root]
		root = child
	}
}

// logSumExp returns ln Σ e^(l − top) without a copy of the logits.
func logSumExp(logits []float32, top float32) float64 {
	var sum vec.Lanes
	var strip [vec.Strip]float32
	if n := len(logits) / vec.Strip * vec.Strip; top < math.MaxFloat32 { // where it is not, some may be +∞
		vec.SumExp(&sum, logits[:n], top)
		logits = logits[n:]
	}
	for len(logits) > 0 {
		n := min(len(strip), len(logits))
		for i := range strip {
			if strip[i] = negInf; i < n {
				strip[i] = tame(logits[i])
			}
		}
		vec.SumExp(&sum, strip[:], top)
		logits = logits[n:]
	}
	return ln(sum.Total())
}
