// Package tokenizer turns text into token ids and back. It reads the vocabulary where a GGUF file holds it: the pieces are
// never copied, and what is built at the first use is an index of a few bytes per entry.
//
// Four families exist, chosen by the file's tokenizer.ggml.model: byte-level BPE ("gpt2") with the pre-tokeniser that
// tokenizer.ggml.pre names, SentencePiece BPE ("llama"), SentencePiece unigram ("t5") and WordPiece ("bert").
package tokenizer

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/godwit-ai/godwit/gguf"
)

// ID is a token id, an index into the vocabulary.
type ID = int32

// Kind is what the file says a token is. The values are GGUF's.
type Kind uint8

// The kinds of token.
const (
	Undefined   Kind = 0
	Normal      Kind = 1
	Unknown     Kind = 2
	Control     Kind = 3 // has no text: <s>, <|im_end|>
	UserDefined Kind = 4 // matched in the text before the model splits it
	Unused      Kind = 5
	Byte        Kind = 6 // one raw byte, written <0x0A> in the vocabulary
)

// BOSRule says whether Encode surrounds the text with the model's special tokens.
type BOSRule uint8

// The rules.
const (
	BOSAuto   BOSRule = iota // as the file asks: BOS or CLS before, EOS or SEP after
	BOSNever                 // only the text's own tokens
	BOSAlways                // BOS before even if the file does not ask for it; after as the file asks
)

// Options are the choices of Encode.
type Options struct {
	BOS     BOSRule
	Special bool // control tokens written in the text ("<|im_start|>") become their ids, not their letters
}

// DecodeOptions are the choices of Decode and Stream.
type DecodeOptions struct {
	Special bool // control tokens give their names; otherwise they give nothing
}

// Errors that New wraps.
var (
	ErrModel    = errors.New("unknown tokenizer model")
	ErrPre      = errors.New("unknown pre-tokenizer")
	ErrMetadata = errors.New("bad tokenizer metadata")
)

// Tokenizer is immutable after New and safe for use by several goroutines. It aliases the bytes of the model file, which
// must stay mapped as long as the Tokenizer is used.
type Tokenizer struct {
	model  model
	pre    string // tokenizer.ggml.pre
	name   string // general.name in lower case
	arch   string // general.architecture
	fam    *family
	tokens gguf.StringArray
	merges gguf.StringArray
	scores gguf.FloatArray // empty: all 0
	kinds  gguf.IntArray   // empty: all Normal

	bos, eos, eot, unk, pad, sep ID   // -1: none
	last                         ID   // ends a text when addLast
	fileEnds                     []ID // tokens that end a generation by the file's own word

	addBOS, addLast         bool
	spacePrefix, trimSpaces bool
	lowercase, stripAccents bool
	norm                    normalizer

	mu   sync.Mutex // held while building look
	look atomic.Pointer[lookup]
	pool sync.Pool // of *encoder
}

// Size returns the number of entries of the vocabulary.
func (t *Tokenizer) Size() int { return t.tokens.Len() }

// Kind returns what id is: what the file says, or what its name is known to be where files are known to be wrong.
// Undefined for an id outside the vocabulary.
func (t *Tokenizer) Kind(id ID) Kind {
	if id < 0 || int(id) >= t.Size() {
		return Undefined
	}
	return t.index().kind(id)
}

func (t *Tokenizer) fileKind(id ID) Kind {
	if t.kinds.Len() == 0 {
		return Normal
	}
	if k := t.kinds.At(int(id)); k >= int64(Undefined) && k <= int64(Byte) {
		return Kind(k)
	}
	return Undefined
}

func (t *Tokenizer) score(id ID) float32 {
	if t.scores.Len() == 0 {
		return 0
	}
	return float32(t.scores.At(int(id)))
}

// BOS returns the token that begins a text (CLS of an encoder).
func (t *Tokenizer) BOS() (ID, bool) { return t.bos, t.bos >= 0 }

// EOS returns the token that ends a text.
func (t *Tokenizer) EOS() (ID, bool) { return t.eos, t.eos >= 0 }

// EOT returns the token that ends a turn of a conversation.
func (t *Tokenizer) EOT() (ID, bool) {
	if t.eot >= 0 {
		return t.eot, true
	}
	id := t.index().eot
	return id, id >= 0
}

// Unknown returns the token of text that has no other.
func (t *Tokenizer) Unknown() (ID, bool) { return t.unk, t.unk >= 0 }

// Pad returns the token that fills batches.
func (t *Tokenizer) Pad() (ID, bool) { return t.pad, t.pad >= 0 }

// Sep returns the token between two texts.
func (t *Tokenizer) Sep() (ID, bool) { return t.sep, t.sep >= 0 }

// AddBOS reports whether the model expects BOS (or CLS) before a text.
func (t *Tokenizer) AddBOS() bool { return t.addBOS && t.bos >= 0 }

// AddEOS reports whether the model expects EOS (or SEP) after a text.
func (t *Tokenizer) AddEOS() bool { return t.addLast && t.last >= 0 }

// IsEnd reports whether id ends a generation: EOS, end of turn and their relatives.
func (t *Tokenizer) IsEnd(id ID) bool { return slices.Contains(t.index().ends, id) }

// Ends returns all tokens that end a generation. The caller must not change them.
func (t *Tokenizer) Ends() []ID { return t.index().ends }

// Find returns the token whose vocabulary entry is exactly text ("<|im_end|>").
func (t *Tokenizer) Find(text string) (ID, bool) {
	id := t.index().vocab.findString(text)
	return id, id >= 0
}
