package runtime

// Sizes of a lookup.
const (
	minGram  = 2
	maxGram  = 4
	maxMatch = 32      // how far back a match is followed; longer ones are as good
	maxSlots = 1 << 16 // of each length: 768 KB in all
)

// MaxLookup is the most that Generation.Lookup may be. More drafts in a step are not worth their rows even where all are
// right: from 16 rows on, the time of a pass grows with them.
const MaxLookup = 64

// lookup guesses what comes next in a stream from what came before: what followed the last occurrence of the last two to
// four tokens (prompt lookup decoding, Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding). A guess costs the same
// whatever the stream's length. Guesses are compared with the tokens that come, whether they were computed ahead or not,
// so that it knows how often those after a match of some length are right, and drafts no more than pay.
//
// An entry that a rewind made stale is harmless: before it is used, the stream is compared.
type lookup struct {
	slots []int32 // [maxGram-minGram+1, 1<<bits] by hash of an n-gram: where it was followed last; 0: nowhere
	bits  uint
	n     int                 // positions before n were entered
	rate  [len(prior)]float64 // by class of the match: the share of guesses that are right, the latest weighing most

	chunk   [2 + MaxLookup]int32 // the token that is fed, then the guesses for what follows
	guesses int                  // of them
	from    int                  // position of the first guess
	right   int                  // guesses that were found right
	at      int                  // where the first one was read
	matched int                  // tokens before both that are equal, at most maxMatch; 0: no guess
}

// prior is the rate of each class before anything was seen. Longer matches are right more often, in every text.
var prior = [...]float64{0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95}

// memory is how many guesses a rate remembers.
const memory = 16

// class tells matches apart by length: 2, 3, 4, 5, from 7, 10, 14 and 20 tokens on.
func class(matched int) int {
	for c, from := range [...]int{20, 14, 10, 7, 5, 4, 3} {
		if matched >= from {
			return len(prior) - 1 - c
		}
	}
	return 0
}

// newLookup makes an index for streams of up to length tokens. Where more n-grams than slots occur, the later ones win.
func newLookup(length int) *lookup {
	l := &lookup{bits: 8, rate: prior}
	for l.bits < 16 && 1<<l.bits < length {
		l.bits++
	}
	l.slots = make([]int32, (maxGram-minGram+1)<<l.bits)
	return l
}

// bytes is the memory held.
func (l *lookup) bytes() int64 {
	if l == nil {
		return 0
	}
	return int64(len(l.slots)) * 4
}

// forget takes note that the stream was rewound to n tokens.
func (l *lookup) forget(n int) {
	if l != nil && n < l.n {
		l.n = n
		l.matched = 0
	}
}

// grams yields the slot of each n-gram that ends before position p of the stream, the shortest first.
func (l *lookup) grams(stream []int32, p int, found func(n int, slot *int32) bool) {
	h := uint64(0)
	for n := 1; n <= min(maxGram, p); n++ {
		h = (h + uint64(uint32(stream[p-n])) + 1) * 0x9e3779b97f4a7c15
		h ^= h >> 29
		if n < minGram {
			continue
		}
		slot := int(h>>32&(1<<l.bits-1)) + (n-minGram)<<l.bits
		if !found(n, &l.slots[slot]) {
			return
		}
	}
}

// saw takes note of the token that comes at position n of the stream.
func (l *lookup) saw(n int, id int32) {
	if l.matched == 0 || l.from+l.right != n || l.right == l.guesses {
		l.matched = 0 // something else was fed
		return
	}
	hit := 0.0
	if l.chunk[1+l.right] == id {
		hit = 1
	}
	r := &l.rate[class(l.matched+l.right)]
	*r += (hit - *r) / memory
	if hit == 0 {
		l.matched = 0
		return
	}
	l.right++
}

// guess fills in what may follow the stream, its last token being the one that is to be fed, and returns how many of at
// most most drafts should be computed with it.
func (l *lookup) guess(stream []int32, most int) int {
	end := len(stream)
	for p := max(l.n, minGram); p < end; p++ {
		l.grams(stream, p, func(_ int, slot *int32) bool { *slot = int32(p); return true })
	}
	l.n = end
	// The match that was right so far goes on, unless another is as long.
	at, matched := 0, 0
	if l.matched > 0 {
		at, matched = l.at+l.right, min(l.matched+l.right, maxMatch)
	}
	l.grams(stream, end, func(n int, slot *int32) bool {
		p := int(*slot)
		if p < n || p >= end {
			return true
		}
		if m := common(stream, p, end); m >= n && m >= matched {
			at, matched = p, m
		}
		return true
	})
	l.chunk[0] = stream[end-1]
	l.at, l.matched, l.from, l.right = at, matched, end, 0
	if matched == 0 {
		return 0
	}
	// One guess more than may be computed, which is only compared.
	l.guesses = min(most, MaxLookup) + 1
	for i := range l.guesses {
		if at+i < end {
			l.chunk[1+i] = stream[at+i]
		} else { // the repetition reaches into what is guessed
			l.chunk[1+i] = l.chunk[1+at+i-end]
		}
	}
	return l.depth(l.guesses - 1)
}

// common counts the equal tokens before two positions of a stream.
func common(stream []int32, p, q int) int {
	n := 0
	for n < min(p, maxMatch) && stream[p-1-n] == stream[q-1-n] {
		n++
	}
	return n
}

// depth is the number of drafts, at most most, that gives the most tokens for a pass's time: a draft is of use with the
// probability that it and all before it are right.
func (l *lookup) depth(most int) int {
	best, pace := 0, 1.1 // tokens per time of a pass over one token; less of a gain is left alone
	all, tokens := 1.0, 1.0
	for d := 1; d <= most; d++ {
		all *= l.rate[class(l.matched+d-1)]
		tokens += all
		if p := tokens / passCost(1+d); p > pace {
			best, pace = d, p
		}
	}
	return best
}

// passCost is the time of a pass over some rows in passes over one. Few rows share the reading of the packed weights; from five on
// they are unpacked for tiles of eight rows (quant.Mul). Measured on both models of the catalogue, see
// docs/PERFORMANCE.md; it decides only how much is drafted, never what comes out.
func passCost(rows int) float64 {
	switch {
	case rows <= 4:
		return 1 + 0.3*float64(rows-1)
	case rows <= 8:
		return 2.7 + 0.1*float64(rows-5)
	}
	return 3 + 0.16*float64(rows-8)
}
