// Package godwit runs a quantised language model from a mapped file on CPU cores, for inputs and outputs of book length.
//
//	m, err := godwit.Open("model.gguf", godwit.Options{})
//	s, err := m.NewSession(godwit.SessionOptions{})
//	err = s.Prompt(ctx, "The godwit flies", nil)
//	for tok, err := range s.Generate(ctx, godwit.Generation{Max: 64}) {
//		fmt.Print(tok.Text)
//	}
//
// A [Model] is the mapped file with its network, tokenizer and chat template: immutable, shared by any number of
// goroutines. A [Session] is one stream of tokens over it, for one goroutine at a time. What a token of the stream may
// see, how its position enters and how keys and values are stored is the model's attention plan, a value with a text
// form ([Model.Plan], [Options].Plan).
//
// A session that [Session.Save] wrote goes on in another process ([Model.LoadSession]) with the bits that it would have had; [Session.Fork] makes
// another of it in this one.
//
// Three promises hold everywhere: the same bits at any thread count and chunking; a context that is full is an error with
// the numbers in it, never a silent cut; a damaged or hostile file is an error, never a crash.
//
// Reading order of the code: docs/TOUR.md follows one token through five calls; ARCHITECTURE.md says why.
package godwit
