package tokenizer

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
)

// A builder writes the metadata of a GGUF file, right or wrong.
type builder struct {
	kv []byte
	n  uint64
}

func (b *builder) key(name string, kind gguf.Kind) *builder {
	b.n++
	b.kv = appendText(b.kv, name)
	b.kv = binary.LittleEndian.AppendUint32(b.kv, uint32(kind))
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

func (b *builder) text(name, s string) *builder {
	b.key(name, gguf.String)
	b.kv = appendText(b.kv, s)
	return b
}

func (b *builder) flag(name string, v bool) *builder {
	b.key(name, gguf.Bool)
	b.kv = append(b.kv, map[bool]byte{true: 1}[v])
	return b
}

func (b *builder) int(name string, v int64) *builder {
	b.key(name, gguf.Int64)
	b.kv = binary.LittleEndian.AppendUint64(b.kv, uint64(v))
	return b
}

func (b *builder) array(name string, elem gguf.Kind, n int) *builder {
	b.key(name, gguf.Array)
	b.kv = binary.LittleEndian.AppendUint32(b.kv, uint32(elem))
	b.kv = binary.LittleEndian.AppendUint64(b.kv, uint64(n))
	return b
}

func (b *builder) texts(name string, v []string) *builder {
	b.array(name, gguf.String, len(v))
	for _, s := range v {
		b.kv = appendText(b.kv, s)
	}
	return b
}

func (b *builder) floats(name string, v []float32) *builder {
	b.array(name, gguf.Float32, len(v))
	for _, f := range v {
		b.kv = binary.LittleEndian.AppendUint32(b.kv, math.Float32bits(f))
	}
	return b
}

func (b *builder) ints(name string, v []int32) *builder {
	b.array(name, gguf.Int32, len(v))
	for _, i := range v {
		b.kv = binary.LittleEndian.AppendUint32(b.kv, uint32(i))
	}
	return b
}

func (b *builder) bytes(name string, v []byte) *builder {
	b.array(name, gguf.Uint8, len(v))
	b.kv = append(b.kv, v...)
	return b
}

func (b *builder) file() []byte {
	head := append([]byte("GGUF"), 3, 0, 0, 0)
	head = binary.LittleEndian.AppendUint64(head, 0)
	head = binary.LittleEndian.AppendUint64(head, b.n)
	return append(head, b.kv...)
}

func (b *builder) new(t testing.TB) (*Tokenizer, error) {
	t.Helper()
	file, err := gguf.Parse(b.file())
	if err != nil {
		t.Fatalf("the container is meant to be good: %v", err)
	}
	return New(file.Meta)
}

func (b *builder) must(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := b.new(t)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// tiny returns the metadata of a vocabulary of model in which every text has tokens: bytes, letters, some pieces.
func tiny(model string) *builder { return tinyWith(model, nil) }

// tinyWith is tiny with more tokens at the end, all of kind Normal.
func tinyWith(model string, more []string) *builder {
	b := new(builder).text(keys+"model", model)
	var tokens []string
	var kinds []int32
	add := func(kind Kind, names ...string) {
		for _, s := range names {
			tokens, kinds = append(tokens, s), append(kinds, int32(kind))
		}
	}
	add(Unknown, "<unk>")
	add(Control, "<s>", "</s>")
	add(UserDefined, "<tool>")
	switch model {
	case "gpt2":
		for i := range 256 {
			add(Normal, byteLetters[i])
		}
		add(Normal, "ab", "Ġa", "Ġab", "abc", "ĊĊ")
		b.text(keys+"pre", "gpt-2").texts(keys+"merges", []string{"a b", "Ġ a", "Ġ ab", "ab c", "Ċ Ċ"})
	default:
		for i := range 256 {
			add(Byte, fmt.Sprintf("<0x%02X>", i))
		}
		add(Normal, "▁", "a", "b", "c", "ab", "▁a", "▁ab", "abc", "▁▁", "é", "中")
	}
	add(Normal, more...)
	scores := make([]float32, len(tokens))
	for i := range scores {
		scores[i] = -float32(len(tokens)-i) / 8 // later pieces first
	}
	b.texts(keys+"tokens", tokens).ints(keys+"token_type", kinds)
	b.int(keys+"bos_token_id", 1).int(keys+"eos_token_id", 2).int(keys+"unknown_token_id", 0)
	if model == "llama" || model == "t5" {
		b.floats(keys+"scores", scores)
	}
	return b
}

var models = []string{"gpt2", "llama", "t5", "bert"}
