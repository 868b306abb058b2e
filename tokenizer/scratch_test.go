package tokenizer

import ("testing";"strings";"time")

func TestScratchLong(t *testing.T) {
	for _, model := range models {
	for _, kind := range []int32{1,4} {
	var tokens []string
	var kinds []int32
	for n := range 4000 { tokens = append(tokens, strings.Repeat("a", n+1)+"b"); kinds = append(kinds, kind) }
	tokens = append(tokens, "a"); kinds = append(kinds, 1)
	tok := new(builder).text(keys+"model", model).text(keys+"pre", "gpt-2").texts(keys+"tokens", tokens).ints(keys+"token_type", kinds).texts(keys+"merges", []string{"a a","aa aa"}).floats(keys+"scores", make([]float32, len(tokens))).must(t)
	for _, n := range []int{1000, 4000} {
	at := time.Now()
	tok.Encode(nil, strings.Repeat("a", n), Options{})
	t.Log(model, kind, n, time.Since(at))
	}
	}}
}
