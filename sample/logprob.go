package sample

import "github.com/godwit-ai/godwit/internal/vec"

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
	for i, l := range logits {
		l = tame(l)
		if l == negInf {
			continue
		}
		top = max(top, l)
		switch e := (LogProb{int32(i), l}); {
		case len(heap) < n:
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
	var strip [1024]float32
	sum := 0.0
	for len(logits) > 0 {
		n := min(len(strip), len(logits))
		for i, l := range logits[:n] {
			strip[i] = tame(l)
		}
		sum += float64(vec.ExpSum(strip[:n], strip[:n], top))
		logits = logits[n:]
	}
	return ln(sum)
}
