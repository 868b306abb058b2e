package tokenizer

import "strings"

// A splitter returns the length of the first word of s, at least 1 for a non-empty s. Splitters are the regular
// expressions of the model families written out by hand: one look ahead, no backtracking, linear time. Where a family
// applies several expressions one after the other, each splits the words of the one before, and sees nothing beyond
// their ends.
type splitter func(s string) int

// digits isolates every number character: \p{N}
func digits(s string) int {
	if c, n := at(s, 0); c == number {
		return n
	}
	return while(s, 0, ^number)
}

// numbers isolates runs of number characters: \p{N}+
func numbers(s string) int {
	if n := while(s, 0, number); n > 0 {
		return n
	}
	return while(s, 0, ^number)
}

// numbers3 isolates runs of number characters, cut after every third: \p{N}{1,3}
func numbers3(s string) int {
	if n := upTo(s, 0, number, 3); n > 0 {
		return n
	}
	return while(s, 0, ^number)
}

// asciiTriples isolates groups of three digits: [0-9][0-9][0-9]
func asciiTriples(s string) int {
	run := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			run = 0
			continue
		}
		if run++; run == 3 {
			if i == 2 {
				return 3
			}
			return i - 2
		}
	}
	return len(s)
}

// lines isolates runs of newlines: [^\n]+|[\n]+
func lines(s string) int {
	if s[0] == '\n' {
		n := 1
		for n < len(s) && s[n] == '\n' {
			n++
		}
		return n
	}
	if n := strings.IndexByte(s, '\n'); n >= 0 {
		return n
	}
	return len(s)
}

// runsOf returns a splitter that isolates runs of the characters of the given classes or in extra.
func runsOf(set class, extra string) splitter {
	in := func(s string, i int) (bool, int) {
		c, n := at(s, i)
		return c&set != 0 || n == 1 && strings.IndexByte(extra, s[i]) >= 0, n
	}
	return func(s string) int {
		want, i := in(s, 0)
		for i < len(s) {
			is, n := in(s, i)
			if is != want {
				break
			}
			i += n
		}
		return i
	}
}

// upTo returns the end of a stretch of at most limit characters of the classes of set.
func upTo(s string, i int, set class, limit int) int {
	for ; limit > 0; limit-- {
		c, n := at(s, i)
		if c&set == 0 {
			break
		}
		i += n
	}
	return i
}

// contraction returns the length of 's, 't, 're, 've, 'm, 'll or 'd at s[i:], or 0. With fold it takes upper case too, and ſ,
// the long s, which equals s under case folding.
func contraction(s string, i int, fold bool) int {
	if len(s)-i < 2 || s[i] != '\'' {
		return 0
	}
	low := func(k int) byte {
		if k >= len(s) {
			return 0
		}
		if b := s[k]; fold && 'A' <= b && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return s[k]
	}
	switch a, b := low(i+1), low(i+2); {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return 2
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
		return 3
	case fold && strings.HasPrefix(s[i+1:], "ſ"):
		return 3
	}
	return 0
}

// spaces returns the length of the white space at the start of s that is a word by itself: all of it at the end of the text,
// else all but the last character, which goes with the word that follows: \s+(?!\S)|\s+
func spaces(s string) int {
	end, last := 0, 0
	for {
		c, n := at(s, end)
		if c != space {
			if c == 0 || last == 0 {
				return end
			}
			return last
		}
		last = end
		end += n
	}
}

// gpt2 is the splitter of GPT-2, which most byte-level vocabularies before 2023 share:
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func gpt2(s string) int {
	if n := contraction(s, 0, false); n > 0 {
		return n
	}
	i := 0
	c, n := at(s, 0)
	if s[0] == ' ' {
		if c2, n2 := at(s, 1); c2 != 0 && c2 != space {
			i, c, n = 1, c2, n2
		}
	}
	switch c {
	case letter, number:
		return while(s, i+n, c)
	case space:
		return spaces(s)
	}
	return while(s, i+n, ^(letter | number | space))
}

