//go:build long

package tokenizer

import (
	"testing"

	"github.com/godwit-ai/godwit/gguf"
)

// TestLongHugeVocabulary: more entries than ids have room for in the index are refused before anything is built.
func TestLongHugeVocabulary(t *testing.T) {
	for _, name := range []string{"tokens", "merges"} {
		b := new(builder).text(keys+"model", "gpt2").text(keys+"pre", "gpt-2")
		if name == "merges" {
			b.texts(keys+"tokens", []string{"a"})
		} else {
			b.texts(keys+"merges", nil)
		}
		b.array(keys+name, gguf.String, maxVocab+1)
		b.kv = append(b.kv, make([]byte, 8*(maxVocab+1))...)
		wantErr(t, b, ErrMetadata)
	}
}
