package sample

// sortBest brings the candidates with the largest keys among [lo, n) to [lo, hi), largest first, ties by id. It is a heap of
// hi−lo candidates with the worst at its root that the others have to beat: O(n) when hi−lo is small, O(n log n) at worst,
// and in place. key is c.logit or c.key.
func (c *candidates) sortBest(key []float32, lo, hi int) {
	c.dense = false
	for root := (hi-lo)/2 - 1; root >= 0; root-- {
		c.sift(key, lo, hi, root)
	}
	for i := hi; i < c.n; i++ {
		if key[i] >= key[lo] && c.better(key, i, lo) {
			c.swap(i, lo)
			c.sift(key, lo, hi, 0)
		}
	}
	for end := hi - 1; end > lo; end-- {
		c.swap(lo, end)
		c.sift(key, lo, end, 0)
	}
}

// better tells whether candidate i comes before candidate j.
func (c *candidates) better(key []float32, i, j int) bool {
	return key[i] > key[j] || key[i] == key[j] && c.id[i] < c.id[j]
}

// sift moves the element at root of the heap in [lo, hi) down until both its children are better.
func (c *candidates) sift(key []float32, lo, hi, root int) {
	for {
		child := 2*root + 1
		if lo+child >= hi {
			return
		}
		if lo+child+1 < hi && c.better(key, lo+child, lo+child+1) {
			child++
		}
		if !c.better(key, lo+root, lo+child) {
			return
		}
		c.swap(lo+root, lo+child)
		root = child
	}
}

func (c *candidates) swap(i, j int) {
	c.id[i], c.id[j] = c.id[j], c.id[i]
	c.logit[i], c.logit[j] = c.logit[j], c.logit[i]
	c.p[i], c.p[j] = c.p[j], c.p[i]
	if len(c.key) > 0 {
		c.key[i], c.key[j] = c.key[j], c.key[i]
	}
}
