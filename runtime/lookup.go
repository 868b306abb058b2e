package runtime

// Sizes of a lookup.
const (
	minGram  = 2
	maxGram  = 4
	maxMatch = 32      // how far back a match is followed; longer ones are as good
	maxSlots = 1 << 16 // of each length: 832 KB in all
)

// MaxLookup is the most that Generation.Lookup may be. More drafts in a step are not worth their rows even where all are
// right: from 16 rows on, the time of a pass grows with them.
const MaxLookup = 64

// lookup guesses what comes next in a stream from what came before: what followed the last occurrence of the last two to
// four tokens (prompt lookup decoding, Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding). A guess costs the same
// whatever the stream's length. Guesses are compared with the tokens that come, whether they were computed ahead or not,
// so that it knows how often they are right, and drafts no more than pay. That depends on two things: how long the match is, and
// whether the two tokens before the guess were followed by the same one in their last occurrences.
//
// An entry that a rewind made stale is harmless: before it is used, the stream is compared.
type lookup struct {
	slots []int32 // [maxGram-minGram+1, 1<<bits] by hash of an n-gram: where it was followed last; 0: nowhere
	trend []trend // [1<<bits] of the pairs in slots
	bits  uint
	n     int              // positions before n were entered
	more  [classes]float64 // how much more than usual is right in this text, by class of the match
	lean  [trends]float64  // and what a trend adds to that

	chunk   [2 + MaxLookup]int32 // the token that is fed, then the guesses for what follows
	trends  [1 + MaxLookup]trend // of the pairs before the guesses
	guesses int                  // of them
	from    int                  // position of the first guess
	right   int                  // guesses that were found right
	at      int                  // where the first one was read
	matched int                  // tokens before both that are equal, at most maxMatch; 0: no guess
}

// trend says what followed the last occurrences of a pair of tokens.
type trend uint8

const (
	torn   trend = iota // something else than before, or than is guessed
	once                // it occurred once
	twice               // the same, two times
	steady              // the same, more than two times
	trends
)

// usual is how often guesses are right, by trend and by class of the match: the shares of 11,000 guesses in text of two small models.
var usual = [trends][classes]float64{
	torn:   {0.22, 0.22, 0.34, 0.42, 0.52, 0.6, 0.7, 0.88},
	once:   {0.45, 0.52, 0.65, 0.73, 0.83, 0.9, 0.94, 0.97},
	twice:  {0.63, 0.75, 0.84, 0.9, 0.92, 0.94, 0.96, 0.98},
	steady: {0.88, 0.9, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98},
}

// memory is how many guesses of a class a text's own share is made of; trends have twice as many.
const memory = 16

// after is the trend once a pair was followed by the same token again, or by another.
func (t trend) after(same bool) trend {
	switch {
	case !same:
		return torn
	case t == torn || t == once:
		return twice
	}
	return steady
}

// classes is the number of classes.
const classes = 8

// class tells matches apart by length: 2, 3, 4, 5, from 7, 10, 14 and 20 tokens on.
func class(matched int) int {
	for c, from := range [...]int{20, 14, 10, 7, 5, 4, 3} {
		if matched >= from {
			return classes - 1 - c
		}
	}
	return 0
}

// newLookup makes an index for streams of up to length tokens. Where more n-grams than slots occur, the later ones win.
func newLookup(length int) *lookup {
	l := &lookup{bits: 8}
	for l.bits < 16 && 1<<l.bits < length {
		l.bits++
	}
	l.slots, l.trend = make([]int32, (maxGram-minGram+1)<<l.bits), make([]trend, 1<<l.bits)
	return l
}

// bytes is the memory held.
func (l *lookup) bytes() int64 {
	if l == nil {
		return 0
	}
	return int64(len(l.slots))*4 + int64(len(l.trend))
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
		h = mix(h, stream[p-n])
		if n < minGram {
			continue
		}
		slot := l.slot(h) + (n-minGram)<<l.bits
		if !found(n, &l.slots[slot]) {
			return
		}
	}
}

// mix adds a token to a hash.
func mix(h uint64, id int32) uint64 {
	h = (h + uint64(uint32(id)) + 1) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

func (l *lookup) slot(h uint64) int { return int(h >> 32 & (1<<l.bits - 1)) }

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
	off := hit - l.chance(l.right)
	l.more[class(l.matched+l.right)] += off / memory
	l.lean[l.trends[l.right]] += off / (2 * memory)
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
		l.follow(stream, p)
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
		if i == 0 {
			l.trends[i] = l.trendOf(stream, stream[end-2], l.chunk[0], l.chunk[1])
		} else {
			l.trends[i] = l.trendOf(stream, l.chunk[i-1], l.chunk[i], l.chunk[1+i])
		}
	}
	return l.depth(l.guesses - 1)
}

// last returns where a pair of tokens was followed last before the end of a stream, 0 for nowhere, and its slot.
func (l *lookup) last(stream []int32, a, b int32) (p int32, slot int) {
	slot = l.slot(mix(mix(0, b), a))
	if p = l.slots[slot]; p < 2 || int(p) >= len(stream) || stream[p-2] != a || stream[p-1] != b {
		return 0, slot
	}
	return p, slot
}

// follow takes note of what follows the pair before position p ≥ 2.
func (l *lookup) follow(stream []int32, p int) {
	before, slot := l.last(stream[:p], stream[p-2], stream[p-1])
	if before == 0 {
		l.trend[slot] = once
	} else {
		l.trend[slot] = l.trend[slot].after(stream[before] == stream[p])
	}
}

// trendOf returns the trend of a guess for what follows a and b.
func (l *lookup) trendOf(stream []int32, a, b, guess int32) trend {
	p, slot := l.last(stream, a, b)
	if p == 0 || stream[p] != guess {
		return torn
	}
	return l.trend[slot]
}

// chance is how likely guess i is to be right if those before it are; it may be a little outside of 0 to 1.
func (l *lookup) chance(i int) float64 {
	t, c := l.trends[i], class(l.matched+i)
	return usual[t][c] + l.more[c] + l.lean[t]
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
	best, pace := 0, 1.05 // tokens per time of a pass over one token; less of a gain is left alone
	all, tokens := 1.0, 1.0
	for d := 1; d <= most; d++ {
		all *= min(max(l.chance(d-1), 0.02), 0.98)
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
	few := [...]float64{1: 1, 1.35, 1.93, 2.45, 3.45, 3.7, 3.9, 4}
	if rows < len(few) {
		return few[rows]
	}
	return 4 + 0.16*float64(rows-8)
}
