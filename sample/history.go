package sample

// history is the stream's past as far as some step looks back at it.
type history struct {
	ids    []int32 // [kept]
	window int     // tokens that must be kept; 0: all
}

// look makes the history reach back n tokens, or all with n < 0. It returns the chain's only history.
func (ch *Chain) look(n int) *history {
	if ch.past == nil {
		ch.past = &history{window: max(n, 0)}
	} else if n < 0 || ch.past.window == 0 {
		ch.past.window = 0
	} else {
		ch.past.window = max(ch.past.window, n)
	}
	return ch.past
}

// push grows the history no further than the stream: a window may be far larger than it. A finite one allocates nothing more once
// it has been full.
func (h *history) push(id int32) {
	if h.window > 0 && len(h.ids) == cap(h.ids) && len(h.ids) >= 2*h.window {
		h.ids = h.ids[:copy(h.ids, h.ids[len(h.ids)-h.window:])]
	}
	if h.ids == nil {
		h.ids = make([]int32, 0, 1024)
	}
	h.ids = append(h.ids, id)
}

// last returns the last n tokens, or all with n < 0.
func (h *history) last(n int) []int32 {
	if n < 0 || n > len(h.ids) {
		return h.ids
	}
	return h.ids[len(h.ids)-n:]
}

func (h *history) clear() { h.ids = h.ids[:0] }

// counts is a number per token with a list of those that are not zero.
type counts struct {
	n    []int32 // [vocabulary]
	used []int32 // [used]
}

// fit makes room for a vocabulary.
func (t *counts) fit(vocab int) {
	if len(t.n) < vocab {
		t.n = make([]int32, vocab)
		t.used = t.used[:0]
	}
}

// raise makes the number of id at least n.
func (t *counts) raise(id, n int32) {
	if t.n[id] == 0 {
		t.used = append(t.used, id)
	}
	t.n[id] = max(t.n[id], n)
}

func (t *counts) clear() {
	for _, id := range t.used {
		t.n[id] = 0
	}
	t.used = t.used[:0]
}

// edit calls f for each candidate whose number is not zero.
func (t *counts) edit(c *candidates, f func(logit float32, id, n int32) float32) {
	if c.dense {
		for _, id := range t.used {
			c.set(id, tame(f(c.at(id), id, t.n[id])))
		}
	} else {
		for i, id := range c.id {
			if n := t.n[id]; n != 0 {
				c.logit[i] = tame(f(c.logit[i], id, n))
			}
		}
	}
}