// style holds what the relatives of the GPT-4 splitter differ in.
type style struct {
	digits       int    // longest run of number characters
	words        class  // characters of words: letters, or letters and marks
	contractions bool   // 's, 'LL … are words of their own
	cased        bool   // words end where lower case meets upper case; contractions belong to their word
	tail         string // what a run of punctuation takes with it
}

// gpt4 returns the splitter of GPT-4 and its relatives; with digits 3, words \p{L} and tail \r\n it is
// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
func gpt4(st style) splitter {
	return func(s string) int {
		c, n := at(s, 0)
		if st.cased {
			if end := casedWord(s, c, n); end > 0 {
				if st.contractions {
					end += contraction(s, end, true)
				}
				return end
			}
		} else {
			if st.contractions {
				if n := contraction(s, 0, true); n > 0 {
					return n
				}
			}
			if c&st.words != 0 {
				return while(s, n, st.words)
			}
			if c != number && s[0] != '\r' && s[0] != '\n' {
				if end := while(s, n, st.words); end > n {
					return end
				}
			}
		}
		if c == number {
			return upTo(s, 0, number, st.digits)
		}
		i := 0
		if s[0] == ' ' {
			i = 1
			c, n = at(s, 1)
		}
		plain := ^(space | number | letter | st.words)
		if c&plain != 0 {
			end := while(s, i+n, plain)
			for end < len(s) && strings.IndexByte(st.tail, s[end]) >= 0 {
				end++
			}
			return end
		}
		return breaks(s)
	}
}

// breaks cuts white space that begins s after its last line ending: \s*[\r\n]+|\s+(?!\S)|\s+
func breaks(s string) int {
	end := while(s, 0, space)
	if i := strings.LastIndexAny(s[:end], "\r\n"); i >= 0 {
		return i + 1
	}
	return spaces(s)
}

// casedWord returns the end of the word of letters at the start of s, or 0. c and n are the class and length of its first
// character. With U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and W = [\p{Ll}\p{Lm}\p{Lo}\p{M}] the expression is
// [^\r\n\p{L}\p{N}]?U*W+|[^\r\n\p{L}\p{N}]?U+W*
func casedWord(s string, c class, n int) int {
	first := 0
	if c != letter {
		if c == number || s[0] == '\r' || s[0] == '\n' {
			return 0
		}
		first = n
	}
	if end := lowerWord(s, first); end > 0 {
		return end
	}
	if c == mark { // not taken as the character before the word
		if end := lowerWord(s, 0); end > 0 {
			return end
		}
	}
	if end, _ := upperRun(s, first); end > first {
		return end // no W follows, else lowerWord had matched
	}
	return 0
}

// lowerWord matches U*W+ at s[i:] and returns its end, or 0.
func lowerWord(s string, i int) int {
	end, both := upperRun(s, i)
	stop := end
	for {
		c, n := cased(s, stop)
		if c&lowerish == 0 {
			break
		}
		stop += n
	}
	if stop > end {
		return stop
	}
	return both // U* gives back what follows its last character that is also in W
}

// upperRun returns the end of U* at s[i:] and the end of its last character that is also in W, or 0.
func upperRun(s string, i int) (end, both int) {
	for {
		c, n := cased(s, i)
		if c&upperish == 0 {
			return i, both
		}
		i += n
		if c&lowerish != 0 {
			both = i
		}
	}
}

// bloom is the splitter of Bloom and its relatives; what it does not match is a word as well:
// ?[^(\s|.,!?…。，、।۔،)]+
func bloom(s string) int {
	in := func(i int) (bool, int) {
		c, n := at(s, i)
		return c != 0 && c != space && !strings.Contains("(|.,!?…。，、।۔،)", s[i:i+n]), n
	}
	starts := func(i int) bool {
		ok, _ := in(i)
		if !ok && s[i] == ' ' {
			ok, _ = in(i + 1)
		}
		return ok
	}
	if starts(0) {
		i := 0
		if s[0] == ' ' {
			i = 1
		}
		for {
			ok, n := in(i)
			if !ok {
				return i
			}
			i += n
		}
	}
	_, i := at(s, 0)
	for i < len(s) && !starts(i) {
		_, n := at(s, i)
		i += n
	}
	return i
}
