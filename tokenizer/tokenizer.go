// Package tokenizer turns text into token ids and back. It reads the vocabulary where a GGUF file holds it: the pieces are
// never copied, and what is built at the first use is an index of a few bytes per entry.
//
// Four families exist, chosen by the file's tokenizer.ggml.model: byte-level BPE ("gpt2") with the pre-tokeniser that
// tokenizer.ggml.pre names, SentencePiece BPE ("llama"), SentencePiece unigram ("t5") and WordPiece ("bert").
package tokenizer

import "errors"

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
}

// Size returns the number of entries of the vocabulary.
func (t *Tokenizer) Size() int { return 0 }

// Kind returns what the file says id is; Undefined for an id outside the vocabulary.
func (t *Tokenizer) Kind(id ID) Kind { return Undefined }

// BOS returns the token that begins a text.
func (t *Tokenizer) BOS() (ID, bool) { return 0, false }

// EOS returns the token that ends a text.
func (t *Tokenizer) EOS() (ID, bool) { return 0, false }

// EOT returns the token that ends a turn of a conversation.
func (t *Tokenizer) EOT() (ID, bool) { return 0, false }

// AddBOS reports whether the model expects BOS (or CLS) before a text.
func (t *Tokenizer) AddBOS() bool { return false }

// AddEOS reports whether the model expects EOS (or SEP) after a text.
func (t *Tokenizer) AddEOS() bool { return false }

// IsEnd reports whether id ends a generation: EOS, end of turn and their relatives.
func (t *Tokenizer) IsEnd(id ID) bool { return false }

// Find returns the token whose vocabulary entry is exactly text ("<|im_end|>").
func (t *Tokenizer) Find(text string) (ID, bool) { return 0, false }

// Encode appends the tokens of text to dst. It never fails: bytes that are not UTF-8 become byte tokens, or U+FFFD where the
// vocabulary works on characters.
func (t *Tokenizer) Encode(dst []ID, text string, opt Options) []ID { return dst }

// Decode returns the text of ids: the inverse of Encode for text that the tokenizer does not normalise. Bytes that are not
// UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []ID, opt DecodeOptions) string { return "" }

// Piece returns the raw bytes of one token, which may be part of a character; nil for an id outside the vocabulary.
// Control tokens give their names.
func (t *Tokenizer) Piece(id ID) []byte { return nil }

// Stream returns a decoder of a continuation: it keeps the space that begins the first token.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// Stream decodes token by token and only ever returns whole characters.
type Stream struct {
	t       *Tokenizer
	Special bool // control tokens give their names
}

// Push returns the text that id completes; "" while a character is incomplete.
func (s *Stream) Push(id ID) string { return "" }

// Flush returns U+FFFD for a character that was left incomplete, and resets the stream.
func (s *Stream) Flush() string { return "" }

// New reads the tokenizer of a model file's metadata.
func New(m any) (*Tokenizer, error) { return nil, ErrModel }
