package runtime

import (
	"math/rand/v2"
	"testing"
)

// occurs is how long the longest n-gram before the end is, of at most maxGram tokens, that was followed before.
func occurs(stream []int32) int {
	for n := maxGram; n >= minGram; n-- {
		for p := n; p < len(stream); p++ {
			if n <= len(stream) && common(stream, p, len(stream)) >= n {
				return n
			}
		}
	}
	return 0
}

// check tells whether the guess for what follows a stream is what the stream says.
func (l *lookup) check(t *testing.T, stream []int32) {
	t.Helper()
	end := len(stream)
	if l.matched == 0 {
		return
	}
	if l.at < minGram || l.at >= end || l.matched > maxMatch || common(stream, l.at, end) < l.matched || l.from != end {
		t.Fatalf("a match of %d tokens before %d and %d of %v", l.matched, l.at, end, stream)
	}
	long := append([]int32{}, stream...)
	for i := range l.guesses {
		long = append(long, long[l.at+i])
		if l.chunk[1+i] != long[end+i] {
			t.Fatalf("guess %d is %d, want %d, from %d of %v", i, l.chunk[1+i], long[end+i], l.at, stream)
		}
	}
	if l.chunk[0] != stream[end-1] {
		t.Fatalf("the guesses follow %d, not the last token %d", l.chunk[0], stream[end-1])
	}
}

// TestLookupFinds: while the stream only grows, the guess follows a match as long as any of up to four tokens.
func TestLookupFinds(t *testing.T) {
	found, missed := 0, 0
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		l := newLookup(1 << 20)
		letters := 2 + rng.IntN(12)
		var stream []int32
		for range 80 {
			id := int32(rng.IntN(letters)) * 1000003 % 262144
			l.saw(len(stream), id)
			stream = append(stream, id)
			if rng.IntN(4) == 0 {
				continue // several tokens came at once
			}
			l.guess(stream, rng.IntN(20))
			l.check(t, stream)
			want := occurs(stream)
			if l.matched < want {
				missed++
			}
			if want == 0 && l.matched != 0 {
				t.Fatalf("seed %d: a match of %d tokens where none is: %v", seed, l.matched, stream)
			}
			if want == maxGram {
				found++
			}
		}
	}
	// Two n-grams in one slot are rare here: 80 of 65536 slots are in use.
	if found < 1000 || missed > found/100 {
		t.Errorf("%d matches of %d tokens, %d missed", found, maxGram, missed)
	}
}

// TestLookupRewinds: after rewinds, and with far fewer slots than n-grams, no guess is read from a past that is gone.
func TestLookupRewinds(t *testing.T) {
	guessed := 0
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 4))
		l := newLookup(1)
		var stream []int32
		for range 3000 {
			switch rng.IntN(40) {
			case 0:
				n := rng.IntN(len(stream) + 1)
				stream = stream[:n]
				l.forget(n)
				continue
			case 1: // a piece of the past comes again
				if n := len(stream); n > 20 {
					at := rng.IntN(n - 10)
					stream = append(stream, stream[at:at+10]...)
				}
			}
			id := int32(rng.IntN(9))
			l.saw(len(stream), id)
			stream = append(stream, id)
			l.guess(stream, 5)
			l.check(t, stream)
			if l.matched > 0 {
				guessed++
			}
		}
		if want := int64((3*4 + 1) << 8); l.bytes() != want {
			t.Errorf("%d bytes, want %d", l.bytes(), want)
		}
	}
	if guessed < 10000 {
		t.Errorf("only %d guesses", guessed)
	}
	if b := newLookup(MaxContext).bytes(); b != (3*4+1)*maxSlots {
		t.Errorf("an index of %d bytes for the longest context, want %d", b, (3*4+1)*maxSlots)
	}
}

