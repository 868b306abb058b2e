package testmodel

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/godwit-ai/godwit/gguf"
	"github.com/godwit-ai/godwit/quant"
)

// The tiny model's special tokens; the 256 bytes and three merges follow.
const (
	TinyEnd      = 0 // <|endoftext|>
	TinyTurnEnds = 2 // <|im_end|>
	TinyVocab    = 3 + 256 + 3
	TinyContext  = 256
)

const tinyTemplate = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}" +
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

// byteLetters are the characters that stand for bytes in byte-level vocabularies: printable ones for themselves, the others
// from U+0100 on.
func byteLetters() (letters []string) {
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r, next = next, next+1
		}
		letters = append(letters, string(r))
	}
	return letters
}

// Tiny writes a model of two layers with random weights, a byte-level tokenizer and a chat template. Further pairs of keys and
// values replace or add metadata; a nil value leaves the key out.
func Tiny(t testing.TB, meta ...any) string {
	t.Helper()
	const width, heads, kv, hidden, layers = 32, 4, 2, 64, 2
	tokens := append([]string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}, byteLetters()...)
	tokens = append(tokens, "Ġt", "he", "Ġthe")
	kinds := make([]int32, TinyVocab)
	for i := range kinds {
		kinds[i] = 1
		if i < 3 {
			kinds[i] = 3
		}
	}
	all := []any{
		"general.architecture", "llama", "general.name", "Tiny",
		"llama.context_length", uint32(TinyContext), "llama.embedding_length", uint32(width), "llama.block_count", uint32(layers),
		"llama.feed_forward_length", uint32(hidden), "llama.attention.head_count", uint32(heads),
		"llama.attention.head_count_kv", uint32(kv), "llama.attention.layer_norm_rms_epsilon", float32(1e-5),
		"llama.rope.dimension_count", uint32(width / heads), "llama.vocab_size", uint32(TinyVocab),
		"tokenizer.ggml.model", "gpt2", "tokenizer.ggml.pre", "gpt-2", "tokenizer.ggml.tokens", tokens,
		"tokenizer.ggml.token_type", kinds, "tokenizer.ggml.merges", []string{"Ġ t", "h e", "Ġt he"},
		"tokenizer.ggml.bos_token_id", uint32(TinyEnd), "tokenizer.ggml.eos_token_id", uint32(TinyTurnEnds),
		"tokenizer.ggml.add_bos_token", true, "tokenizer.chat_template", tinyTemplate,
	}
	replaced := map[any]bool{}
	for i := 0; i < len(meta); i += 2 {
		replaced[meta[i]] = true
	}
	w := &gguf.Writer{}
	set := func(pairs []any, skip map[any]bool) {
		for i := 0; i < len(pairs); i += 2 {
			if skip[pairs[i]] || pairs[i+1] == nil {
				continue
			}
			if err := w.Set(pairs[i].(string), pairs[i+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	set(all, replaced)
	set(meta, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	add := func(name string, dims ...int) {
		n := 1
		for _, d := range dims {
			n *= d
		}
		data := make([]byte, 0, 4*n)
		for range n {
			v := float32(1)
			if len(dims) > 1 {
				v = 0.5 * (rng.Float32()*2 - 1)
			}
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		if err := w.Add(name, quant.F32, dims, gguf.Bytes(data)); err != nil {
			t.Fatal(err)
		}
	}
	add("token_embd.weight", width, TinyVocab)
	add("output_norm.weight", width)
	for i := range layers {
		l := fmt.Sprintf("blk.%d.", i)
		add(l+"attn_norm.weight", width)
		add(l+"attn_q.weight", width, width)
		add(l+"attn_k.weight", width, width*kv/heads)
		add(l+"attn_v.weight", width, width*kv/heads)
		add(l+"attn_output.weight", width, width)
		add(l+"ffn_norm.weight", width)
		add(l+"ffn_gate.weight", width, hidden)
		add(l+"ffn_up.weight", width, hidden)
		add(l+"ffn_down.weight", hidden, width)
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}
