package attention

import "github.com/godwit-ai/godwit/seq"

func init() { fars.add("cap", plain[Far](Cap{}), "cap") }

// Cap gives all rows that are not near the distance of the window's end, as the distance limit of LM-Infinite (Han et al. 2023,
// arXiv 2308.16137) and the memory of InfLLM (arXiv 2402.04617) do: how far they lie cannot be told, and no text is too long.
type Cap struct{}

// Key implements Far.
func (Cap) Key(seq.Pos) seq.Pos { return 0 }

// Query implements Far.
func (Cap) Query(_ seq.Pos, window int) seq.Pos { return seq.Pos(window) }

func (Cap) String() string { return "cap" }