// TestLookupDepth: drafts grow to the most that is allowed while guesses are right, end when they are not, and come back.
func TestLookupDepth(t *testing.T) {
	const most = 15
	l := newLookup(4096)
	rng := rand.New(rand.NewPCG(5, 5))
	var stream []int32
	feed := func(id int32) int {
		l.saw(len(stream), id)
		stream = append(stream, id)
		return l.guess(stream, most)
	}
	period := func(n int) (d int) {
		for i := range n {
			d = feed(int32(i % 30))
		}
		return d
	}
	if d := period(200); d != most {
		t.Errorf("%d drafts in a text that only repeats itself, want %d", d, most)
	}
	// Pairs recur often in this text, and what follows them is anything.
	drafts := 0
	for i := range 2000 {
		d := feed(100 + rng.Int32N(20))
		if i >= 200 {
			drafts += d
		}
	}
	if drafts > 36 {
		t.Errorf("%d drafts of 1800 tokens that cannot be foreseen, want 2%% at most", drafts)
	}
	// The worst: whatever is foreseen does not come.
	drafts = 0
	for i := range 2000 {
		next := int32(rng.IntN(3))
		if l.matched > 0 && l.chunk[1] == next {
			next = (next + 1) % 3
		}
		d := feed(next)
		if i >= 200 {
			drafts += d
		}
	}
	if drafts > 36 {
		t.Errorf("%d drafts of 1800 tokens of which every guess was wrong, want 2%% at most", drafts)
	}
	if d := period(300); d != most {
		t.Errorf("%d drafts when the text repeats itself again, want %d", d, most)
	}
}

// TestLookupAllocatesNothing: neither a guess nor what follows costs heap memory.
func TestLookupAllocatesNothing(t *testing.T) {
	l := newLookup(4096)
	stream := make([]int32, 0, 4096)
	i := int32(0)
	step := func() {
		l.saw(len(stream), i%17)
		stream = append(stream, i%17)
		l.guess(stream, 15)
		i++
	}
	if n := testing.AllocsPerRun(200, step); n > 0 {
		t.Errorf("%v allocations per token", n)
	}
}

// TestLookupTrends compares the trends of guesses with all that followed the two tokens before them, in order.
func TestLookupTrends(t *testing.T) {
	var seen [trends]int
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 6))
		l := newLookup(1 << 20)
		var stream []int32
		for range 300 {
			id := int32(rng.IntN(6))
			if n := len(stream); n > 20 && rng.IntN(8) > 0 { // follow an earlier place
				id = stream[n-1-int(seed%13)]
			}
			l.saw(len(stream), id)
			stream = append(stream, id)
			if rng.IntN(5) == 0 { // several tokens came at once
				continue
			}
			if l.guess(stream, 9); l.matched == 0 {
				continue
			}
			long := append(append([]int32{}, stream...), l.chunk[1:1+l.guesses]...)
			for i := range l.guesses {
				g := len(stream) + i
				want, next := torn, int32(-1)
				for p := 2; p < len(stream); p++ {
					if stream[p-2] != long[g-2] || stream[p-1] != long[g-1] {
						continue
					}
					switch {
					case next < 0:
						want = once
					case stream[p] != next:
						want = torn
					case want == torn || want == once:
						want = twice
					default:
						want = steady
					}
					next = stream[p]
				}
				if next != long[g] {
					want = torn
				}
				if l.trends[i] != want {
					t.Fatalf("seed %d: guess %d has trend %d, want %d: %v", seed, i, l.trends[i], want, long)
				}
				seen[want]++
			}
		}
	}
	for k, n := range seen {
		if n < 100 {
			t.Errorf("trend %d occurred %d times", k, n)
		}
	}
}

// TestLookupLeans: after equal matches, guesses that always came are drafted, and those of which the text is divided are not.
func TestLookupLeans(t *testing.T) {
	l := newLookup(4096)
	l.matched, l.guesses = 3, 9
	for i := range l.trends {
		l.trends[i] = steady
	}
	sure := l.depth(8)
	for i := range l.trends {
		l.trends[i] = torn
	}
	if unsure := l.depth(8); sure == 0 || unsure != 0 {
		t.Errorf("%d drafts where the text agrees, %d where it does not", sure, unsure)
	}
	for range 1000 { // what was right always is as good as certain, and no more
		l.from, l.right, l.matched = 0, 0, 3
		l.saw(0, l.chunk[1])
	}
	if c := l.chance(0); c < 0.99 || c > 1.01 {
		t.Errorf("a chance of %v after 1000 hits", c)
	}
}
