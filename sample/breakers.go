package sample

import (
	"bytes"
	"slices"
)

// Most bytes of a breaker's text, and most tokens after its first, that are looked at: the search through the past is
// proportional to the latter.
const (
	maxBreakerText = 40
	maxBreakerTail = 20
)

// Breakers turns texts into the token sequences of Params.DRYBreakers. A text may begin inside a token, so each token is
// tried at every place: piece gives the bytes of the tokens 0 … vocab−1, encode the tokens of the text that is left over
// after one.
func Breakers(texts []string, vocab int, piece func(id int32) []byte, encode func(text string) []int32) [][]int32 {
	var found [][]int32
	for _, text := range texts {
		text = text[:min(len(text), maxBreakerText)]
		if text == "" {
			continue
		}
		for id := range int32(vocab) {
			word := piece(id)
			if bytes.Contains(word, []byte(text)) {
				found = append(found, []int32{id})
				continue
			}
			first := len(found)
			for at := max(0, len(word)-len(text)+1); at < len(word); at++ {
				n := len(word) - at // bytes of the text that the token would cover
				if string(word[at:]) != text[:n] {
					continue
				}
				tail := encode(text[n:])
				seq := append([]int32{id}, tail[:min(len(tail), maxBreakerTail)]...)
				if !slices.ContainsFunc(found[first:], func(s []int32) bool { return slices.Equal(s, seq) }) {
					found = append(found, seq)
				}
			}
		}
	}
	return found
}
